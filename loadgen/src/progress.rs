//! A line each second, for a person who waits.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::snapshot::Snapshot;

/// Where progress is shown, if anywhere.
#[derive(Debug)]
pub struct ProgressLine {
    is_shown: bool,
    /// Queries sent, answered, and lost, refused or late.
    before: [u64; 3],
    /// What the plan takes.
    planned: Duration,
}

impl ProgressLine {
    /// Shows on standard error if that is a terminal, and not a screen: a log has no use
    /// for it.
    pub fn new(planned: Duration, is_live: bool) -> Self {
        Self { is_shown: !is_live && std::io::stderr().is_terminal(), before: [0; 3], planned }
    }

    /// Shows what was counted by `now`.
    pub fn show(&mut self, now: Duration, snapshot: &Snapshot) {
        if !self.is_shown {
            return;
        }
        let line = self.line(now, snapshot);
        // A terminal that is gone is no reason to end the run.
        writeln!(std::io::stderr(), "{line}").unwrap_or_default();
    }

    fn line(&mut self, now: Duration, snapshot: &Snapshot) -> String {
        let (due, sent) = (snapshot.counts.due, snapshot.counts.sent);
        let (answered, ended) = (snapshot.counts.answered, snapshot.unanswered());
        let before = std::mem::replace(&mut self.before, [sent, answered, ended]);
        let [sent_before, answered_before, ended_before] = before;
        let per_second = |now: u64, before: u64| now.saturating_sub(before);
        let phase = if now > self.planned { "; waiting for answers" } else { "" };
        format!(
            "{:>5.0} s of {:.0}: {}/s sent, {}/s answered, {}/s without an answer ({sent} of {due} \
             sent){phase}",
            now.as_secs_f64(),
            self.planned.as_secs_f64(),
            per_second(sent, sent_before),
            per_second(answered, answered_before),
            per_second(ended, ended_before),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Counts;

    #[test]
    fn a_line_has_what_came_since_the_last() {
        let planned = Duration::from_secs(2);
        let mut line = ProgressLine { is_shown: false, before: [0; 3], planned };
        let shown = |[due, sent, answered, lost]: [u64; 4]| {
            let counts = Counts { due, sent, answered, lost, ..Counts::default() };
            Snapshot { counts, ..Snapshot::default() }
        };
        line.line(Duration::from_secs(1), &shown([100, 90, 80, 0]));
        let text = line.line(Duration::from_secs(2), &shown([200, 190, 150, 7]));
        assert_eq!(
            text,
            "    2 s of 2: 100/s sent, 70/s answered, 7/s without an answer (190 of 200 sent)"
        );
        assert!(
            line.line(Duration::from_secs(3), &shown([200; 4]))
                .ends_with("waiting for answers")
        );
    }
}
