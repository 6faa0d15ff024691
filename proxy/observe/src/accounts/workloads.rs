//! The accounts of workloads: what their pods asked, those of today and those
//! that are gone.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::quality::RandomState;
use resolver::{Moment, Origin};

use super::client::Client;
use super::failing::FailingNames;
use super::identity::Workload;
use super::name_tallies::NameTallies;
use crate::config::ObserveConfig;
use crate::lookup::{Guess, Libraries, Search, Source};
use crate::tables::{Counters, Windows};

/// What some clients asked and got, taken together.
#[derive(Clone, Debug)]
pub struct Account {
    /// Their counts.
    pub counters: Counters,
    /// Their responses by where they came from.
    pub origins: Windows<{ Origin::COUNT }>,
    /// Their names that failed lately.
    pub failing: FailingNames,
    /// Their lookups by name, of all those with this search list.
    pub tallies: NameTallies,
    /// What is known about their resolv.conf: of those that are known the one
    /// that began to ask last, for a rollout changes it.
    pub search: Search,
    /// The library that most speaks for.
    pub guess: Option<Guess>,
    /// The libraries that they may have.
    pub libraries: Libraries,
    /// Lookups that are under way.
    pub open_lookups: usize,
    /// When the first query of them arrived.
    pub first: Moment,
    /// When the last query of them arrived.
    pub last: Moment,
    names: usize,
    /// When the client began whose search list it is.
    told: Moment,
}

/// What clients asked that have no account any more, by their workload.
#[derive(Debug)]
pub struct Workloads {
    gone: HashMap<Arc<Workload>, Account, RandomState>,
    capacity: usize,
}

impl Account {
    /// Nobody asked; up to `names` names will be held.
    pub fn new(names: usize, now: Moment) -> Self {
        Self {
            counters: Counters::new(now),
            origins: Windows::new(now),
            failing: FailingNames::default(),
            tallies: NameTallies::new(names),
            search: Search::unknown(),
            guess: None,
            libraries: Libraries::default(),
            open_lookups: 0,
            first: now,
            last: Moment::default(),
            names,
            told: Moment::default(),
        }
    }

    /// Adds what a client asked.
    pub fn add(&mut self, client: &Client) {
        self.add_figures(client);
        self.add_lookups(client);
    }

    /// Adds what a client asked but for its lookups by name, which are most of it.
    pub fn add_figures(&mut self, client: &Client) {
        self.counters.merge(&client.counters);
        self.origins.merge(&client.origins);
        self.failing.merge(&client.failing);
        self.first = self.first.min(client.first);
        self.last = self.last.max(client.last);
        self.open_lookups += client.lookups.len();
        if let Some(guess) = client.library()
            && self
                .guess
                .is_none_or(|known| known.confidence < guess.confidence)
        {
            self.guess = Some(guess);
        }
        self.libraries = self.libraries.or(client.libraries());
    }

    /// Copies all but the lookups by name.
    #[must_use]
    pub fn figures(&self) -> Self {
        Self {
            counters: self.counters.clone(),
            origins: self.origins.clone(),
            failing: self.failing.clone(),
            tallies: NameTallies::new(self.names),
            search: self.search.clone(),
            ..*self
        }
    }

    /// A place in one search list means nothing in another, and another ndots
    /// makes other walks: what is advised is from the lookups of one
    /// resolv.conf.
    fn add_lookups(&mut self, client: &Client) {
        if client.search.source == Source::Unknown {
            return;
        }
        if client.search == self.search {
            self.tallies.merge(&client.tallies);
        } else if self.search.source == Source::Unknown || client.first >= self.told {
            self.search = client.search.clone();
            self.tallies = NameTallies::new(self.names);
            self.tallies.merge(&client.tallies);
        } else {
            return;
        }
        self.told = self.told.max(client.first);
    }
}

impl Workloads {
    pub(crate) fn new(config: &ObserveConfig) -> Self {
        Self { gone: HashMap::default(), capacity: config.clients.max(1) }
    }

    /// Returns what clients of a workload asked that have no account any more.
    pub fn gone(&self, workload: &Workload) -> Option<&Account> {
        self.gone.get(workload)
    }

    /// Iterates over the workloads of such clients, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<Workload>, &Account)> {
        self.gone.iter()
    }

    /// Keeps what a client asked that leaves. Without an identity it asked in
    /// nobody's name, and nothing is kept.
    pub(crate) fn keep(&mut self, client: &Client, names: usize, now: Moment) {
        let Some(identity) = &client.identity else { return };
        if !self.gone.contains_key(&identity.workload) && self.gone.len() >= self.capacity {
            self.forget();
        }
        let workload = Arc::clone(&identity.workload);
        let account = self.gone.entry(workload);
        let account = account.or_insert_with(|| Account::new(names, now));
        account.add(client);
        account.open_lookups = 0;
    }

    pub(crate) fn advance(&mut self, now: Moment) {
        for account in self.gone.values_mut() {
            account.counters.advance(now);
            account.origins.advance(now);
        }
    }

    pub(crate) fn decay(&mut self) {
        for account in self.gone.values_mut() {
            account.failing.decay();
        }
    }

    /// Lets the one go that was silent longest.
    fn forget(&mut self) {
        let silent = self.gone.iter().min_by_key(|(_, account)| account.last);
        if let Some(workload) = silent.map(|(workload, _)| Arc::clone(workload)) {
            self.gone.remove(&workload);
        }
    }
}
