//! What the screen shows: rates, latencies and answers of the last second, of the last ten,
//! and of the run, and a minute or two of history.

use std::collections::VecDeque;
use std::time::Duration;

use crate::expect::Count;
use crate::scenario::Scenario;
use crate::snapshot::Snapshot;

/// What is known before the run.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Of the scenario.
    pub(super) name: String,
    /// `127.0.0.1:53 over udp`.
    pub(super) server: String,
    /// What all phases take.
    pub(super) length: Duration,
    /// When each phase ends, and its name.
    pub(super) phases: Vec<(Duration, String)>,
}

impl Plan {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let transport = scenario.target.transport.as_str();
        Self {
            name: scenario.name.clone(),
            server: format!("{} over {transport}", scenario.target.server),
            length: scenario.duration(),
            phases: scenario.phase_ends().zip(scenario.phase_names()).collect(),
        }
    }
}

/// A second of the past.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    pub(super) answered: f64,
    pub(super) unanswered: f64,
    /// Nanoseconds; none without an answer.
    pub(super) p99: Option<u64>,
}

/// All figures, up to the last that was taken.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    pub(super) plan: Plan,
    /// Those of the last ten seconds, and the one before, the oldest first.
    recent: VecDeque<(Duration, Snapshot)>,
    /// The oldest first.
    pub(super) history: VecDeque<Moment>,
}

/// A stretch of time, at whose end we are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Span {
    Second,
    Ten,
    Run,
}

impl Figures {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            recent: [(Duration::ZERO, Snapshot::default())].into(),
            history: VecDeque::new(),
        }
    }

    /// Takes what was counted by `at`, later than before.
    pub(super) fn take(&mut self, at: Duration, snapshot: &Snapshot) {
        self.recent.push_back((at, *snapshot));
        while self.recent.len() > TEN + 1 {
            self.recent.pop_front();
        }
        let moment = Moment {
            answered: self.rate(Span::Second, |snapshot| snapshot.counts.answered),
            unanswered: self.rate(Span::Second, Snapshot::unanswered),
            p99: self.latency(Span::Second, 99.0),
        };
        self.history.push_back(moment);
        while self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }

    /// Returns the time of the last figures.
    pub(super) fn at(&self) -> Duration {
        self.recent.back().map_or(Duration::ZERO, |(at, _)| *at)
    }

    /// Returns the phase at that time; none after the last.
    pub(super) fn phase(&self) -> Option<&str> {
        let mut phases = self.plan.phases.iter();
        phases
            .find(|(end, _)| self.at() < *end)
            .map(|(_, name)| name.as_str())
    }

    /// Returns a count per second.
    #[expect(clippy::cast_precision_loss, reason = "a count of queries")]
    pub(super) fn rate(&self, span: Span, count: impl Fn(&Snapshot) -> u64) -> f64 {
        let [(start, before), (end, now)] = self.ends(span);
        let seconds = end.saturating_sub(start).as_secs_f64();
        let new = count(&now).saturating_sub(count(&before)) as f64;
        if seconds > 0.0 { new / seconds } else { 0.0 }
    }

    /// Returns the nanoseconds within which so many percent were answered.
    pub(super) fn latency(&self, span: Span, percent: f64) -> Option<u64> {
        let [(_, before), (_, now)] = self.ends(span);
        now.buckets.since(&before.buckets).percentile(percent)
    }

    /// Returns the share of each RCODE that there was, the largest first.
    #[expect(clippy::cast_precision_loss, reason = "a count of queries")]
    pub(super) fn rcodes(&self, span: Span) -> Vec<(u16, f64)> {
        let [(_, before), (_, now)] = self.ends(span);
        let new = now.rcodes.iter().zip(before.rcodes);
        let new: Vec<u64> = new
            .map(|(now, before)| now.saturating_sub(before))
            .collect();
        let sum = new.iter().sum::<u64>() as f64;
        let mut shares: Vec<_> = (0..)
            .zip(new)
            .filter(|(_, count)| *count > 0)
            .map(|(rcode, count)| (rcode, count as f64 / sum))
            .collect();
        shares.sort_by(|one, other| other.1.total_cmp(&one.1));
        shares
    }

    /// Where a span begins, and now.
    fn ends(&self, span: Span) -> [(Duration, Snapshot); 2] {
        let nothing = (Duration::ZERO, Snapshot::default());
        let now = self.recent.back().copied().unwrap_or(nothing);
        let before = match span {
            Span::Second => self.recent.iter().rev().nth(1).copied(),
            Span::Ten => self.recent.front().copied(),
            Span::Run => None,
        };
        [before.unwrap_or(nothing), now]
    }
}

/// Queries that were due and did not leave.
pub(super) fn not_sent(snapshot: &Snapshot) -> u64 {
    let counts = [Count::Shed, Count::Unsendable, Count::Unconnected, Count::Missed];
    counts
        .into_iter()
        .map(|count| snapshot.counts.of(count))
        .sum()
}

/// Seconds of the second column.
const TEN: usize = 10;
/// Seconds that a wide screen has room for.
const HISTORY: usize = 240;
