//! The search list and the ndots of a client, learned from what it asks.
//!
//! Names that were denied and begin with the name that is asked now were its base
//! under the domains of the search list. The list of Kubernetes is believed after
//! one base, since its domains tell themselves: `x.NAMESPACE.svc.D`, then
//! `x.svc.D`. Any other list has to be seen for several bases.

use std::time::Duration;

use resolver::Moment;

use super::search::{Ndots, Search, Source};
use crate::intake::QueryEvent;
use crate::tables::hash_of;
use crate::wire::dots;

mod cluster_list;
mod recent;

use cluster_list::ClusterDomain;
pub(crate) use recent::Held;
use recent::Recent;

/// Watches a client whose search list nobody says.
#[derive(Debug, Default)]
pub(crate) struct Learner {
    recent: Recent,
    lists: Vec<List>,
    least_ndots: u8,
    most_ndots: Option<u8>,
    /// Bases of another namespace since the last one of the known.
    elsewhere: u8,
    /// When it was last seen to search.
    searched: Option<Moment>,
    /// Octets of the base that was learned from.
    base: usize,
}

/// A search list that some bases speak for.
#[derive(Debug)]
struct List {
    domains: Vec<Box<[u8]>>,
    bases: Vec<u64>,
    least_ndots: u8,
}

impl Learner {
    /// Takes a query that was not sent before, for a name of which `asked` is the hash,
    /// and says what is known if that changed.
    pub(crate) fn take(
        &mut self,
        event: &QueryEvent<'_>,
        asked: u64,
        known: &Search,
        cluster_domain: &[u8],
    ) -> Option<Search> {
        let now = event.record.arrived;
        let capacity = if known.source == Source::Unknown { UNKNOWN } else { KNOWN };
        self.recent.forget(now, capacity);
        let is_new = self.recent.is_new(asked);
        let is_any_denied = self.recent.look(event);
        let cluster = ClusterDomain(cluster_domain);
        let may_teach = is_any_denied && is_new;
        let learned = if may_teach { self.learn(event, known, cluster) } else { None };
        self.recent.push(event, is_any_denied);
        learned
    }

    /// Goes on from what was learned before.
    pub(crate) fn resume(&mut self, ndots: Ndots) {
        let (least, most) = ndots.bounds();
        self.least_ndots = least;
        self.most_ndots = (most < MAX_NDOTS).then_some(most);
    }

    /// Returns the queries before that for `qname`, which a list was learned from, for
    /// names with the same base: they are to be placed again, by that list.
    pub(crate) fn before(&self, qname: &[u8]) -> Vec<Held> {
        let base = qname.get(..self.base).unwrap_or(qname);
        self.recent.under(base)
    }

    /// Says whether the client was seen to search a list of late.
    pub(crate) fn searches(&self, now: Moment) -> bool {
        let searched = self.searched;
        searched.is_some_and(|searched| now.saturating_since(searched) < SEARCHES)
    }

    /// Compares a name with those that were asked before it.
    fn learn(
        &mut self,
        event: &QueryEvent<'_>,
        known: &Search,
        cluster: ClusterDomain<'_>,
    ) -> Option<Search> {
        let qname = event.qname;
        let base = qname.get(..qname.len().checked_sub(1)?)?;
        self.bound_above(event, known, cluster);
        let domains = self.recent.suffixes_of(base, event);
        if !domains.is_empty() {
            let least = dots(qname).saturating_add(1).min(MAX_NDOTS);
            if domains
                .iter()
                .copied()
                .eq(known.domains.iter().map(|domain| &**domain))
            {
                // So it is each time.
                self.least_ndots = self.least_ndots.max(least);
                self.elsewhere = 0;
                return self.changed(None, known);
            }
            let domains = domains.into_iter().map(Box::from).collect();
            self.searched = Some(event.record.arrived);
            self.base = base.len();
            return self.weigh(domains, (hash_of(base), least), known, cluster);
        }
        let Some((domains, base)) = cluster.pair(&self.recent, event, known) else {
            if known.source == Source::Unknown && self.recent.has_under(base, event) {
                self.searched = Some(event.record.arrived);
            }
            return self.changed(None, known);
        };
        if !self.recent.has(base) {
            let dots = u8::try_from(labels(base).saturating_sub(1)).unwrap_or(MAX_NDOTS);
            self.least_ndots = self.least_ndots.max(dots.saturating_add(1).min(MAX_NDOTS));
        }
        self.base = base.len();
        self.believe_cluster(domains, known)
    }

    /// A name that was denied as it is, and is asked under the first domain next, has
    /// at least as many dots as ndots says.
    fn bound_above(&mut self, event: &QueryEvent<'_>, known: &Search, cluster: ClusterDomain<'_>) {
        let is_first = |suffix: &[u8]| {
            let first = known.domains.first();
            first.is_some_and(|first| **first == *suffix) || cluster.is_namespace(suffix)
        };
        if let Some(base) = self.recent.asked_whole_before(event, is_first) {
            self.searched = Some(event.record.arrived);
            let most = self.most_ndots.map_or(base, |most| most.min(base));
            self.most_ndots = Some(most);
        }
    }

