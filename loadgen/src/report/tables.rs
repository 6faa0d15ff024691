//! The run over time as lines: CSV for spreadsheets, and the log of `HdrHistogram` for its
//! tools.

use std::fmt::Write as _;

use super::Report;
use super::over_time::Step;

/// Returns the steps of a run as CSV (RFC 4180), a header first.
pub fn csv(report: &Report) -> String {
    let mut text = "at_s,due,sent,answered,late,lost,refused,not_sent,p50_ms,p99_ms\r\n".to_owned();
    for step in &report.series {
        let Step { at_s, due, sent, answered, late, lost, refused, not_sent, .. } = step;
        let [p50, p99] = [step.p50_ms, step.p99_ms]
            .map(|figure| figure.map_or_else(String::new, |millis| format!("{millis:.3}")));
        // Writing to a String cannot fail.
        write!(
            text,
            "{at_s},{due},{sent},{answered},{late},{lost},{refused},{not_sent},{p50},{p99}\r\n"
        )
        .unwrap_or_default();
    }
    text
}

/// Returns the latencies of each step in nanoseconds, from the due time, as a histogram
/// log of version 1.3.
pub fn hdr_log(report: &Report) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a time for people")]
    let start = report.started_unix_ms as f64 / 1e3;
    let mut text = format!(
        "#[Histogram log format version 1.3]\n#[StartTime: {start:.3} (seconds since epoch)]\n\
         #[MaxValueDivisor: 1000000.0]\n\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\
         \"Interval_Compressed_Histogram\"\n"
    );
    let ends = report.series.iter().skip(1).map(|step| step.at_s);
    let ends = ends.chain([report.took_s.max(report.run.seconds)]);
    for (step, end) in report.series.iter().zip(ends) {
        let Some(max) = step.max_ms() else { continue };
        let (at, hdr) = (step.at_s, &step.latency_hdr);
        writeln!(text, "Tag=latency,{at:.3},{:.3},{max:.3},{hdr}", (end - at).max(0.0))
            .unwrap_or_default();
    }
    text
}
