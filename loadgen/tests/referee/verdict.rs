//! Tool beside truth.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::cases::{self, Case, Stops};
use crate::play;
use crate::truth::{Truth, Wire};

/// One case, judged.
pub(crate) struct Verdict {
    pub(crate) number: usize,
    case: Case,
    code: Option<i64>,
    /// Name, tool, truth.
    counts: Vec<(&'static str, u64, u64)>,
    p50: Option<[f64; 2]>,
    p99: Option<[f64; 2]>,
    most_in_100_ms: usize,
    /// Kolmogorov and Smirnov's distance of the gaps, and what is critical at 1 %.
    ks: Option<[f64; 2]>,
    wrong: Vec<String>,
}

impl Verdict {
    pub(crate) fn new(ran: &Value, wire: &Wire) -> Self {
        let number = usize::try_from(ran["case"].as_u64().unwrap()).unwrap();
        let case = cases::all()[number].clone();
        let report = &ran["report"];
        let start = report["started_unix_ns"].as_u64().unwrap_or(0);
        let took = Duration::from_secs_f64(report["took_s"].as_f64().unwrap_or(0.0));
        let timeout = report["load"]["timeout_ms"].as_f64().unwrap_or(0.0) / 1e3;
        let [took, timeout] = [took, Duration::from_secs_f64(timeout)].map(nanos);
        let truth = wire.truth(&play::address(number), start, start + took, timeout);
        let counts = truth.counts.iter().map(|(name, truth)| {
            let tool = &report["run"]["counts"][*name];
            (*name, tool.as_u64().unwrap_or(u64::MAX), *truth)
        });
        let figure = |path: &str| report.pointer(path).and_then(Value::as_f64);
        let planned = report["run"]["counts"]["due"].as_u64().unwrap_or(0);
        let dues = dues(&case, planned, start, &truth);
        let pair = |tool: Option<f64>, truth: Option<f64>| Some([tool?, truth?]);
        let mut verdict = Self {
            number,
            code: ran["code"].as_i64(),
            counts: counts.collect(),
            p50: pair(figure("/run/from_send_ms/p50"), truth.p50_from_send()),
            p99: dues
                .and_then(|dues| pair(figure("/run/latency_ms/p99"), truth.p99_from_due(&dues))),
            most_in_100_ms: truth.most_in_100_ms(),
            ks: None,
            wrong: Vec::new(),
            case,
        };
        verdict.judge(report, &truth);
        if !verdict.is_right() {
            verdict
                .wrong
                .push(ran["text"].as_str().unwrap_or_default().to_owned());
        }
        verdict
    }

    pub(crate) fn is_right(&self) -> bool {
        self.wrong.is_empty()
    }

