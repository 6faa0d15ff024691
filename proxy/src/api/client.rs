//! `/api/v1/clients/ADDRESS`: one client, and what it could do.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::clients::ClientView;
use super::{SCHEMA, text_of};
use crate::observe::advice::{
    Advice, Bases, Current, Owner, OwnerError, Patch, Recommendation, advise,
};
use crate::observe::{Client, Guess, Observer, Search, Source};

/// One client.
#[derive(Clone, Debug, Serialize)]
pub struct ClientDetail {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Its figures, as in the list.
    #[serde(flatten)]
    pub view: ClientView,
    /// What is known about its resolv.conf.
    pub search: SearchView,
    /// The library that it seems to look names up with; null if nothing speaks
    /// for one.
    pub resolver: Option<ResolverView>,
    /// Lookups that are under way, or may be.
    pub open_lookups: usize,
    /// What another ndots would save, and break; null while the search list is
    /// not known.
    pub advice: Option<Advice>,
    /// The way to the ndots that is advised, if a workload was named and an
    /// ndots is advised.
    pub patch: Option<Ready>,
}

/// A search list.
#[derive(Clone, Debug, Serialize)]
pub struct SearchView {
    /// `configured`, `learned` or `unknown`.
    pub source: &'static str,
    /// The domains, in order.
    pub domains: Vec<String>,
    /// The least and the greatest ndots that fit to what it asks.
    pub ndots: [u8; 2],
}

/// A guess at a resolver.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ResolverView {
    /// `glibc`, `musl` or `go`.
    pub library: &'static str,
    /// How likely it is, in percent.
    pub confidence: u8,
}

/// A patch to paste.
#[derive(Clone, Debug, Serialize)]
pub struct Ready {
    /// The ndots that it sets.
    pub ndots: u8,
    /// The commands.
    pub steps: Patch,
    /// The same as text for a shell.
    pub text: String,
}

/// The workload whose pods a client is one of, as its owner names it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// `Deployment` and so on.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What is copied of a client while the accounts stand still; the advice is
/// worked out afterwards.
#[derive(Debug)]
pub struct Taken {
    view: ClientView,
    bases: Bases,
    search: Search,
    guess: Option<Guess>,
    open_lookups: usize,
}

impl Taken {
    /// Copies one client of `observer`.
    pub fn of(addr: IpAddr, client: &Client, observer: &Observer) -> Self {
        Self {
            view: ClientView::of(addr, client, observer),
            bases: client.bases.clone(),
            search: client.search.clone(),
            guess: client.family(),
            open_lookups: client.chains.len(),
        }
    }

    /// Works out what the client could do, and the patch for `workload`.
    ///
    /// # Errors
    ///
    /// When the workload has a name that the API would not take.
    pub fn detail(self, workload: Option<&Workload>) -> Result<ClientDetail, OwnerError> {
        let owner =
            workload.map(|Workload { kind, namespace, name }| Owner::new(kind, namespace, name));
        let owner = owner.transpose()?;
        let is_known = self.search.source != Source::Unknown;
        let family = self.guess.map(|guess| guess.family);
        let advise = || advise(&self.bases, &Current::from(&self.search), family);
        let advice = is_known.then(advise);
        let recommendation = advice.as_ref().map(|advice| advice.recommendation);
        let patch = match (owner, recommendation) {
            (Some(owner), Some(Recommendation::Ndots(ndots))) => {
                let steps = owner.patch(ndots, None);
                Some(Ready { ndots, text: steps.to_string(), steps })
            }
            _ => None,
        };
        Ok(ClientDetail {
            schema: SCHEMA,
            view: self.view,
            search: SearchView::of(&self.search),
            resolver: self.guess.map(ResolverView::of),
            open_lookups: self.open_lookups,
            advice,
            patch,
        })
    }
}

impl SearchView {
    fn of(search: &Search) -> Self {
        let (least, most) = search.ndots.bounds();
        Self {
            source: search.source.label(),
            domains: search
                .domains
                .iter()
                .map(|domain| text_of(domain))
                .collect(),
            ndots: [least, most],
        }
    }
}

impl ResolverView {
    const fn of(guess: Guess) -> Self {
        let library = match guess.family {
            stub::Family::Glibc => "glibc",
            stub::Family::Musl => "musl",
            stub::Family::Go => "go",
        };
        Self { library, confidence: guess.confidence }
    }
}
