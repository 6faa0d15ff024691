//! The verdicts of many nodes, each beside what the others found.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::evidence::{Evidence, Peer, Server, Sums};
use crate::finding::Finding;
use crate::verdict::{Outcome, Verdict, judge};

/// The verdicts of nodes, those with most findings first.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Fleet {
    /// By node.
    pub nodes: Vec<NodeVerdict>,
}

/// What a node found.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct NodeVerdict {
    /// The node.
    pub node: String,
    /// Its verdict.
    pub verdict: Verdict,
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
            let count = |one: &NodeVerdict| one.verdict.findings.len();
            count(b).cmp(&count(a)).then_with(|| a.node.cmp(&b.node))
        });
        Self { nodes }
    }

    /// What they amount to together.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let any = |outcome| self.nodes.iter().any(|one| one.verdict.outcome == outcome);
        match () {
            () if any(Outcome::Problem) => Outcome::Problem,
            () if self.nodes.is_empty() || any(Outcome::Insufficient) => Outcome::Insufficient,
            () => Outcome::Healthy,
        }
    }

    /// Each cause once, with the nodes that found it and one of their findings.
    fn causes(&self) -> BTreeMap<Cause, (Vec<&str>, &Finding)> {
        let mut causes: BTreeMap<Cause, (Vec<&str>, &Finding)> = BTreeMap::new();
        for one in &self.nodes {
            for finding in &one.verdict.findings {
                let known = causes
                    .entry(finding.cause)
                    .or_insert_with(|| (Vec::new(), finding));
                known.0.push(&one.node);
            }
        }
        causes
    }
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

impl fmt::Display for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nodes, finding) in self.causes().values() {
            writeln!(f, "{} of {} nodes: {}", nodes.len(), self.nodes.len(), nodes.join(", "))?;
            writeln!(f, "{finding}")?;
        }
        writeln!(f, "{:24} {:12} {:16} culprit", "node", "outcome", "scope")?;
        for NodeVerdict { node, verdict } in &self.nodes {
            let first = verdict.findings.first();
            let scope = first.map_or("", |finding| finding.scope.label());
            let who = first.and_then(|finding| finding.culprit.as_deref());
            let outcome = match (verdict.outcome, first) {
                (Outcome::Problem, Some(finding)) => finding.cause.label(),
                (Outcome::Insufficient, _) => "insufficient",
                _ => "healthy",
            };
            writeln!(f, "{node:24} {outcome:12} {scope:16} {}", who.unwrap_or_default())?;
        }
        Ok(())
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
}
