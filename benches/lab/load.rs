//! One run of our load generator, and what it cost the subject.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde_json::Value;

use crate::cpu::CpuTime;
use crate::network::Network;

/// The processes whose CPU time is read around the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    pub(crate) subject: u32,
    pub(crate) upstream: u32,
}

/// What one run measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    /// How long queries were sent.
    pub(crate) seconds: f64,
    /// Answers within the time.
    pub(crate) answered: u64,
    /// Queries without an answer.
    pub(crate) lost: u64,
    /// CPU of the subject for each answer, microseconds.
    pub(crate) cpu_us: f64,
    /// The share of that in user space, 0 to 1.
    pub(crate) user_share: Option<f64>,
    /// What the subject's observer has of it, microseconds for each answer.
    pub(crate) observer_us: f64,
    /// CPU of the upstream for each answer: work that was passed on.
    pub(crate) upstream_us: f64,
    /// CPU of the load generator for each query.
    pub(crate) own_us: f64,
    /// Latency from the due time; only open loops have one.
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
}

/// Runs a scenario with its names, from `dir`.
///
/// # Errors
///
/// When the generator calls its run invalid, or nothing was answered.
pub(crate) fn run(
    network: &Network,
    loadgen: &Path,
    dir: &Path,
    [scenario, names]: &[String; 2],
    watched: Watched,
    seconds: u64,
) -> Result<Sample> {
    fs::write(dir.join("scenario.toml"), scenario)?;
    fs::write(dir.join("names"), names)?;
    let json = dir.join("report.json");
    let before = [CpuTime::of(watched.subject)?, CpuTime::of(watched.upstream)?];
    let output = network
        .client(loadgen)
        .arg("run")
        .arg(dir.join("scenario.toml"))
        .arg("--json")
        .arg(&json)
        .output()
        .context("cannot start fivedots-loadgen")?;
    let after = [CpuTime::of(watched.subject)?, CpuTime::of(watched.upstream)?];
    // 3 is "we were late", which a closed loop cannot be.
    if !matches!(output.status.code(), Some(0 | 3)) {
        let said = String::from_utf8_lossy(&output.stdout);
        bail!(
            "fivedots-loadgen: {}\n{said}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let report: Value = serde_json::from_str(&fs::read_to_string(&json)?)?;
    let subject = after[0].since(before[0]);
    let upstream = after[1].since(before[1]);
    sample(&report, seconds, subject, upstream)
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
fn sample(report: &Value, seconds: u64, subject: CpuTime, upstream: CpuTime) -> Result<Sample> {
    let figure = |name: &str| report.pointer(&format!("/run/{name}"));
    let count = |name: &str| {
        let count = figure(&format!("counts/{name}")).and_then(Value::as_u64);
        count.unwrap_or_default()
    };
    let answered = count("answered");
    if answered == 0 {
        bail!("nothing was answered");
    }
    let each = |ns: u64| ns as f64 / 1000.0 / answered as f64;
    Ok(Sample {
        seconds: seconds as f64,
        answered,
        lost: count("lost") + count("refused") + count("late"),
        cpu_us: each(subject.total_ns()),
        user_share: subject.user_share(),
        observer_us: each(subject.observer_ns),
        upstream_us: each(upstream.total_ns()),
        own_us: report
            .get("own_cpu_us_per_query")
            .and_then(Value::as_f64)
            .unwrap_or_default(),
        p50_ms: figure("latency_ms/p50").and_then(Value::as_f64),
        p99_ms: figure("latency_ms/p99").and_then(Value::as_f64),
    })
}
