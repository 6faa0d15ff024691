//! Stop conditions: what a load may not do to a server for long, by the run's own figures.
//!
//! Each is about the last second, and must hold all the time for as long as it says. A
//! second in which there is nothing to judge by changes nothing.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::expect::{Bound, Count, Expectation, Metric, Statistic, parse_duration};
use crate::snapshot::Snapshot;

/// A condition that ends the load, as `lost > 50% for 10s`.
#[derive(Clone, Debug)]
pub struct StopCondition {
    text: String,
    /// Of the last second.
    condition: Expectation,
    held_for: Duration,
}

impl StopCondition {
    /// Reads a condition.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (figure, held_for) = text.rsplit_once(" for ").ok_or(FORM)?;
        let at = figure.find(['<', '>']).ok_or(FORM)?;
        let (metric, condition) = figure.split_at_checked(at).ok_or(FORM)?;
        let key = format!("run.{}", metric.trim());
        let condition = Expectation::parse(&key, condition.trim(), &[])
            .map_err(|reason| reason.replacen(&format!("{key:?}: "), "", 1))?;
        if condition.of_others || !is_live(condition.metric) {
            return Err(format!("{:?} is not known while the run lasts; {KNOWN}", metric.trim()));
        }
        let held_for = parse_duration(held_for.trim())
            .filter(|held_for| (LEAST..=MOST).contains(held_for))
            .ok_or_else(|| format!("{:?} is not from 1s to 1h", held_for.trim()))?;
        Ok(Self { text: text.to_owned(), condition, held_for })
    }

    /// Returns whether it is about a latency, which a closed loop has none of.
    pub const fn is_latency(&self) -> bool {
        self.condition.metric.is_latency()
    }

    /// Returns its figure for what came since `before`; `None` where nothing did.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    fn figure(&self, now: &Snapshot, before: &Snapshot) -> Option<f64> {
        let new = |count| now.counts.of(count).saturating_sub(before.counts.of(count)) as f64;
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        match (self.condition.metric, self.condition.bound) {
            (Metric::Latency(Statistic::Mean), _) => {
                share((now.latency_sum - before.latency_sum) as f64, new(Count::Answered))
            }
            (Metric::Latency(statistic), _) => {
                let percent = match statistic {
                    Statistic::Percentile(percent) => percent,
                    _ => 100.0,
                };
                let buckets = now.buckets.since(&before.buckets);
                buckets.percentile(percent).map(|nanos| nanos as f64)
            }
            (Metric::Count(count), Bound::Share(_)) => share(new(count), whole(count, &new)),
            (Metric::Count(count), _) => Some(new(count)),
            (Metric::Rcode(rcode), _) => {
                let of = |snapshot: &Snapshot| snapshot.rcodes.get(usize::from(rcode.0)).copied();
                share((of(now)?.saturating_sub(of(before)?)) as f64, new(Count::Answered))
            }
            _ => None,
        }
    }
}

impl fmt::Display for StopCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a share is of: what ended in that second, or was due.
fn whole(count: Count, new: &impl Fn(Count) -> f64) -> f64 {
    let ended = [Count::Answered, Count::Late, Count::Lost, Count::Refused];
    let not_sent = [Count::Shed, Count::Unsendable, Count::Unconnected, Count::Missed];
    match count {
        Count::Sent | Count::Shed | Count::Unsendable | Count::Unconnected | Count::Missed => {
            new(Count::Sent) + not_sent.into_iter().map(new).sum::<f64>()
        }
        _ => ended.into_iter().map(new).sum(),
    }
}

/// Whether senders show a metric while they run.
const fn is_live(metric: Metric) -> bool {
    matches!(metric, Metric::Latency(_) | Metric::Count(_) | Metric::Rcode(_))
}

/// Watches for stop conditions while a run lasts.
#[derive(Debug)]
pub struct StopWatch<'a> {
    conditions: &'a [StopCondition],
    /// Since when each holds.
    since: Vec<Option<Duration>>,
    /// What there was in the last second, the oldest first.
    seen: VecDeque<(Duration, Snapshot)>,
}

impl<'a> StopWatch<'a> {
    /// Starts with nothing seen.
    pub fn new(conditions: &'a [StopCondition]) -> Self {
        Self { conditions, since: vec![None; conditions.len()], seen: VecDeque::new() }
    }

    /// Returns whether there is anything to watch for.
    pub const fn is_idle(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Takes what was counted by `now`, later than before; returns why the load is to end.
    pub fn look(&mut self, now: Duration, snapshot: &Snapshot) -> Option<String> {
        while self.seen.get(1).is_some_and(|(at, _)| *at + SECOND <= now) {
            self.seen.pop_front();
        }
        // In the first second, what came since the start.
        let before = match self.seen.front() {
            Some((at, before)) if *at + SECOND <= now => *before,
            _ => Snapshot::default(),
        };
        if self.seen.back().is_none_or(|(at, _)| *at + STEP <= now) {
            self.seen.push_back((now, *snapshot));
        }
        for (condition, since) in self.conditions.iter().zip(&mut self.since) {
            let Some(figure) = condition.figure(snapshot, &before) else { continue };
            if !condition.condition.is_met(figure) {
                *since = None;
                continue;
            }
            if now.saturating_sub(*since.get_or_insert(now)) >= condition.held_for {
                let (found, at) = (condition.condition.shown(figure), now.as_secs_f64());
                return Some(format!("{condition}, by {found} in the last second, at {at:.2} s"));
            }
        }
        None
    }
}

/// What each figure is of.
const SECOND: Duration = Duration::from_secs(1);
/// Between two that are kept: 9 KB each.
const STEP: Duration = Duration::from_millis(50);
/// Less is a moment that any server has.
const LEAST: Duration = SECOND;
/// Longer ends nothing in time.
const MOST: Duration = Duration::from_secs(3600);
const FORM: &str = "write for instance \"lost > 50% for 10s\"";
const KNOWN: &str = "known are latency.* (p50 to p99.99, mean, max), the counts, and rcode.*";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Counts;

