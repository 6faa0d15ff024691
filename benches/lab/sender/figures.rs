//! The figures of the sender as a table, and how they stand to what is aimed at.

use super::row::{CaseRounds, CaseSample, Generator};
use crate::output::print_line;
use crate::report::Spread;

/// Prints a line for each case: medians over the rounds with their range.
pub(super) fn print(rows: &[CaseRounds]) {
    print_line(&format!(
        "{:<14} {:<14} {:<12} {:>20} {:>18} {:>18} {:>18} {:>18} {:>8}",
        "",
        "sender",
        "server",
        "sender us/query",
        "user",
        "system",
        "server us/query",
        "answers/s, k",
        "lost"
    ));
    for row in rows {
        let shown = |figure: &dyn Fn(&CaseSample) -> f64| {
            let spread = Spread::of(row.rounds.iter().map(figure));
            spread.map_or_else(String::new, |s| {
                format!("{:.2} [{:.2}-{:.2}]", s.median, s.least, s.most)
            })
        };
        let lost: u64 = row
            .rounds
            .iter()
            .map(|s| s.sent.saturating_sub(s.answered))
            .sum();
        print_line(&format!(
            "{:<14} {:<14} {:<12} {:>20} {:>18} {:>18} {:>18} {:>18} {lost:>8}",
            row.case.name,
            row.case.sender,
            row.server,
            shown(&CaseSample::total_us),
            shown(&|sample| sample.user_us),
            shown(&|sample| sample.system_us),
            shown(&|sample| sample.server_us),
            format!(
                "{:.0}",
                Spread::of(row.rounds.iter().map(|s| s.rate / 1e3)).map_or(0.0, |s| s.median)
            ),
        ));
    }
}

/// Prints how the figures stand to what is aimed at; returns how many miss it.
pub(super) fn print_targets(rows: &[CaseRounds]) -> usize {
    let find = |name: &str, is_theirs: bool| {
        rows.iter()
            .find(|row| row.case.name == name && (row.case.by == Generator::Dnsperf) == is_theirs)
    };
    let mut missed = 0;
    let mut judge = |text: String, is_met: bool| {
        missed += usize::from(!is_met);
        print_line(&format!("{} {text}", if is_met { "ok  " } else { "MISS" }));
    };
    print_line("");
    for (name, most) in RATIOS {
        let Some((ours, theirs)) = find(name, false).zip(find(name, true)) else { continue };
        let pairs = ours.rounds.iter().zip(&theirs.rounds);
        let ratio = Spread::of(pairs.map(|(ours, theirs)| ours.total_us() / theirs.total_us()));
        let Some(ratio) = ratio else { continue };
        let (median, least, top) = (ratio.median, ratio.least, ratio.most);
        judge(
            format!("{name}: {median:.2} [{least:.2}-{top:.2}] of dnsperf's CPU, at most {most}"),
            median <= most,
        );
    }
    for row in rows.iter().filter(|row| row.case.name.starts_with("null")) {
        let Some(rate) = Spread::of(row.rounds.iter().map(|sample| sample.rate / 1e6)) else {
            continue;
        };
        let text = format!(
            "{}: {:.2} [{:.2}-{:.2}] M answers/s, at least {NULL_RATE}",
            row.case.name, rate.median, rate.least, rate.most
        );
        judge(text, rate.median >= NULL_RATE);
    }
    missed
}

/// Our CPU per query by dnsperf's, at most.
const RATIOS: [(&str, f64); 3] = [("flat-out", 0.6), ("paced", 0.6), ("one-flow", 0.45)];

/// Million answers a second that the sender takes where the server is none.
const NULL_RATE: f64 = 2.0;
