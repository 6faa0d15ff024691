//! What a client's resolv.conf says, and how a name reads under it.

use super::outcome::Step;
use crate::config::SearchRule;
use crate::tables::hash_of;
use crate::wire::{MAX_LABELS, label_starts};

/// The search list of a client and its ndots, as far as they are known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Search {
    /// The domains in order, in wire form and lower case.
    pub domains: Vec<Box<[u8]>>,
    /// From how many dots on a name is asked as it is first.
    pub ndots: Ndots,
    /// Who says so.
    pub source: Source,
}

/// Where the knowledge about a search list is from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// The configuration.
    Told,
    /// The spec of the pod.
    Pod,
    /// What the client asked, for at least three names.
    Learned,
    /// Nothing is known: each name is a lookup of its own.
    Unknown,
}

/// What is known of an ndots.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ndots {
    /// It was read from the pod's spec.
    Known(u8),
    /// The traffic rules out what is below the first and above the second.
    Between(u8, u8),
}

/// What a resolver asks first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum First {
    /// The name under the domains of the search list.
    Suffixes,
    /// The name as it is.
    Absolute,
    /// One of the two.
    Either,
}

impl Source {
    /// The name in the API.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Told => "configured",
            Self::Pod => "pod",
            Self::Learned => "learned",
            Self::Unknown => "unknown",
        }
    }
}

impl Ndots {
    /// Whatever the libraries take: glibc and musl cut at 15
    /// (`RES_MAXNDOTS`).
    pub const ANY: Self = Self::Between(0, 15);

    /// Returns what to reckon with: the kubelet's 5 unless it is ruled out.
    pub fn assumed(self) -> u8 {
        match self {
            Self::Known(ndots) => ndots,
            Self::Between(least, most) => KUBELET.min(most).max(least),
        }
    }

    /// Returns the least and the greatest that it can be.
    pub const fn bounds(self) -> (u8, u8) {
        match self {
            Self::Known(ndots) => (ndots, ndots),
            Self::Between(least, most) => (least, most),
        }
    }

    pub(crate) const fn first(self, dots: u8) -> First {
        let (least, most) = self.bounds();
        if dots >= most {
            First::Absolute
        } else if dots < least {
            First::Suffixes
        } else {
            First::Either
        }
    }
}

/// A name taken as a base under a domain of the search list, or as it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Split {
    /// Where the name stands in the walk of its base.
    pub(crate) step: Step,
    /// The hash of the base.
    pub(crate) base: u64,
    /// Octets of the base, without its root label.
    pub(crate) len: u8,
    /// Its dots as text.
    pub(crate) dots: u8,
    /// Says whether it is under another namespace than that of the list.
    pub(crate) foreign: bool,
}

/// All splits of a name.
#[derive(Debug, Default)]
pub(crate) struct Splits {
    all: Vec<Split>,
    marks: Vec<u16>,
}

impl Splits {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Split> {
        self.all.iter()
    }

    /// The [marks](mark_of) of its bases, and the one that stands for any.
    pub(crate) fn marks(&self) -> &[u16] {
        &self.marks
    }

    /// Reads `qname`: first under each domain that it ends with, in the order
    /// of the list, then as it is; `hash` is that of the name.
    pub(crate) fn read(&mut self, qname: &[u8], hash: u64, search: &Search) {
        self.all.clear();
        self.marks.clear();
        self.marks.push(ANY_MARK);
        let mut starts = [0_u8; MAX_LABELS];
        let labels = label_starts(qname, &mut starts);
        let starts = starts.get(..labels).unwrap_or_default();
        for (place, domain) in search.domains.iter().enumerate() {
            let Some(len) = qname.len().checked_sub(domain.len()) else { continue };
            // At the start of a label, and not of the first: a base is no
            // empty name.
            let at = starts.iter().position(|start| usize::from(*start) == len);
            let Some(labels @ 1..) = at else { continue };
            if qname.get(len..) == Some(domain)
                && let (Ok(place), Some(base)) = (u8::try_from(place), qname.get(..len))
            {
                self.push(Step::Suffix(place), base, hash_of(base), labels, false);
            }
        }
        self.read_foreign(qname, starts, search);
        let whole = qname.get(..qname.len().saturating_sub(1));
        self.push(Step::Absolute, whole.unwrap_or_default(), hash, labels, false);
    }

