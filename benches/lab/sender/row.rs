//! A load of the sender lab, and what it cost in each round.

use serde::Serialize;

/// A load, sent by one of the two to one server.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Case {
    pub(super) name: &'static str,
    #[serde(skip)]
    pub(super) by: Generator,
    pub(super) sender: &'static str,
    #[serde(skip)]
    pub(super) server: usize,
    pub(super) sockets: u16,
    pub(super) threads: u16,
    pub(super) load: Load,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Generator {
    Loadgen,
    LoadgenGso,
    Dnsperf,
}

/// How much at once.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Load {
    /// As fast as it goes, with this many outstanding.
    Window(u32),
    /// Queries per second.
    Rate(u32),
}

/// What one run measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct CaseSample {
    pub(super) sent: u64,
    pub(super) answered: u64,
    /// Answers per second of the run.
    pub(super) rate: f64,
    /// CPU of the sender for each query, microseconds.
    pub(super) user_us: f64,
    pub(super) system_us: f64,
    /// CPU of the server for each query.
    pub(super) server_us: f64,
}

#[derive(Serialize)]
pub(super) struct CaseRounds {
    #[serde(flatten)]
    pub(super) case: Case,
    pub(super) server: &'static str,
    pub(super) rounds: Vec<CaseSample>,
}

impl CaseSample {
    pub(super) const fn total_us(&self) -> f64 {
        self.user_us + self.system_us
    }
}
