//! What nodes have in common that have a cause in common: a zone, a pool, a version.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// A node, and what is known of it without asking it.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
pub struct Place {
    /// The node.
    pub node: String,
    /// Such as `zone` or `kernel`, with its value here.
    pub labels: BTreeMap<String, String>,
}

/// A label of which most nodes have a cause, and hardly any others do.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Common {
    /// The label.
    pub label: String,
    /// Its value.
    pub value: String,
    /// Nodes with it that have the cause.
    pub with: usize,
    /// Nodes with it.
    pub of: usize,
    /// Other nodes that have the cause.
    pub elsewhere: usize,
    /// Other nodes.
    pub others: usize,
}

impl fmt::Display for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, value, with, of, elsewhere, others } = self;
        write!(f, "{label} {value}: {with} of its {of} nodes, {elsewhere} of the {others} others")
    }
}

/// The labels that nodes with a cause have in common, the one that fits best first. Only of
/// nodes that were seen: of the others nobody can tell.
///
/// Nothing is common to one node, and nothing of a node is a sign that all nodes have.
pub(crate) fn common(with_cause: &[&str], seen: &[&str], places: &[Place]) -> Vec<Common> {
    if with_cause.len() < 2 {
        return Vec::new();
    }
    let (affected, seen): (BTreeSet<_>, BTreeSet<_>) =
        (with_cause.iter().copied().collect(), seen.iter().copied().collect());
    let mut counts: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    let places = places
        .iter()
        .filter(|place| seen.contains(place.node.as_str()));
    for place in places {
        for (label, value) in &place.labels {
            let (with, of) = counts.entry((label, value)).or_default();
            *with += usize::from(affected.contains(place.node.as_str()));
            *of += 1;
        }
    }
    let mut found: Vec<Common> = counts
        .into_iter()
        .map(|((label, value), (with, of))| Common {
            label: label.to_owned(),
            value: value.to_owned(),
            with,
            of,
            elsewhere: affected.len().saturating_sub(with),
            others: seen.len().saturating_sub(of),
        })
        .filter(|one| {
            one.others > 0 && one.with * 10 >= affected.len() * 9 && one.with * 2 >= one.of
        })
        .collect();
    // The smallest group that has them all tells most.
    found.sort_by(|a, b| (a.of, &a.label).cmp(&(b.of, &b.label)));
    found.truncate(MOST);
    found
}

/// Labels that are named: zone, pool and a version often go together.
const MOST: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten nodes: zones a and b by turns, an old kernel on the first four.
    fn places() -> Vec<Place> {
        let place = |n: usize| {
            let labels = [
                ("zone", if n.is_multiple_of(2) { "a" } else { "b" }),
                ("kernel", if n < 4 { "5.4" } else { "6.1" }),
                ("system", "linux"),
            ];
            let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned()));
            Place { node: n.to_string(), labels: labels.into() }
        };
        (0..10).map(place).collect()
    }

    fn of(with_cause: &[&str]) -> Vec<String> {
        let names: Vec<_> = (0..10).map(|n| n.to_string()).collect();
        let seen: Vec<_> = names.iter().map(String::as_str).collect();
        let found = common(with_cause, &seen, &places());
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_most_of_them_have_and_few_others_is_common() {
        let kernel = "kernel 5.4: 4 of its 4 nodes, 0 of the 6 others";
        assert_eq!(of(&["0", "1", "2", "3"]), [kernel]);
        let zone = "zone a: 5 of its 5 nodes, 0 of the 5 others";
        assert_eq!(of(&["0", "2", "4", "6", "8"]), [zone]);
        // Half of a group is enough, and two of six is not.
        assert_eq!(of(&["0", "1"]), ["kernel 5.4: 2 of its 4 nodes, 0 of the 6 others"]);
        // One of five is elsewhere.
        assert_eq!(of(&["0", "2", "4", "6", "1"]), [""; 0]);
        // All nodes are linux, and one node has everything in common.
        assert_eq!(of(&["4", "5"]), [""; 0]);
        assert_eq!(of(&["0"]), [""; 0]);
    }

    #[test]
    fn nine_of_ten_is_most() {
        let names: Vec<_> = (0..20).map(|n| n.to_string()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let place = |n: usize| {
            let zone = if n < 10 { "a" } else { "b" };
            let labels = [("zone".to_owned(), zone.to_owned())].into();
            Place { node: n.to_string(), labels }
        };
        let places: Vec<_> = (0..20).map(place).collect();
        let found =
            |here: usize| common(&[&names[..here], &names[10..11]].concat(), &names, &places);
        assert_eq!((found(8).len(), found(9).len()), (0, 1));
    }

    #[test]
    fn only_nodes_that_were_seen_count() {
        let found = common(&["0", "2"], &["0", "2", "1"], &places());
        let zone = found.iter().find(|one| one.label == "zone").unwrap();
        assert_eq!((zone.with, zone.of, zone.others), (2, 2, 1));
    }
}
