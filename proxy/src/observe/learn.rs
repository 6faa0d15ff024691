//! The search list and the ndots of a client, learned from what it asks.

use std::collections::VecDeque;
use std::time::Duration;

use dns::Rcode;

use super::record::{Seen, Traits};
use super::search::{Ndots, Search, Source, dots, hash_of};
use crate::moment::Moment;

/// Watches a client of whom nothing is known.
///
/// Names that were denied and begin with the name that is asked now were its
/// base under the domains of the search list; the same list for three bases is
/// believed.
#[derive(Debug, Default)]
pub(super) struct Learner {
    /// Names that were denied of late, in their order.
    denied: VecDeque<Denied>,
    lists: Vec<List>,
    least_ndots: u8,
    most_ndots: Option<u8>,
}

#[derive(Debug)]
struct Denied {
    name: Box<[u8]>,
    at: Moment,
}

/// A search list that some bases speak for.
#[derive(Debug)]
struct List {
    domains: Vec<Box<[u8]>>,
    bases: Vec<u64>,
}

impl Learner {
    /// Takes a query that was not sent before, and says what is known if that
    /// changed.
    pub(super) fn take(&mut self, seen: &Seen<'_>, known: &Search) -> Option<Search> {
        let now = seen.record.arrived;
        while self
            .denied
            .front()
            .is_some_and(|front| now.saturating_since(front.at) > RECENT)
        {
            self.denied.pop_front();
        }
        let is_same = self
            .denied
            .back()
            .is_some_and(|last| *last.name == *seen.qname);
        let list = if is_same { None } else { self.suffixes_before(seen.qname) };
        let changed = list.and_then(|list| self.vote(list, seen.qname));
        if is_denied(seen) && !is_same {
            if self.denied.len() >= REMEMBERED {
                self.denied.pop_front();
            }
            self.denied
                .push_back(Denied { name: seen.qname.into(), at: now });
        }
        let domains = changed.unwrap_or_else(|| known.domains.clone());
        if domains.is_empty() {
            return None;
        }
        let most = self.most_ndots.unwrap_or(MAX_NDOTS).max(self.least_ndots);
        let ndots = Ndots::Between(self.least_ndots, most);
        let learned = Search { domains, ndots, source: Source::Learned };
        (learned != *known).then_some(learned)
    }

    /// Returns the domains under which `qname` was just denied, in order, if
    /// any; and notes what that says about ndots.
    fn suffixes_before(&mut self, qname: &[u8]) -> Option<Vec<Box<[u8]>>> {
        let base = qname.get(..qname.len().checked_sub(1)?)?;
        if base.is_empty() {
            return None;
        }
        let mut suffixes: Vec<Box<[u8]>> = Vec::new();
        for denied in &self.denied {
            if *denied.name == *qname {
                // What came under it was after it, or of a lookup before.
                return None;
            }
            if let Some(suffix) = denied.name.strip_prefix(base)
                && suffix.len() > 1
                && !suffixes.iter().any(|known| **known == *suffix)
            {
                suffixes.push(suffix.into());
            }
            // Asked as it is, and then under a domain.
            let whole = denied.name.len().saturating_sub(1);
            let before = denied.name.get(..whole).unwrap_or_default();
            if !before.is_empty() && qname.len() > denied.name.len() && qname.starts_with(before) {
                let dots = dots(&denied.name);
                self.most_ndots = Some(self.most_ndots.map_or(dots, |most| most.min(dots)));
            }
        }
        (!suffixes.is_empty()).then_some(suffixes)
    }

