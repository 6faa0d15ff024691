//! The verdicts of many nodes, each beside what the others found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::evidence::{Evidence, Peer, Server, Sums};
use crate::finding::Finding;
use crate::place::{Common, Place, common};
use crate::verdict::{Outcome, Verdict, judge};

/// The verdicts of nodes, the worst first.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Fleet {
    /// Each cause once, the gravest first.
    #[serde(default)]
    pub causes: Vec<CauseOfNodes>,
    /// By node.
    pub nodes: Vec<NodeVerdict>,
    /// The nodes that were not seen.
    #[serde(default)]
    pub unseen: Vec<Unseen>,
    /// What is not known of any of them, and why.
    #[serde(default)]
    pub gaps: Vec<String>,
}

/// A cause, and the nodes that have it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CauseOfNodes {
    /// The finding of the first of them.
    pub finding: Finding,
    /// Their names.
    pub nodes: Vec<String>,
    /// What they have in common, and few others have.
    pub common: Vec<Common>,
}

/// What a node found.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct NodeVerdict {
    /// The node.
    pub node: String,
    /// Its verdict.
    pub verdict: Verdict,
}

/// A node without evidence.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Unseen {
    /// The node.
    pub node: String,
    /// In a word.
    pub state: Absence,
    /// Why, as far as it is known.
    pub why: String,
}

/// Why a node was not seen.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// It cannot be reached, or refuses.
    Dead,
    /// It did not answer in time.
    Slow,
    /// Nothing on it can be asked.
    Absent,
}

impl Absence {
    /// The word in JSON and in the table.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Slow => "slow",
            Self::Absent => "absent",
        }
    }
}

impl Fleet {
    /// Judges the evidence of each node with that of the others as its peers.
    #[must_use]
    pub fn judge(all: &[Evidence]) -> Self {
        let peers: Vec<Peer> = all.iter().map(Peer::of).collect();
        let mut nodes: Vec<_> = all
            .iter()
            .enumerate()
            .map(|(n, evidence)| {
                let others = peers.iter().enumerate().filter(|(other, _)| *other != n);
                let others = others.map(|(_, peer)| peer.clone()).collect();
                let evidence = Evidence { peers: Some(others), ..evidence.clone() };
                NodeVerdict { node: evidence.node.clone(), verdict: judge(&evidence) }
            })
            .collect();
        nodes.sort_by(|a, b| {
            a.badness()
                .cmp(&b.badness())
                .then_with(|| a.node.cmp(&b.node))
        });
        let causes = causes(&nodes);
        Self { causes, nodes, unseen: Vec::new(), gaps: Vec::new() }
    }

    /// Adds the nodes that were not seen, and what the nodes with a cause have in common.
    #[must_use]
    pub fn within(mut self, mut unseen: Vec<Unseen>, places: &[Place]) -> Self {
        unseen.sort_by(|a, b| (a.state, &a.node).cmp(&(b.state, &b.node)));
        self.unseen = unseen;
        let seen: Vec<_> = self.nodes.iter().map(|one| one.node.as_str()).collect();
        for cause in &mut self.causes {
            let nodes: Vec<_> = cause.nodes.iter().map(String::as_str).collect();
            cause.common = common(&nodes, &seen, places);
        }
        self
    }

    /// What they amount to together. A node that was not seen may be the one that fails.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let any = |outcome| self.nodes.iter().any(|one| one.verdict.outcome == outcome);
        let is_whole = !self.nodes.is_empty() && self.unseen.is_empty();
        match () {
            () if any(Outcome::Problem) => Outcome::Problem,
            () if !is_whole || any(Outcome::Insufficient) => Outcome::Insufficient,
            () => Outcome::Healthy,
        }
    }
}

impl NodeVerdict {
    /// The less, the worse: the gravest cause, then many of them, then that too little was
    /// seen.
    fn badness(&self) -> (usize, usize, bool) {
        let findings = &self.verdict.findings;
        let gravest = findings.first().map(|first| first.cause.rank());
        let fewer = usize::MAX - findings.len();
        let is_enough = self.verdict.outcome != Outcome::Insufficient;
        (gravest.unwrap_or(usize::MAX), fewer, is_enough)
    }
}

/// Each cause once, with the nodes that found it and one of their findings.
fn causes(nodes: &[NodeVerdict]) -> Vec<CauseOfNodes> {
    let mut causes: BTreeMap<usize, CauseOfNodes> = BTreeMap::new();
    for one in nodes {
        for finding in &one.verdict.findings {
            let known = causes.entry(finding.cause.rank());
            let known = known.or_insert_with(|| CauseOfNodes {
                finding: finding.clone(),
                nodes: Vec::new(),
                common: Vec::new(),
            });
            known.nodes.push(one.node.clone());
        }
    }
    causes.into_values().collect()
}