    /// What there was after each tenth of a second in which so many queries were answered
    /// and lost.
    fn ended(tenths: &[(u64, u64)], condition: &str) -> Option<(usize, String)> {
        let conditions = [StopCondition::parse(condition).unwrap()];
        let mut watch = StopWatch::new(&conditions);
        let mut sum = Snapshot::default();
        tenths.iter().enumerate().find_map(|(n, (answered, lost))| {
            let new = Counts { answered: *answered, lost: *lost, ..Counts::default() };
            sum.counts.merge(&new);
            let now = Duration::from_millis(100) * u32::try_from(n + 1).unwrap();
            watch.look(now, &sum).map(|reason| (n + 1, reason))
        })
    }

    #[test]
    fn a_condition_must_hold_all_the_time() {
        let well = [(10, 0); 20];
        let bad = [(0, 10); 60];
        assert_eq!(ended(&well, "lost > 50% for 2s"), None);
        // More than half of the last second is lost after 0.6 s, and two more are over.
        let (tenths, reason) = ended(&[&well[..], &bad].concat(), "lost > 50% for 2s").unwrap();
        assert_eq!(tenths, 20 + 6 + 20);
        assert_eq!(reason, "lost > 50% for 2s, by 100.0000% in the last second, at 4.60 s");
        // A moment's relief begins it anew.
        let relieved = [&bad[..15], &well[..10], &bad[..15], &well[..10]].concat();
        assert_eq!(ended(&relieved, "lost > 50% for 2s"), None);
    }

    #[test]
    fn a_second_without_anything_changes_nothing() {
        let bursts = [&[(0, 50)][..], &[(0, 0); 29]].concat().repeat(4);
        assert!(ended(&bursts, "lost > 50% for 5s").is_some_and(|(tenths, _)| tenths == 61));
        assert_eq!(ended(&[(0, 0); 100], "lost > 50% for 5s"), None);
        assert!(ended(&[(0, 0); 100], "answered < 10 for 5s").is_some(), "a count is there");
    }

    #[test]
    fn latencies_and_rcodes_are_those_of_the_last_second() {
        let before = Snapshot::default();
        let mut now = before;
        now.counts = Counts { answered: 100, ..Counts::default() };
        now.rcodes[2] = 40;
        now.latency_sum = 100 * 30_000_000;
        (0..98).for_each(|_| now.buckets.add(10_000_000));
        (0..2).for_each(|_| now.buckets.add(2_100_000_000));
        for (text, holds) in [
            ("latency.p99 > 2s for 1s", true),
            ("latency.p95 > 2s for 1s", false),
            ("latency.max >= 2s for 1s", true),
            ("latency.mean > 29ms for 1s", true),
            ("latency.mean > 31ms for 1s", false),
            ("rcode.SERVFAIL >= 40% for 1s", true),
            ("rcode.NOERROR > 0% for 1s", false),
            ("answered < 101 for 1s", true),
        ] {
            let condition = StopCondition::parse(text).unwrap();
            let figure = condition.figure(&now, &before).unwrap();
            assert_eq!(condition.condition.is_met(figure), holds, "{text}: {figure}");
            let nothing = condition.figure(&now, &now);
            assert!(nothing.is_none() || text.starts_with("answered"), "{text}: {nothing:?}");
        }
    }

    #[test]
    fn what_cannot_be_watched_for_is_an_error() {
        for (text, message) in [
            ("lost > 50%", "write for instance"),
            ("lost for 10s", "write for instance"),
            ("loss > 5% for 10s", "unknown metric \"loss\""),
            ("lost > 5ms for 10s", "wrong unit: give %"),
            ("latency.p99 > 2 for 10s", "wrong unit: give ns, us, ms or s"),
            ("lost > 5% for 100ms", "\"100ms\" is not from 1s to 1h"),
            ("lost > 5% for ever", "\"ever\" is not from 1s to 1h"),
            ("lookup.p99 > 2s for 10s", "\"lookup.p99\" is not known while the run lasts"),
            ("others.lost > 5% for 10s", "\"others.lost\" is not known while the run lasts"),
            ("conntrack.full > 90% for 10s", "\"conntrack.full\" is not known while"),
        ] {
            let error = StopCondition::parse(text).unwrap_err();
            assert!(error.contains(message) && !error.contains("run."), "{text}: {error}");
        }
    }
}
