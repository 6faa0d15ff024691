//! What is known about the traffic: every record goes through here.

use std::net::SocketAddr;
use std::time::Duration;

use dns::Name;
use resolver::{Moment, Origin};

use crate::accounts::{
    Clients, Identities, Noted, Slot, UpstreamAccount, WatchStatus, Workloads, ZoneAccounts,
    client_key, is_answer, note_unsent,
};
use crate::config::ObserveConfig;
use crate::intake::{Batch, QueryEvent, QueryFlags};
use crate::lookup::{Alike, LookupContext, Retransmits};
use crate::tables::{Counters, HeavyHitters, History, Windows, hash_of_name};

mod attribute;
mod read;
mod settle;

/// The accounts of the node, its clients and its upstreams.
#[derive(Debug)]
pub struct Observer {
    /// What is remembered, and how much.
    pub(crate) config: ObserveConfig,
    /// The node's own counts.
    pub(crate) node: Counters,
    /// Its responses by where they came from.
    pub(crate) origins: Windows<{ Origin::COUNT }>,
    /// The same by ten seconds.
    pub(crate) history: History<{ Origin::COUNT }>,
    /// Its clients.
    pub(crate) clients: Clients,
    /// Whose addresses are known.
    pub(crate) names: Identities,
    /// How it stands with who names them; `None` if nobody does.
    pub(crate) watch: Option<WatchStatus>,
    /// The workloads of clients that have no account any more.
    pub(crate) workloads: Workloads,
    /// Its upstreams, by their number.
    pub(crate) upstreams: Vec<UpstreamAccount>,
    /// Their addresses, as far as they are known.
    pub(crate) upstream_addrs: Vec<SocketAddr>,
    /// Responses by the forward zone of their names.
    pub(crate) zones: ZoneAccounts,
    /// The names asked most, in wire form.
    pub(crate) top_names: HeavyHitters,
    /// The names that an upstream was asked most, in wire form.
    pub(crate) top_misses: HeavyHitters,
    /// The clients that ask most, by [`client_key`].
    pub(crate) top_clients: HeavyHitters,
    /// The pairs of a client, by its key, and a base name that waste most
    /// queries.
    pub(crate) top_pairs: HeavyHitters,
    /// When it began.
    pub(crate) started: Moment,
    /// Until when it knows everything.
    pub(crate) now: Moment,
    /// Records taken.
    pub(crate) records: u64,
    /// Queries of our own that a loop brought back: on nobody's account.
    pub(crate) returned: u64,
    /// Records that found no room in their ring.
    pub(crate) missed: u64,
    /// Queries of closed accounts that nobody was named for.
    pub(crate) unattributed: u64,
    /// Clients that asked since the last settling.
    pub(super) active: Vec<Slot>,
    pub(super) retransmits: Retransmits,
    pub(super) context: LookupContext,
    /// All that was answered before this has been given to its lookup.
    pub(super) settled: Moment,
    decayed: Moment,
}

impl Observer {
    /// Starts without anything, for these forward zones and so many upstreams.
    pub fn new(config: ObserveConfig, zones: &[Name], upstreams: usize, now: Moment) -> Self {
        Self {
            node: Counters::new(now),
            origins: Windows::new(now),
            history: History::new(now),
            clients: Clients::new(config.clients),
            names: Identities::default(),
            watch: None,
            workloads: Workloads::new(&config),
            upstreams: vec![UpstreamAccount::new(now); upstreams],
            upstream_addrs: Vec::new(),
            zones: ZoneAccounts::new(zones, now),
            top_names: HeavyHitters::new(config.top),
            top_misses: HeavyHitters::new(config.top),
            top_clients: HeavyHitters::new(config.top),
            top_pairs: HeavyHitters::new(config.top),
            active: Vec::new(),
            retransmits: Retransmits::default(),
            context: LookupContext::new(&config.cluster_domain, config.open_lookups),
            config,
            started: now,
            now,
            records: 0,
            returned: 0,
            missed: 0,
            unattributed: 0,
            settled: now,
            decayed: now,
        }
    }

    /// Goes on with these forward zones and upstreams, by their number; numbers stay
    /// what they are.
    pub fn reload(&mut self, zones: &[Name], upstreams: &[SocketAddr]) {
        let more = UpstreamAccount::new(self.now);
        self.upstreams
            .resize(upstreams.len().max(self.upstreams.len()), more);
        self.upstream_addrs = upstreams.to_vec();
        self.zones.reload(zones, self.now);
    }