    /// Counts a base that speaks for a list; returns the list once it is
    /// believed.
    fn vote(&mut self, domains: Vec<Box<[u8]>>, base: &[u8]) -> Option<Vec<Box<[u8]>>> {
        let dots = dots(base);
        let hash = hash_of(base);
        let at = self.lists.iter().position(|list| list.domains == domains);
        let at = at.unwrap_or_else(|| {
            if self.lists.len() >= LISTS {
                self.lists.remove(0);
            }
            self.lists.push(List { domains, bases: Vec::new() });
            self.lists.len() - 1
        });
        let list = self.lists.get_mut(at)?;
        if list.bases.len() < BELIEVED && !list.bases.contains(&hash) {
            list.bases.push(hash);
        }
        if list.bases.len() < BELIEVED {
            return None;
        }
        self.least_ndots = self.least_ndots.max(dots.saturating_add(1)).min(MAX_NDOTS);
        let believed = self
            .lists
            .iter()
            .filter(|list| list.bases.len() >= BELIEVED);
        // A client that caches what was denied shows a part of its list.
        let longest = believed.max_by_key(|list| list.domains.len())?;
        Some(longest.domains.clone())
    }
}

fn is_denied(seen: &Seen<'_>) -> bool {
    let record = &seen.record;
    let says_no = matches!(record.rcode, Rcode::NXDOMAIN | Rcode::NOERROR);
    let traits = record.traits;
    traits.has(Traits::ANSWERED) && says_no && !traits.has(Traits::DATA) && !traits.has(Traits::TC)
}

/// Names that may be between the first and the last of a walk.
const REMEMBERED: usize = 16;

/// Longer than a walk takes whose answers are not lost.
const RECENT: Duration = Duration::from_secs(2);

/// Bases that have to speak for a list.
const BELIEVED: usize = 3;

/// Lists that are weighed against each other.
const LISTS: usize = 4;

/// `RES_MAXNDOTS` of glibc; musl cuts there too.
const MAX_NDOTS: u8 = 15;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use dns::{Name, Rtype};

    use super::*;
    use crate::observe::{Origin, Record};

    fn wire(text: &str) -> Vec<u8> {
        Name::from_text(text).unwrap().as_wire().to_vec()
    }

    /// Asks names one after another; `=` in front means that it has data.
    fn learn(names: &[&str]) -> Search {
        let (mut learner, mut known) = (Learner::default(), Search::unknown());
        for (n, name) in names.iter().enumerate() {
            let (name, has_data) = name.strip_prefix('=').map_or((*name, false), |n| (n, true));
            let record = Record {
                arrived: Moment::from_micros(n as u64 * 500),
                took: Duration::ZERO,
                client: Ipv4Addr::LOCALHOST.into(),
                port: 1,
                id: 1,
                qtype: Rtype::A,
                rcode: if has_data { Rcode::NOERROR } else { Rcode::NXDOMAIN },
                origin: Origin::Cache,
                upstream: None,
                traits: Traits::ANSWERED.with_if(Traits::DATA, has_data),
            };
            let qname = wire(name);
            if let Some(learned) = learner.take(&Seen { record, qname: &qname }, &known) {
                known = learned;
            }
        }
        known
    }

    fn domains(search: &Search) -> Vec<String> {
        let text = |wire: &[u8]| Name::from_wire(wire).unwrap().to_string();
        search.domains.iter().map(|domain| text(domain)).collect()
    }

    #[test]
    fn three_bases_make_a_list() {
        let walk = |base: &str| [format!("{base}.a.b"), format!("{base}.b"), format!("={base}")];
        let names: Vec<String> = ["x.example", "y.example", "z.z.example"]
            .iter()
            .flat_map(|b| walk(b))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(learn(&names[..6]).source, Source::Unknown);
        let known = learn(&names);
        assert_eq!(
            (domains(&known), known.source),
            (vec!["a.b.".into(), "b.".into()], Source::Learned)
        );
        assert_eq!(known.ndots, Ndots::Between(3, 15));
    }

    #[test]
    fn a_name_asked_as_it_is_first_bounds_ndots_from_above() {
        let mut names = Vec::new();
        for base in ["x.example", "y.example", "z.example"] {
            names.extend([format!("{base}.a"), format!("={base}")]);
        }
        names.extend(["q.w.e".to_owned(), "q.w.e.a".to_owned()]);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(learn(&names).ndots, Ndots::Between(2, 2));
    }

    #[test]
    fn names_that_have_nothing_to_do_with_each_other_teach_nothing() {
        let names = ["a.example", "b.example", "=c.example", "com", "=example"];
        assert_eq!(learn(&names.repeat(5)), Search::unknown());
    }
}
