//! Why DNS fails on a node, for whom, and what to do: from evidence to a verdict.
//!
//! [`judge`] is a pure function of [`Evidence`]: no clock, no socket, no file. A live run,
//! a saved bundle and a test are the same thing to it. It never claims what the evidence
//! does not show: what is missing is a gap, and too small a sample is no evidence.

mod sample;
pub use sample::{Share, Tries};

mod silent;
pub use silent::{Silent, silence_hint};

mod evidence;
pub use evidence::{
    Cluster, Conntrack, CorednsPod, Evidence, Flow, FullTable, KnownName, KubeProxy, Peer, Ring,
    SCHEMA, Server, Service, Sums, UdpCounters, Who, Window,
};

mod cause;
pub use cause::Cause;

mod fix;
pub use fix::Fix;

mod finding;
pub use finding::{Finding, Scope};

mod elsewhere;

mod scope;

mod reading;

mod rules;

mod verdict;
pub use verdict::{Outcome, Verdict, judge};

mod place;
pub use place::{Common, Place};

mod fleet;
pub use fleet::{Absence, CauseOfNodes, Fleet, NodeVerdict, Unseen};

mod runbook;
pub use runbook::runbook;

mod report;

mod table;
