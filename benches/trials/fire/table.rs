//! What came of the cases, and whether it is good enough.

use std::fmt::Write as _;
use std::time::Duration;

use super::Case;
use crate::neighbor::{Fate, Lookup, Seen};
use crate::subject::CommonArgs;
use crate::subject::{Kind, MEMORY};

/// One case with one subject.
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) case: Option<Case>,
    pub(crate) seen: Seen,
    pub(crate) peak_mib: u64,
    /// The process ended during the case.
    pub(crate) died: bool,
}

/// All rows, and those of ours that miss the goal.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<(Row, Duration, Vec<&'static str>)>,
}

impl Table {
    /// Adds a row, to be compared with what was seen without trouble.
    pub(crate) fn push(&mut self, row: Row, quiet: &Row) {
        let quiet = quiet.seen.percentile(Lookup::Miss, 99);
        let missed = row.missed(quiet);
        self.rows.push((row, quiet, missed));
    }

    /// Whether ours reached the goal in each case.
    pub(crate) fn is_good(&self) -> bool {
        let mut ours = self
            .rows
            .iter()
            .filter(|(row, ..)| row.kind == Kind::Fivedots);
        ours.all(|(.., missed)| missed.is_empty())
    }

    /// The table as text.
    pub(crate) fn text(&self, args: &CommonArgs) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        self.write(&mut text, args).unwrap_or_default();
        text
    }

    fn write(&self, text: &mut String, args: &CommonArgs) -> std::fmt::Result {
        let cgroup = if args.cgroup { ", in a cgroup of 128 MiB" } else { "" };
        let nofile = args
            .nofile
            .map(|count| format!(", {count} open files"))
            .unwrap_or_default();
        writeln!(text, "60 lookups of a client beside a greedy one{cgroup}{nofile}; times in ms")?;
        writeln!(
            text,
            "{:18} {:9} {:>4} {:>8} {:>5} {:>9} {:>9} {:>9} {:>9} {:>9} {:>6} {:>4}  goal",
            "case",
            "subject",
            "lost",
            "SERVFAIL",
            "other",
            "hit p99",
            "miss p50",
            "miss p99",
            "(quiet)",
            "TCP p99",
            "probes",
            "MiB"
        )?;
        for (row, quiet, missed) in &self.rows {
            let seen = &row.seen;
            let title = row.case.map_or("", Case::title);
            let probes = seen
                .probes
                .map_or_else(|| "-".to_owned(), |(good, all)| format!("{good}/{all}"));
            let goal = if missed.is_empty() { "reached".to_owned() } else { missed.join(", ") };
            writeln!(
                text,
                "{title:18} {:9} {:>4} {:>8} {:>5} {:>9} {:>9} {:>9} {:>9} {:>9} {probes:>6} {:>4}  {goal}",
                row.kind.name(),
                seen.count(Fate::Lost),
                seen.count(Fate::ServFail),
                seen.count(Fate::Other),
                ms(seen.percentile(Lookup::Hit, 99)),
                ms(seen.percentile(Lookup::Miss, 50)),
                ms(seen.percentile(Lookup::Miss, 99)),
                ms(*quiet),
                ms(seen.percentile(Lookup::Tcp, 99)),
                row.peak_mib,
            )?;
        }
        Ok(())
    }
}

impl Row {
    /// The parts of the goal that were not reached.
    fn missed(&self, quiet: Duration) -> Vec<&'static str> {
        let seen = &self.seen;
        let failed = [Fate::ServFail, Fate::Other, Fate::Wrong].map(|fate| seen.count(fate));
        let slow = seen.percentile(Lookup::Miss, 99) > (quiet * 3).max(SLOWEST);
        [
            (self.died, "the process ended"),
            (seen.count(Fate::Lost) > 0, "lost"),
            (failed.iter().sum::<usize>() > 0, "failed"),
            (slow, "slow"),
            (seen.probes.is_some_and(|(good, all)| good < all), "probes"),
            (self.peak_mib > MEMORY >> 20, "memory"),
        ]
        .into_iter()
        .filter_map(|(is_missed, what)| is_missed.then_some(what))
        .collect()
    }
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// What the misses may take at the 99th percentile, however quick they are in quiet.
const SLOWEST: Duration = Duration::from_millis(50);
