//! `/api/v1/clients/ADDRESS`: one client, and what it could do.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clients::ClientView;
use super::{SCHEMA, text_of};
use crate::patch::{Owner, OwnerError, Patch};
use observe::{
    Advice, Client, Current, DnsOption, Guess, Identity, NameTallies, Observer, Recommendation,
    Search, Source, Totals, Workload, advise,
};

/// One client.
#[derive(Clone, Debug, Deserialize, Serialize)]
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
    /// The names that it looks up most.
    pub names: Vec<NameView>,
    /// What another ndots would save, and break; null while the search list is
    /// not known.
    pub advice: Option<Advice>,
    /// The way to the ndots that is advised, if its workload is known or was
    /// named and an ndots is advised.
    pub patch: Option<Ready>,
}

/// A name that a client looks up.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct NameView {
    /// The name, as its program gives it.
    pub name: String,
    /// Lookups of it.
    pub lookups: u64,
    /// Queries for them.
    pub lookup_queries: u64,
    /// Of those, the ones whose name was denied and followed by another.
    pub wasted_queries: u64,
}

/// A search list.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SearchView {
    /// `configured`, `pod`, `learned` or `unknown`.
    pub source: String,
    /// The domains, in order.
    pub domains: Vec<String>,
    /// The least and the greatest ndots that fit to what it asks.
    pub ndots: [u8; 2],
}

/// A guess at a resolver.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ResolverView {
    /// `glibc`, `musl` or `go`.
    pub library: String,
    /// How likely it is, in percent.
    pub confidence: u8,
}

/// A patch to paste.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Ready {
    /// The ndots that it sets.
    pub ndots: u8,
    /// The commands.
    pub steps: Patch,
    /// The same as text for a shell.
    pub text: String,
}

/// What is copied of a client while the accounts stand still; the advice is
/// worked out afterwards.
#[derive(Debug)]
pub struct Taken {
    view: ClientView,
    bases: NameTallies,
    search: Search,
    guess: Option<Guess>,
    open_lookups: usize,
    identity: Option<Arc<Identity>>,
}

impl Taken {
    /// Copies one client of `observer`.
    pub fn of(addr: IpAddr, client: &Client, observer: &Observer) -> Self {
        Self {
            view: ClientView::of(addr, client, observer),
            bases: client.tallies.clone(),
            search: client.search.clone(),
            guess: client.family(),
            open_lookups: client.lookups.len(),
            identity: client.identity.clone(),
        }
    }

    /// Works out what the client could do, and the patch for `workload`, or for
    /// the one that it is known to belong to.
    ///
    /// # Errors
    ///
    /// When the workload has a name that the API would not take.
    pub fn detail(self, workload: Option<&Workload>) -> Result<ClientDetail, OwnerError> {
        let is_known = self.search.source != Source::Unknown;
        let family = self.guess.map(|guess| guess.family);
        let advise = || advise(&self.bases, &Current::from(&self.search), family);
        let advice = is_known.then(advise);
        let patch = match (workload, &self.identity, &advice) {
            (Some(workload), _, Some(advice)) => Ready::of(workload, None, advice)?,
            (Some(workload), _, None) => owner(workload).map(|_| None)?,
            // A kind without a template that is known has no patch.
            (None, Some(identity), Some(advice)) => {
                let options = Some(&identity.options[..]);
                Ready::of(&identity.workload, options, advice).unwrap_or_default()
            }
            _ => None,
        };
        Ok(ClientDetail {
            schema: SCHEMA,
            view: self.view,
            search: SearchView::of(&self.search),
            resolver: self.guess.map(ResolverView::of),
            open_lookups: self.open_lookups,
            names: names(&self.bases),
            advice,
            patch,
        })
    }
}

impl Ready {
    /// Makes the patch for a workload of which this is advised; `options` is
    /// what its pods' `dnsConfig` has, if that is known.
    pub(super) fn of(
        workload: &Workload,
        options: Option<&[DnsOption]>,
        advice: &Advice,
    ) -> Result<Option<Self>, OwnerError> {
        let owner = owner(workload)?;
        let Recommendation::Ndots(ndots) = advice.recommendation else { return Ok(None) };
        let steps = owner.patch(ndots, options);
        Ok(Some(Self { ndots, text: steps.to_string(), steps }))
    }
}

fn owner(workload: &Workload) -> Result<Owner, OwnerError> {
    Owner::new(&workload.kind, &workload.namespace, &workload.name)
}

pub(super) fn names(bases: &NameTallies) -> Vec<NameView> {
    let view = |(name, totals): (&[u8], Totals)| NameView {
        name: text_of(name),
        lookups: totals.lookups,
        lookup_queries: totals.queries,
        wasted_queries: totals.wasted_queries,
    };
    bases.most_queried(NAMES).into_iter().map(view).collect()
}

impl SearchView {
    pub(super) fn of(search: &Search) -> Self {
        let (least, most) = search.ndots.bounds();
        Self {
            source: search.source.label().to_owned(),
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
    pub(super) fn of(guess: Guess) -> Self {
        let library = match guess.family {
            stub::Family::Glibc => "glibc",
            stub::Family::Musl => "musl",
            stub::Family::Go => "go",
        };
        Self { library: library.to_owned(), confidence: guess.confidence }
    }
}

/// Names of a client that are shown: a screen of them.
const NAMES: usize = 20;
