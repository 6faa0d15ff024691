//! `/api/v1/clients/ADDRESS`: one client and its advice.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clients::ClientView;
use super::failing::FailingNameView;
use super::{SCHEMA, text_of};
use crate::patch::{Owner, OwnerError, Patch};
use observe::{
    Advice, Client, Current, DnsOption, Guess, Identity, Libraries, NameTallies, Observer,
    Recommendation, Resolver, Search, Source, Totals, Workload, advise,
};

/// One client.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ClientDetail {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Its figures, as in the list.
    #[serde(flatten)]
    pub view: ClientView,
    /// Its search list.
    pub search: SearchView,
    /// Its resolver library, guessed from the traffic; null if unknown.
    pub resolver: Option<ResolverView>,
    /// Lookups that have not ended, or may not have.
    pub open_lookups: usize,
    /// The names with the most queries.
    pub names: Vec<NameView>,
    /// The names that fail, at most twelve.
    #[serde(default)]
    pub failing: Vec<FailingNameView>,
    /// What another ndots would save and break; null while the search list is
    /// unknown.
    pub advice: Option<Advice>,
    /// How to set the recommended ndots, if there is one and the workload is known
    /// or a parameter.
    pub patch: Option<ReadyPatch>,
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
    /// Of those, queries whose name was denied and followed by another.
    pub wasted_queries: u64,
}

/// A search list.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SearchView {
    /// `configured`, `pod`, `learned` or `unknown`.
    pub source: String,
    /// The domains, in order.
    pub domains: Vec<String>,
    /// The least and the greatest ndots that fit its queries.
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
pub struct ReadyPatch {
    /// The ndots that it sets.
    pub ndots: u8,
    /// The commands.
    pub steps: Patch,
    /// The same as text for a shell.
    pub text: String,
}

/// A copy of a client, made under the lock of the accounts; the advice is worked
/// out afterwards.
#[derive(Debug)]
pub struct ClientCopy {
    view: ClientView,
    bases: NameTallies,
    search: Search,
    guess: Option<Guess>,
    libraries: Libraries,
    open_lookups: usize,
    identity: Option<Arc<Identity>>,
    failing: Vec<FailingNameView>,
}

impl ClientCopy {
    /// Copies one client of `observer`.
    pub fn of(addr: IpAddr, client: &Client, observer: &Observer) -> Self {
        Self {
            view: ClientView::of(addr, client, observer),
            bases: client.tallies().clone(),
            search: client.search().clone(),
            guess: client.library(),
            libraries: client.libraries(),
            open_lookups: client.open_lookups(),
            identity: client.identity().cloned(),
            failing: failing(addr, client, observer),
        }
    }

    /// Works out the advice, and the patch for `workload`, or else for the workload
    /// of the client's pod.
    ///
    /// # Errors
    ///
    /// When `workload` has a name that is invalid in the Kubernetes API.
    pub fn detail(self, workload: Option<&Workload>) -> Result<ClientDetail, OwnerError> {
        let is_known = self.search.source != Source::Unknown;
        let library = self.guess.map(|guess| guess.library);
        let resolver = Resolver { library, possible: self.libraries };
        let advise = || advise(&self.bases, &Current::from(&self.search), resolver);
        let advice = is_known.then(advise);
        let patch = match (workload, &self.identity, &advice) {
            (Some(workload), _, Some(advice)) => ReadyPatch::of(workload, None, advice)?,
            (Some(workload), _, None) => owner(workload).map(|_| None)?,
            // A kind whose template is unknown has no patch.
            (None, Some(identity), Some(advice)) => {
                let options = Some(&identity.options[..]);
                ReadyPatch::of(&identity.workload, options, advice).unwrap_or_default()
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
            failing: self.failing,
            advice,
            patch,
        })
    }
}

fn failing(addr: IpAddr, client: &Client, observer: &Observer) -> Vec<FailingNameView> {
    let workload = client
        .identity()
        .map_or_else(|| Workload::of_addr(addr), |identity| (*identity.workload).clone());
    FailingNameView::of(client.failing(), &workload, observer, |_| vec![addr])
}

impl ReadyPatch {
    /// Makes the patch for a workload with this advice; `options` are those of its
    /// pods' `dnsConfig`, if known.
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
        let library = match guess.library {
            stub::Library::Glibc => "glibc",
            stub::Library::Musl => "musl",
            stub::Library::Go => "go",
        };
        Self { library: library.to_owned(), confidence: guess.confidence }
    }
}

/// Names of a client in its page: a screen of them.
const NAMES: usize = 20;