    /// Several namespaces may be behind one address: on the host network, or
    /// behind a DNS proxy in a pod. Then the first domain is
    /// `NAMESPACE.svc.…` with another namespace than the one that is known.
    fn read_foreign(&mut self, qname: &[u8], starts: &[u8], search: &Search) {
        let [first, second, ..] = &search.domains[..] else { return };
        let label = first.len().saturating_sub(second.len());
        if label == 0 || !first.ends_with(second) || !qname.ends_with(second) {
            return;
        }
        let above = qname.len() - second.len();
        let at = starts.iter().position(|start| usize::from(*start) == above);
        let Some(labels @ 2..) = at else { return };
        let len = starts
            .get(labels - 1)
            .map_or(0, |start| usize::from(*start));
        let is_known = qname.get(len..) == Some(first);
        if let (false, Some(base)) = (is_known, qname.get(..len)) {
            self.push(Step::Suffix(0), base, hash_of(base), labels - 1, true);
        }
    }

    fn push(&mut self, step: Step, octets: &[u8], base: u64, labels: usize, foreign: bool) {
        let len = u8::try_from(octets.len()).unwrap_or(u8::MAX);
        let dots = u8::try_from(labels.saturating_sub(1)).unwrap_or(u8::MAX);
        self.all.push(Split { step, base, len, dots, foreign });
        self.marks.push(mark_of(base));
    }
}

impl Search {
    /// Nothing is known.
    pub const fn unknown() -> Self {
        Self { domains: Vec::new(), ndots: Ndots::ANY, source: Source::Unknown }
    }
}

impl From<&SearchRule> for Search {
    fn from(rule: &SearchRule) -> Self {
        let wire = |domain: &dns::Name| domain.folded().as_wire().into();
        Self {
            domains: rule.domains.iter().map(wire).collect(),
            ndots: Ndots::Known(rule.ndots),
            source: Source::Told,
        }
    }
}

/// What is left of a hash where many are compared: enough that few others look
/// the same.
pub(crate) const fn mark_of(hash: u64) -> u16 {
    let [high, low, ..] = hash.to_be_bytes();
    u16::from_be_bytes([high, low]) | 1
}

/// Stands for any hash; no hash has it for a mark.
pub(crate) const ANY_MARK: u16 = 2;

/// What the kubelet writes (`defaultDNSOptions`).
const KUBELET: u8 = 5;

#[cfg(test)]
mod tests {
    use dns::Name;

    use super::*;
    use crate::tables::hash_of_name;

    fn wire(text: &str) -> Vec<u8> {
        Name::from_text(text).unwrap().as_wire().to_vec()
    }

    fn read(qname: &str, domains: &[&str]) -> Vec<(Step, usize, u8)> {
        let domains = domains.iter().map(|domain| wire(domain).into()).collect();
        let search = Search { domains, ..Search::unknown() };
        let mut splits = Splits::default();
        let qname = wire(qname);
        splits.read(&qname, hash_of_name(&qname), &search);
        splits
            .iter()
            .map(|split| (split.step, usize::from(split.len), split.dots))
            .collect()
    }

    const LIST: [&str; 3] = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];

    #[test]
    fn a_name_reads_under_each_domain_that_it_ends_with() {
        assert_eq!(
            read("cart.shop.svc.cluster.local", &LIST),
            [
                (Step::Suffix(0), 5, 0),
                (Step::Suffix(1), 10, 1),
                (Step::Suffix(2), 14, 2),
                (Step::Absolute, 28, 4),
            ]
        );
        assert_eq!(read("example.com", &LIST), [(Step::Absolute, 12, 1)]);
        assert_eq!(read("xcluster.local", &LIST), [(Step::Absolute, 15, 1)]);
    }

    #[test]
    fn another_namespace_may_be_behind_the_same_address() {
        let splits = read("cart.other.svc.cluster.local", &LIST);
        let foreign = (Step::Suffix(0), 5, 0);
        assert_eq!(splits.iter().filter(|split| **split == foreign).count(), 1);
        assert_eq!(read("other.svc.cluster.local", &LIST).len(), 3);
    }

    #[test]
    fn a_domain_itself_is_under_none() {
        let splits = read("svc.cluster.local", &LIST);
        assert_eq!(splits, [(Step::Suffix(2), 4, 0), (Step::Absolute, 18, 2)]);
        assert_eq!(read(".", &LIST), [(Step::Absolute, 0, 0)]);
    }

    /// `\003foo` may stand inside a label, where no label begins.
    #[test]
    fn a_domain_matches_whole_labels_only() {
        assert_eq!(read("a\\003foo", &["foo"]), [(Step::Absolute, 6, 0)]);
    }

    #[test]
    fn ndots_says_what_is_asked_first() {
        assert_eq!(Ndots::Known(5).first(4), First::Suffixes);
        assert_eq!(Ndots::Known(5).first(5), First::Absolute);
        assert_eq!(Ndots::Between(2, 4).first(1), First::Suffixes);
        assert_eq!(Ndots::Between(2, 4).first(3), First::Either);
        assert_eq!(Ndots::Between(2, 4).first(4), First::Absolute);
        assert_eq!(Ndots::ANY.assumed(), 5);
        assert_eq!(Ndots::Between(0, 2).assumed(), 2);
    }
}
