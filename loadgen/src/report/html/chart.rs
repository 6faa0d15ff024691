//! Charts of a run over time, as SVG within the page.

use hdrhistogram::Histogram;
use maud::{Markup, html};

use super::{PhaseReport, Report, Step, hdr};

/// Queries sent, answered, and without an answer in each step.
pub(super) fn counts(report: &Report) -> Markup {
    let steps = &report.series;
    let bad = |step: &Step| step.late + step.lost + step.refused + step.not_sent;
    let most = steps
        .iter()
        .map(|step| step.due.max(bad(step)))
        .max()
        .unwrap_or(0)
        .max(1);
    let lines: [(&str, &str, Vec<u64>); 3] = [
        ("sent", "sent", steps.iter().map(|step| step.sent).collect()),
        ("answered", "answered", steps.iter().map(|step| step.answered).collect()),
        ("bad", "late, lost, refused or not sent", steps.iter().map(bad).collect()),
    ];
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label="Queries over time" {
            (behind(report))
            line class="axis" x1=(LEFT) y1=(BOTTOM) x2=(WIDTH) y2=(BOTTOM) {}
            text x="0" y="20" { (most) }
            text x="0" y=(BOTTOM) { "0" }
            (time_axis(steps))
            @for (class, what, values) in &lines {
                polyline class=(class) points=(points(values, most)) { title { (what) } }
            }
        }
        p class="dim" {
            @for (class, what, values) in &lines {
                span class="key" {
                    svg viewBox="0 0 24 8" {
                        line class=(class) x1="0" y1="4" x2="24" y2="4" stroke-width="2" {}
                    }
                    " " (what) " (" (values.iter().sum::<u64>()) ") "
                }
            }
        }
    }
}

/// How many answers took how long, in each step: a column for each, a row for a
/// third of a decade.
pub(super) fn heat(report: &Report) -> Markup {
    let steps = &report.series;
    let columns: Vec<Vec<u64>> = steps.iter().map(column).collect();
    let most = columns.iter().flatten().copied().max().unwrap_or(0);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label="Latency over time" {
            (behind(report))
            @for (row, label) in [(0, "10 us"), (6, "1 ms"), (9, "10 ms"), (12, "100 ms"), (15, "1 s")] {
                text x="0" y=(format!("{:.1}", row_top(row) + ROW)) { (label) }
            }
            @for (n, column) in columns.iter().enumerate() {
                @for (row, count) in column.iter().enumerate().filter(|(_, count)| **count > 0) {
                    rect class="cell" x=(format!("{:.1}", x(n, steps.len()))) y=(format!("{:.1}", row_top(row)))
                        width=(format!("{:.1}", cell_width(steps.len()))) height=(format!("{ROW:.1}"))
                        fill-opacity=(format!("{:.2}", shade(*count, most))) {
                        title { (count) " answers" }
                    }
                }
            }
            (time_axis(steps))
        }
    }
}

fn time_axis(steps: &[Step]) -> Markup {
    html! {
        text x=(LEFT) y=(HEIGHT) { "0 s" }
        text x=(WIDTH) y=(HEIGHT) text-anchor="end" { (format!("{:.0} s", end(steps))) }
    }
}

/// What stands behind a chart: the causes as bands, and where phases begin.
fn behind(report: &Report) -> Markup {
    let steps = &report.series;
    // The last phase ends with the chart.
    let others = report.phases.len().saturating_sub(1);
    let starts = starts(&report.phases);
    html! {
        @for cause in &report.load.causes {
            @let (from, to) = (at(cause.from_s, steps), at(cause.to_s, steps));
            rect class="cause" x=(format!("{from:.1}")) y="0" width=(format!("{:.1}", to - from)) height=(BOTTOM) {
                title { (cause.what) }
            }
        }
        @for start in starts.iter().skip(1).take(others).map(|start| format!("{:.1}", at(*start, steps))) {
            line class="phase" x1=(start) y1="0" x2=(start) y2=(BOTTOM) {}
        }
    }
}

/// When each phase begins, in seconds, and when the last ends.
pub(super) fn starts(phases: &[PhaseReport]) -> Vec<f64> {
    let mut starts = vec![0.0];
    for phase in phases {
        starts.push(starts.last().copied().unwrap_or(0.0) + phase.seconds);
    }
    starts
}

/// The place of a time, within the chart.
fn at(seconds: f64, steps: &[Step]) -> f64 {
    let share = seconds / end(steps).max(f64::MIN_POSITIVE);
    (WIDTH - LEFT).mul_add(share.clamp(0.0, 1.0), LEFT)
}

/// Seconds that the chart has room for: to the end of the last step.
#[expect(clippy::cast_precision_loss, reason = "hundreds of steps")]
fn end(steps: &[Step]) -> f64 {
    let step = steps.get(1).map_or(1.0, |second| second.at_s);
    step * steps.len().max(1) as f64
}

/// Answers of a step by latency, in thirds of decades from 10 µs on; the last holds
/// all above.
fn column(step: &Step) -> Vec<u64> {
    let Ok(mut latency) = Histogram::<u32>::new_with_bounds(1_000, 600_000_000_000, 2) else {
        return Vec::new();
    };
    if hdr::add(&step.latency_hdr, &mut latency).is_err() {
        return Vec::new();
    }
    let mut rows = vec![0; ROWS];
    for value in latency.iter_recorded() {
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of minutes")]
        let decades = (value.value_iterated_to() as f64 / FIRST).log10() * 3.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the rows"
        )]
        let row = decades.clamp(0.0, (ROWS - 1) as f64) as usize;
        if let Some(count) = rows.get_mut(row) {
            *count += value.count_since_last_iteration();
        }
    }
    rows
}

/// A single answer is seen, and ten times as many look darker everywhere.
#[expect(clippy::cast_precision_loss, reason = "a shade")]
fn shade(count: u64, most: u64) -> f64 {
    let share = (count as f64).ln_1p() / (most as f64).ln_1p();
    0.15 + 0.85 * share
}

#[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
fn points(values: &[u64], most: u64) -> String {
    let mut points = String::new();
    for (n, value) in values.iter().enumerate() {
        let middle = x(n, values.len()) + cell_width(values.len()) / 2.0;
        let y = (BOTTOM - 6.0).mul_add(-(*value as f64) / most as f64, BOTTOM);
        points.push_str(&format!("{middle:.1},{y:.1} "));
    }
    points
}

#[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
fn x(n: usize, of: usize) -> f64 {
    cell_width(of).mul_add(n as f64, LEFT)
}

#[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
fn cell_width(of: usize) -> f64 {
    (WIDTH - LEFT) / of.max(1) as f64
}

/// The slowest are at the top.
#[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
fn row_top(row: usize) -> f64 {
    ROW.mul_add(-((row + 1) as f64), BOTTOM)
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
/// Where the time axis is, and where the first second begins.
const BOTTOM: f64 = 222.0;
const LEFT: f64 = 100.0;
/// Thirds of decades from 10 µs to 10 s.
const ROWS: usize = 18;
const ROW: f64 = 12.0;
/// Nanoseconds of the first row.
const FIRST: f64 = 10_000.0;