impl Peer {
    /// What other nodes need of a node's evidence: aggregates, and no name of a client.
    #[must_use]
    pub fn of(evidence: &Evidence) -> Self {
        let alone = judge(&Evidence { peers: None, ..evidence.clone() });
        let causes = alone
            .findings
            .iter()
            .map(|finding| finding.cause.label().to_owned());
        let dead = |server: &&Server| server.udp.is_dead();
        let dead = evidence.coredns.iter().flatten().filter(dead);
        let sums = evidence.window.as_ref().map(|window| Sums {
            queries: window.internal.queries + window.external.queries,
            failed: window.internal.failed + window.external.failed,
        });
        Self {
            node: evidence.node.clone(),
            causes: causes.collect(),
            dead: dead.filter_map(|server| Some(server.addr?.ip())).collect(),
            sums: sums.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;
    use crate::evidence::Conntrack;

    fn node(n: usize, dropped: u64) -> Evidence {
        let table = Conntrack { applies: true, dropped, ..Conntrack::default() };
        Evidence { node: format!("node-{n:03}"), conntrack: Some(table), ..Evidence::default() }
    }

    fn scopes(fleet: &Fleet) -> Vec<Scope> {
        let all = fleet.nodes.iter().flat_map(|one| &one.verdict.findings);
        all.map(|finding| finding.scope).collect()
    }

    #[test]
    fn the_scope_is_by_how_many_nodes_have_a_cause() {
        let one: Vec<_> = (0..10).map(|n| node(n, u64::from(n == 7))).collect();
        let fleet = Fleet::judge(&one);
        assert_eq!(scopes(&fleet), [Scope::Node]);
        assert_eq!(fleet.nodes[0].node, "node-007");
        assert_eq!(fleet.outcome(), Outcome::Problem);
        let text = fleet.to_string();
        assert!(
            text.starts_with("1 of 10 nodes: node-007\nPROBLEM  conntrack table full"),
            "{text}"
        );
        let some: Vec<_> = (0..10).map(|n| node(n, u64::from(n < 3))).collect();
        assert_eq!(scopes(&Fleet::judge(&some)), [Scope::SeveralNodes; 3]);
        let all: Vec<_> = (0..10).map(|n| node(n, 1)).collect();
        assert_eq!(scopes(&Fleet::judge(&all)), [Scope::Cluster; 10]);
        assert_eq!(Fleet::judge(&[]).outcome(), Outcome::Insufficient);
    }

    #[test]
    fn nodes_that_were_not_seen_and_what_the_others_have_in_common_are_named() {
        let all: Vec<_> = (0..30).map(|n| node(n, u64::from(n < 12))).collect();
        let place = |n: usize| {
            let zone = if n < 13 { "a" } else { "b" };
            let labels = [("zone".to_owned(), zone.to_owned())].into();
            Place { node: format!("node-{n:03}"), labels }
        };
        let places: Vec<_> = (0..30).map(place).collect();
        let unseen = |node: &str, state, why: &str| {
            let (node, why) = (node.to_owned(), why.to_owned());
            Unseen { node, state, why }
        };
        let unseen = vec![
            unseen("node-100", Absence::Slow, "no answer within 3 s"),
            unseen("node-101", Absence::Dead, "connection refused"),
        ];
        let fleet = Fleet::judge(&all).within(unseen, &places);
        let text = fleet.to_string();
        assert!(text.starts_with("12 of 30 nodes: node-000, node-001, "), "{text}");
        assert!(text.contains("node-009 and 2 more\n"), "{text}");
        let zone = "common    zone a: 12 of its 13 nodes, 0 of the 17 others\n";
        assert!(text.contains(zone), "{text}");
        let row = |name: &str| {
            text.lines()
                .find(|line| line.starts_with(name))
                .unwrap_or("")
        };
        assert!(row("node-101").contains("dead") && row("node-101").ends_with("refused"), "{text}");
        assert!(row("node-100").contains("slow"), "{text}");
        assert!(text.find("node-101").unwrap() < text.find("node-100").unwrap(), "{text}");
        // Of those without a finding the first ten are shown.
        assert!(text.ends_with("and 8 more nodes that are insufficient or healthy\n"), "{text}");
        let json = serde_json::to_string(&fleet).unwrap();
        assert_eq!(serde_json::from_str::<Fleet>(&json).unwrap(), fleet);
    }

    #[test]
    fn a_fleet_is_well_only_if_each_node_was_seen() {
        let well = || {
            let mut one = node(1, 0);
            let rcodes = [("NOERROR".to_owned(), 20)].into();
            let udp = crate::Tries { sent: 20, rcodes, ..Default::default() };
            one.coredns = Some(vec![Server { udp, ..Server::default() }]);
            one
        };
        let fleet = Fleet::judge(&[well(), well()]);
        assert_eq!(fleet.outcome(), Outcome::Healthy);
        let gone = Unseen { node: "x".to_owned(), state: Absence::Dead, why: String::new() };
        assert_eq!(fleet.within(vec![gone], &[]).outcome(), Outcome::Insufficient);
    }
}
