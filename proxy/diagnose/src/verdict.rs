//! The verdict: which causes, how far they reach, and what would have spoken against.

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::rules;
use crate::silent::Silent;

/// What the evidence amounts to.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Verdict {
    /// In a word.
    pub outcome: Outcome,
    /// The causes, the one that explains most first.
    pub findings: Vec<Finding>,
    /// What is missing, and would have been looked at.
    pub gaps: Vec<String>,
    /// Who fell silent, which is no cause by itself: who is idle does so as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<Silent>,
}

/// A verdict in a word.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All that was looked at is well, and enough was looked at.
    Healthy,
    /// There is a cause, or more.
    Problem,
    /// No cause was found, and too little was seen to say that there is none.
    Insufficient,
}

/// Judges the evidence. The same evidence has the same verdict.
#[must_use]
pub fn judge(evidence: &Evidence) -> Verdict {
    let evidence = &*evidence.without_what_fails_elsewhere();
    let findings = rules::findings(evidence);
    let unexplained = rules::unexplained(evidence).filter(|_| findings.is_empty());
    let is_explained = unexplained.is_none();
    let gaps = unexplained
        .into_iter()
        .chain(rules::gaps(evidence))
        .collect();
    let outcome = match () {
        () if !findings.is_empty() => Outcome::Problem,
        () if rules::is_enough(evidence) && is_explained => Outcome::Healthy,
        () => Outcome::Insufficient,
    };
    let silent = evidence.window.as_ref().map(|window| window.silent.clone());
    Verdict { outcome, findings, gaps, silent: silent.unwrap_or_default() }
}
