//! The verdicts of many nodes as text for a terminal.

use std::fmt;

use crate::fleet::{Fleet, NodeVerdict};
use crate::verdict::Outcome;

impl fmt::Display for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for cause in &self.causes {
            let (with, all) = (cause.nodes.len(), self.nodes.len());
            writeln!(f, "{with} of {all} nodes: {}", some_of(&cause.nodes))?;
            for (n, common) in cause.common.iter().enumerate() {
                let title = if n == 0 { "common" } else { "" };
                writeln!(f, "{title:10}{common}")?;
            }
            writeln!(f, "{}", cause.finding)?;
        }
        self.table(f)?;
        for (n, gap) in self.gaps.iter().enumerate() {
            let (line_end, title) = if n == 0 { ("\n", "gaps") } else { ("", "") };
            writeln!(f, "{line_end}{title:10}{gap}")?;
        }
        Ok(())
    }
}

impl Fleet {
    /// Nodes with a cause, those that were not seen, then some of the others.
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.nodes.iter().map(|one| &one.node);
        let names = names.chain(self.unseen.iter().map(|one| &one.node));
        let width = names.map(String::len).max().unwrap_or(0).max(24);
        writeln!(f, "{:width$} {:24} {:16} culprit", "node", "outcome", "scope")?;
        let is_problem = |one: &&NodeVerdict| one.verdict.outcome == Outcome::Problem;
        for one in self.nodes.iter().filter(is_problem) {
            row(f, one, width)?;
        }
        for one in &self.unseen {
            writeln!(f, "{:width$} {:24} {:16} {}", one.node, one.state.label(), "", one.why)?;
        }
        let others: Vec<_> = self.nodes.iter().filter(|one| !is_problem(one)).collect();
        for one in others.iter().take(FEW) {
            row(f, one, width)?;
        }
        match others.len().saturating_sub(FEW) {
            0 => Ok(()),
            more => writeln!(f, "and {more} more nodes that are insufficient or healthy"),
        }
    }
}

fn row(f: &mut fmt::Formatter<'_>, one: &NodeVerdict, width: usize) -> fmt::Result {
    let NodeVerdict { node, verdict } = one;
    let first = verdict.findings.first();
    let scope = first.map_or("", |finding| finding.scope.label());
    let who = first.and_then(|finding| finding.culprit.as_deref());
    let outcome = match (verdict.outcome, first) {
        (Outcome::Problem, Some(finding)) => finding.cause.label(),
        (Outcome::Insufficient, _) => "insufficient",
        _ => "healthy",
    };
    let line = format!("{node:width$} {outcome:24} {scope:16} {}", who.unwrap_or_default());
    writeln!(f, "{}", line.trim_end())
}

/// The first names, and how many others there are.
fn some_of(names: &[String]) -> String {
    let more = names.len().saturating_sub(FEW);
    let first: Vec<_> = names.iter().take(FEW).map(String::as_str).collect();
    match more {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Names that a person reads, and rows of nodes without a finding.
const FEW: usize = 10;