    /// Accounts for some queries, those that were answered first before the
    /// others.
    pub fn take_all(&mut self, part: &Batch) {
        let mut marks = [Marks::default(); Batch::ROOM];
        for (event, marks) in part.iter().zip(&mut marks) {
            *marks = self.mark(&event);
        }
        // One after another without work between them, for the processor to
        // fetch them side by side.
        let mut before = None;
        for marks in marks.iter().take(part.len()) {
            self.retransmits.touch(marks.alike);
            if let Some(slot) = marks.slot.filter(|_| marks.slot != before) {
                self.clients.touch(slot, marks.name);
            }
            before = marks.slot;
        }
        for (event, marks) in part.iter().zip(marks) {
            self.take_marked(&event, marks);
        }
    }

    /// Accounts for one query, which was answered after all before it.
    pub fn take(&mut self, event: &QueryEvent<'_>) {
        let marks = self.mark(event);
        self.take_marked(event, marks);
    }

    fn mark(&mut self, event: &QueryEvent<'_>) -> Marks {
        let name = hash_of_name(event.qname);
        let alike = Alike::of(&event.record, name);
        Marks { name, alike, slot: self.clients.slot_of(event.record.client) }
    }

    fn take_marked(&mut self, event: &QueryEvent<'_>, marks: Marks) {
        if event.record.flags.has(QueryFlags::RETURNED) {
            self.returned += 1;
            return;
        }
        if event.is_own_check(&self.config.own) {
            return;
        }
        if event.record.origin == Origin::Unsent {
            return self.take_unsent(event);
        }
        let noted = Noted::of(&event.record);
        self.note(event, marks, &noted);
        let repeated = self.retransmits.judge(event, marks.alike);
        self.place(event, (marks, &noted), repeated);
        if let Some((addr, asked)) = self.clients.take_forgotten() {
            self.top_clients.add(&client_key(addr), asked.into());
        }
    }

    /// Counts a response that could not be sent; its query has been counted.
    fn take_unsent(&mut self, event: &QueryEvent<'_>) {
        let now = self.now;
        note_unsent(&mut self.node, &mut self.origins, &event.record, now);
        if let Some(client) = self.clients.get_mut(event.record.client) {
            client.note_unsent(event, now);
        }
        if is_answer(event.record.rcode) {
            self.history.add(Origin::Unsent.index(), now);
            self.zones.note(event, now);
        }
    }

    /// Counts a query in the accounts of the node and of its upstream.
    fn note(&mut self, event: &QueryEvent<'_>, marks: Marks, noted: &Noted) {
        let now = self.now;
        self.records += 1;
        noted.count(&mut self.node, &mut self.origins, now);
        if event.record.origin != Origin::Rejected {
            self.top_names.add_hashed(event.qname, marks.name, 1);
        }
        if event.record.flags.has(QueryFlags::ASKED) {
            self.top_misses.add_hashed(event.qname, marks.name, 1);
        }
        if !event.record.flags.has(QueryFlags::REPEATED) {
            self.history.add(event.record.counted().index(), now);
        }
        self.zones.note(event, now);
        let upstream = event.record.upstream.map(usize::from);
        // One that came later; its number is one octet.
        if upstream.is_some_and(|at| at >= self.upstreams.len()) {
            let len = upstream.map_or(0, |at| at + 1);
            self.upstreams.resize(len, UpstreamAccount::new(now));
        }
        if let Some(upstream) = upstream.and_then(|at| self.upstreams.get_mut(at)) {
            upstream.note(event, now);
        }
    }

    /// Moves on to `now`: closes windows and lets what is long ago count less.
    pub fn advance(&mut self, now: Moment) {
        let same = now.as_secs() <= self.now.as_secs();
        self.now = self.now.max(now);
        if same {
            return;
        }
        self.node.advance(now);
        self.origins.advance(now);
        self.history.advance(now);
        self.sweep();
        self.workloads.advance(now);
        self.zones.advance(now);
        for upstream in &mut self.upstreams {
            upstream.advance(now);
        }
        if now.saturating_since(self.decayed) >= DECAY {
            self.decayed = now;
            self.top_names.decay();
            self.top_misses.decay();
            self.top_clients.decay();
            self.top_pairs.decay();
            self.clients
                .iter_mut()
                .for_each(|client| client.failing.decay());
            self.workloads.decay();
        }
    }
}

/// What is worked out about a record before its turn comes.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    /// The hash of its name.
    name: u64,
    /// What it has in common with others.
    alike: Alike,
    /// Where the account of its client is, or was.
    slot: Option<Slot>,
}

/// What was asked two minutes ago counts a quarter.
const DECAY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