    fn judge(&mut self, report: &Value, truth: &Truth) {
        for (name, tool, truth) in &self.counts {
            if tool != truth {
                self.wrong.push(format!("{name}: {tool} for {truth}"));
            }
        }
        let expected = i64::from(self.case.exit);
        let is_late = self.code == Some(3) && is_our_lateness(report);
        // The server shares the machine, and may be slow beside a stopped generator.
        let is_slow = self.case.stops == Stops::Often
            && self.code == Some(2)
            && truth.p99_from_send().is_some_and(|p99| p99 >= 20.0);
        if self.code != Some(expected) && !is_late && !is_slow {
            self.wrong
                .push(format!("exit {:?} for {expected}", self.code));
        }
        let is_near = |[tool, truth]: [f64; 2], share: f64, ms: f64| {
            (tool - truth).abs() <= (truth * share).max(ms)
        };
        if self.p99.is_some_and(|pair| !is_near(pair, 0.02, 0.02)) {
            self.wrong
                .push(format!("p99 from the due time: {:?} ms", self.p99));
        }
        // The send's stamp is the middle of its call, which takes up to 30 us where
        // caches are cold.
        if self.p50.is_some_and(|pair| !is_near(pair, 0.05, 0.015)) {
            self.wrong
                .push(format!("p50 from the send: {:?} ms", self.p50));
        }
        if self.case.arguments.contains("--poisson") {
            let (distance, critical) = truth.exponential_gaps();
            self.ks = Some([distance, critical]);
            if distance > critical {
                self.wrong
                    .push(format!("gaps: D = {distance:.4}, critical {critical:.4}"));
            }
        }
        let headroom = if self.ks.is_some() { 10 } else { 2 };
        let cap = option(self.case.arguments, "--max-qps")
            .or_else(|| Some(headroom * option(self.case.arguments, "--rate")?));
        if cap.is_some_and(|cap| truth.most_in_100_ms() as u64 > cap / 10) {
            self.wrong
                .push(format!("{} queries in 100 ms", self.most_in_100_ms));
        }
    }
}

/// When each query was due that left; `None` where some did not leave.
fn dues(case: &Case, planned: u64, start: u64, truth: &Truth) -> Option<Vec<u64>> {
    let rate = option(case.arguments, "--rate")?;
    let count = truth.left.len() as u64;
    if planned != count {
        return None;
    }
    if case.arguments.contains("--poisson") {
        return Some(poisson(start, rate, truth.left.len()));
    }
    Some(
        (0..count)
            .map(|n| start + n * 1_000_000_000 / rate)
            .collect(),
    )
}

/// The plan of phase 0 and seed 1, from the published generator (`SplitMix64`) and
/// the formula of exponential gaps; nothing of the tool's.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run")]
fn poisson(start: u64, rate: u64, count: usize) -> Vec<u64> {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |x: u64| {
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let stream = mix(1 ^ mix(GOLDEN)) ^ mix(0);
    let mut state = mix(stream.wrapping_add(GOLDEN));
    let mut at = 0.0;
    let mut next = || {
        state = state.wrapping_add(GOLDEN);
        at -= (1.0 - (mix(state) >> 11) as f64 / (1_u64 << 53) as f64).ln() / rate as f64;
        start + (at * 1e9) as u64
    };
    (0..count).map(|_| next()).collect()
}

/// The number after this word.
fn option(arguments: &str, name: &str) -> Option<u64> {
    let mut words = arguments.split_whitespace();
    words.find(|word| *word == name)?;
    words.next()?.parse().ok()
}

/// Whether the machine, being busy, made the run invalid.
fn is_our_lateness(report: &Value) -> bool {
    let reasons = report["invalid"].as_array().into_iter().flatten();
    let is_late = |reason: &Value| {
        let reason = reason.as_str().unwrap_or_default();
        [" late at p99", " is undecided: ", " were missed: "]
            .iter()
            .any(|one| reason.contains(one))
    };
    reasons.clone().count() > 0 && reasons.clone().all(is_late)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

/// The columns of a [`Verdict`] that is shown; each figure is tool/truth.
pub(crate) const HEAD: &str = "state: counts as tool/truth, ms as tool/truth, exit";

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_right() { "ok   " } else { "WRONG" };
        write!(f, "{word} {:28}", self.case.name)?;
        for (name, tool, truth) in &self.counts {
            if (*tool, *truth) != (0, 0) {
                write!(f, " {name} {tool}/{truth}")?;
            }
        }
        for (name, pair) in [("p50 from the send", self.p50), ("p99", self.p99)] {
            if let Some([tool, truth]) = pair {
                write!(f, " {name} {tool:.3}/{truth:.3}")?;
            }
        }
        if let Some([distance, critical]) = self.ks {
            write!(f, " KS {distance:.4} of {critical:.4}")?;
        }
        write!(f, ", {} in 100 ms, exit {}", self.most_in_100_ms, self.code.unwrap_or(-1))?;
        for wrong in &self.wrong {
            write!(f, "\n      {wrong}")?;
        }
        Ok(())
    }
}