    /// Weighs a list that was walked to its end for one base.
    fn weigh(
        &mut self,
        domains: Vec<Box<[u8]>>,
        (base, least): (u64, u8),
        known: &Search,
        cluster: ClusterDomain<'_>,
    ) -> Option<Search> {
        if let Some(domains) = cluster.list_of(&domains, known) {
            self.least_ndots = self.least_ndots.max(least);
            return self.believe_cluster(domains, known);
        }
        // A client that caches what was denied shows a part of its list.
        if is_part(&domains, &known.domains) {
            self.least_ndots = self.least_ndots.max(least);
            return self.changed(None, known);
        }
        let domains = self.vote(domains, base, least);
        self.changed(domains, known)
    }

    /// Believes a list of Kubernetes, unless it is the known one of another namespace
    /// behind the same address, or a part of it.
    fn believe_cluster(&mut self, domains: Vec<Box<[u8]>>, known: &Search) -> Option<Search> {
        let beside = |list: &[Box<[u8]>]| list.get(1..).unwrap_or_default().to_vec();
        let is_known = is_part(&domains, &known.domains);
        let is_elsewhere = !is_known && is_part(&beside(&domains), &beside(&known.domains));
        if is_known {
            self.elsewhere = 0;
        } else if is_elsewhere && self.elsewhere < ELSEWHERE {
            self.elsewhere += 1;
        } else {
            self.elsewhere = 0;
            return self.changed(Some(domains), known);
        }
        self.changed(None, known)
    }

    /// Says what is known now, if it is not what was known.
    fn changed(&mut self, domains: Option<Vec<Box<[u8]>>>, known: &Search) -> Option<Search> {
        // One of them was another program's.
        if self.most_ndots.is_some_and(|most| most < self.least_ndots) {
            self.most_ndots = None;
        }
        let most = self.most_ndots.unwrap_or(MAX_NDOTS);
        let ndots = Ndots::Between(self.least_ndots, most);
        let is_known = known.source == Source::Learned;
        let same_domains = domains
            .as_ref()
            .is_none_or(|domains| *domains == known.domains);
        if (domains.is_none() && !is_known) || (same_domains && ndots == known.ndots) {
            return None;
        }
        let domains = domains.unwrap_or_else(|| known.domains.clone());
        Some(Search { domains, ndots, source: Source::Learned })
    }

    /// Counts a base that speaks for a list; returns the list once it is believed,
    /// and forgets the others then.
    fn vote(&mut self, domains: Vec<Box<[u8]>>, base: u64, least: u8) -> Option<Vec<Box<[u8]>>> {
        let at = self.lists.iter().position(|list| list.domains == domains);
        let at = at.unwrap_or_else(|| {
            if self.lists.len() >= LISTS {
                self.lists.remove(0);
            }
            self.lists
                .push(List { domains, bases: Vec::new(), least_ndots: 0 });
            self.lists.len() - 1
        });
        let list = self.lists.get_mut(at)?;
        list.least_ndots = list.least_ndots.max(least);
        if list.bases.len() < BELIEVED && !list.bases.contains(&base) {
            list.bases.push(base);
        }
        if list.bases.len() < BELIEVED {
            return None;
        }
        let list = self.lists.swap_remove(at);
        self.least_ndots = self.least_ndots.max(list.least_ndots);
        self.lists
            .retain(|other| !is_part(&other.domains, &list.domains));
        Some(list.domains)
    }
}

/// Says whether these are some of a list, in its order.
fn is_part(some: &[Box<[u8]>], all: &[Box<[u8]>]) -> bool {
    let mut all = all.iter();
    some.iter().all(|domain| all.any(|other| other == domain))
}

/// Counts the labels of the beginning of a name.
fn labels(start: &[u8]) -> usize {
    let (mut rest, mut count) = (start, 0);
    while let Some((length @ 1.., tail)) = rest.split_first() {
        rest = tail.get(usize::from(*length)..).unwrap_or_default();
        count += 1;
    }
    count
}

/// Queries that are kept of a client whose list is not known: 16 walks side by side.
const UNKNOWN: usize = 128;

/// The same of one whose list was learned, to see it change.
const KNOWN: usize = 32;

/// How long a client that was seen to search is taken for one that does.
const SEARCHES: Duration = Duration::from_secs(60);

/// Bases that have to speak for a list that is not Kubernetes'.
const BELIEVED: usize = 3;

/// Bases in a row after which an address is believed to be in another namespace, and
/// not in two.
const ELSEWHERE: u8 = 32;

/// Lists that are weighed against each other.
const LISTS: usize = 4;

/// `RES_MAXNDOTS` of glibc; musl cuts there too.
const MAX_NDOTS: u8 = 15;

#[cfg(test)]
mod tests;
