//! A cause that was found, with what shows it.

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::fix::Fix;

/// A cause, and why it is one.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Finding {
    /// The cause.
    pub cause: Cause,
    /// How far it reaches.
    pub scope: Scope,
    /// Who or what it is: a workload, a pod, a server, the hops of a loop.
    pub culprit: Option<String>,
    /// What shows it, a sentence each.
    pub evidence: Vec<String>,
    /// What would have been seen otherwise, a sentence each.
    pub otherwise: Vec<String>,
    /// What to do.
    pub fix: Fix,
}

/// How far a cause reaches.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All nodes.
    Cluster,
    /// More nodes than one, and not all.
    SeveralNodes,
    /// This node.
    Node,
    /// One workload.
    Workload,
    /// This node or all: there are no peers to tell.
    NodeOrCluster,
}

impl Scope {
    /// The name in JSON and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::SeveralNodes => "several_nodes",
            Self::Node => "node",
            Self::Workload => "workload",
            Self::NodeOrCluster => "node_or_cluster",
        }
    }

    /// The scope in words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Cluster => "cluster-wide",
            Self::SeveralNodes => "several nodes",
            Self::Node => "this node",
            Self::Workload => "one workload",
            Self::NodeOrCluster => "this node or the cluster: no other node was asked",
        }
    }
}

/// Begins a finding.
pub(crate) fn found(cause: Cause, scope: Scope) -> Finding {
    Finding {
        cause,
        scope,
        culprit: None,
        evidence: Vec::new(),
        otherwise: Vec::new(),
        fix: Fix::of(cause),
    }
}

impl Finding {
    /// Adds what shows it.
    pub(crate) fn because(mut self, sentence: impl Into<String>) -> Self {
        self.evidence.push(sentence.into());
        self
    }

    /// Adds what shows it, if there is any.
    pub(crate) fn because_if(self, is_so: bool, sentence: impl FnOnce() -> String) -> Self {
        if is_so { self.because(sentence()) } else { self }
    }

    /// Adds what would have spoken against.
    pub(crate) fn otherwise(mut self, sentence: impl Into<String>) -> Self {
        self.otherwise.push(sentence.into());
        self
    }

    /// Names who or what it is.
    pub(crate) fn culprit(mut self, who: Option<String>) -> Self {
        self.culprit = who;
        self
    }
}

/// Says whether one of these was found.
pub(crate) fn has(found: &[Finding], causes: &[Cause]) -> bool {
    found.iter().any(|finding| causes.contains(&finding.cause))
}
