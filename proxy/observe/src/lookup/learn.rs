//! The search list and the ndots of a client, learned from what it asks.

use std::collections::VecDeque;
use std::time::Duration;

use dns::Rcode;
use resolver::Moment;

use super::search::{Ndots, Search, Source};
use crate::intake::{QueryEvent, QueryFlags};
use crate::tables::hash_of;
use crate::wire::dots;

/// Watches a client of whom nothing is known.
///
/// Names that were denied and begin with the name that is asked now were its
/// base under the domains of the search list; the same list for three bases is
/// believed.
#[derive(Debug, Default)]
pub(crate) struct Learner {
    /// Names that were denied of late, in their order.
    denied: VecDeque<Denied>,
    lists: Vec<List>,
    least_ndots: u8,
    most_ndots: Option<u8>,
}

#[derive(Debug)]
struct Denied {
    name: Vec<u8>,
    /// See [`start_of`].
    start: u64,
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
    pub(crate) fn take(&mut self, event: &QueryEvent<'_>, known: &Search) -> Option<Search> {
        let now = event.record.arrived;
        let mut spare = Vec::new();
        while let Some(front) = self.denied.front()
            && now.saturating_since(front.at) > RECENT
        {
            spare = self
                .denied
                .pop_front()
                .map(|old| old.name)
                .unwrap_or_default();
        }
        if self
            .denied
            .back()
            .is_some_and(|last| *last.name == *event.qname)
        {
            return None;
        }
        let learned = self.learn(event.qname, known);
        if is_denied(event) {
            if self.denied.len() >= REMEMBERED {
                spare = self
                    .denied
                    .pop_front()
                    .map(|old| old.name)
                    .unwrap_or_default();
            }
            spare.clear();
            spare.extend_from_slice(event.qname);
            let start = start_of(event.qname);
            self.denied
                .push_back(Denied { name: spare, start, at: now });
        }
        learned
    }

    /// Compares a name with those that were denied before it.
    fn learn(&mut self, qname: &[u8], known: &Search) -> Option<Search> {
        if self.denied.is_empty() {
            return None;
        }
        let base = qname.get(..qname.len().checked_sub(1)?)?;
        let mut suffixes: [&[u8]; REMEMBERED] = [&[]; REMEMBERED];
        let mut found = 0;
        let mut most = self.most_ndots;
        // All names of a walk have their beginning in common.
        let start = start_of(qname);
        let begins_alike = |denied: &&Denied| denied.start == start;
        for denied in self.denied.iter().filter(begins_alike) {
            if *denied.name == *qname {
                // What came under it was after it, or of a lookup before.
                return None;
            }
            let suffix = denied
                .name
                .strip_prefix(base)
                .filter(|suffix| suffix.len() > 1);
            if let Some(suffix) = suffix
                && !suffixes.contains(&suffix)
                && let Some(place) = suffixes.get_mut(found)
            {
                *place = suffix;
                found += 1;
            }
            // Asked as it is, and then under a domain.
            let whole = denied.name.get(..denied.name.len().saturating_sub(1));
            if whole
                .is_some_and(|whole| qname.len() > denied.name.len() && qname.starts_with(whole))
            {
                let dots = dots(&denied.name);
                most = Some(most.map_or(dots, |most| most.min(dots)));
            }
        }
        let list = suffixes.get(..found).unwrap_or_default();
        let least = dots(qname).saturating_add(1).min(MAX_NDOTS);
        let domains = if list.is_empty() {
            None
        } else if known
            .domains
            .iter()
            .map(|domain| &**domain)
            .eq(list.iter().copied())
        {
            self.least_ndots = self.least_ndots.max(least);
            None
        } else {
            let list = list.iter().map(|suffix| Box::from(*suffix)).collect();
            self.vote(list, hash_of(base), least)
        };
        self.most_ndots = most;
        self.changed(domains, known)
    }

    /// Says what is known now, if it is not what was known.
    fn changed(&self, domains: Option<Vec<Box<[u8]>>>, known: &Search) -> Option<Search> {
        let most = self.most_ndots.unwrap_or(MAX_NDOTS).max(self.least_ndots);
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

    /// Counts a base that speaks for a list; returns the list once it is
    /// believed.
    fn vote(&mut self, domains: Vec<Box<[u8]>>, base: u64, least: u8) -> Option<Vec<Box<[u8]>>> {
        let at = self.lists.iter().position(|list| list.domains == domains);
        let at = at.unwrap_or_else(|| {
            if self.lists.len() >= LISTS {
                self.lists.remove(0);
            }
            self.lists.push(List { domains, bases: Vec::new() });
            self.lists.len() - 1
        });
        let list = self.lists.get_mut(at)?;
        if list.bases.len() < BELIEVED && !list.bases.contains(&base) {
            list.bases.push(base);
        }
        if list.bases.len() < BELIEVED {
            return None;
        }
        self.least_ndots = self.least_ndots.max(least);
        let believed = self
            .lists
            .iter()
            .filter(|list| list.bases.len() >= BELIEVED);
        // A client that caches what was denied shows a part of its list.
        let longest = believed.max_by_key(|list| list.domains.len())?;
        Some(longest.domains.clone())
    }
}

/// The first label of a name, as far as it fits: names of one walk have it in
/// common, others seldom.
fn start_of(name: &[u8]) -> u64 {
    let mut start = [0; 8];
    let label = name.first().map_or(0, |len| usize::from(*len) + 1);
    start
        .iter_mut()
        .zip(name)
        .take(label)
        .for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(start)
}

fn is_denied(event: &QueryEvent<'_>) -> bool {
    let record = &event.record;
    let says_no = matches!(record.rcode, Rcode::NXDOMAIN | Rcode::NOERROR);
    let flags = record.flags;
    flags.has(QueryFlags::ANSWERED)
        && says_no
        && !flags.has(QueryFlags::DATA)
        && !flags.has(QueryFlags::TC)
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
    use resolver::Origin;

    use super::*;
    use crate::intake::Record;

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
                first: None,
                upstream: None,
                errno: 0,
                flags: QueryFlags::ANSWERED.with_if(QueryFlags::DATA, has_data),
            };
            let qname = wire(name);
            if let Some(learned) = learner.take(&QueryEvent { record, qname: &qname }, &known) {
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
