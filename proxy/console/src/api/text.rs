//! The summary as text.

use std::fmt::{self, Write as _};

use super::{Busiest, FailurePage, LoopPage, Summary, Windowed};
use observe::Figures;

/// What `fivedots stats` prints.
#[derive(Debug)]
pub struct Text<'a> {
    /// The node.
    pub summary: &'a Summary,
    /// What failed.
    pub failures: &'a FailurePage,
    /// What goes round.
    pub loops: &'a LoopPage,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { uptime_s, records, missed_records, clients, .. } = self.summary;
        writeln!(f, "up {}, {clients} clients, {records} queries accounted for", span(*uptime_s))?;
        if *missed_records > 0 {
            writeln!(f, "{missed_records} queries came too fast to be accounted for")?;
        }
        self.figures(f)?;
        self.failed(f)?;
        self.loops(f)?;
        busiest(f, "names asked most of late", &self.summary.top_names)?;
        busiest(f, "clients that asked most of late", &self.summary.top_clients)
    }
}

impl Text<'_> {
    fn figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:24}{:>12}{:>12}{:>12}", "", "10 s", "60 s", "total")?;
        for (label, read) in ROWS {
            row(f, label, &self.summary.figures, read)?;
        }
        Ok(())
    }

    fn failed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nfailed responses")?;
        let mut any = false;
        for origin in self
            .failures
            .origins
            .iter()
            .filter(|origin| origin.responses.total > 0)
        {
            any = true;
            let (name, count) = (&origin.origin, &origin.responses);
            writeln!(
                f,
                "  {name:22}{:>12}{:>12}{:>12}",
                count.ten_seconds, count.minute, count.total
            )?;
            writeln!(f, "    {}", origin.meaning)?;
        }
        if any { Ok(()) } else { writeln!(f, "  none") }
    }

    fn loops(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut active = self
            .loops
            .loops
            .iter()
            .filter(|seen| seen.active)
            .peekable();
        if active.peek().is_some() {
            writeln!(f, "\nforwarding loops")?;
        }
        for seen in active {
            let (way, ago) = (seen.hops.join(" -> "), span(seen.last_seen_s));
            writeln!(f, "  {way}")?;
            let (zone, evidence, count) = (&seen.zone, &seen.evidence, seen.count);
            writeln!(f, "    names in {zone}, {count} times, last {ago} ago ({evidence})")?;
        }
        Ok(())
    }
}

type Read = fn(&Figures) -> String;

const ROWS: [(&str, Read); 13] = [
    ("queries", |f| f.queries.to_string()),
    ("failed", |f| f.failed.to_string()),
    ("asked upstream", |f| f.upstream_questions.to_string()),
    ("  of all queries", |f| format!("{:.1} %", f.upstream_ratio * 100.0)),
    ("lookups", |f| f.lookups.to_string()),
    ("  names asked for each", |f| format!("{:.2}", f.amplification)),
    ("  asked upstream", |f| format!("{:.2}", f.upstream_amplification)),
    ("  ms wasted", |f| format!("{:.1}", f.wasted_ms_per_lookup)),
    ("  of no name at all", |f| f.nonexistent.to_string()),
    ("queries wasted", |f| f.wasted_queries.to_string()),
    ("  of those for lookups", |f| format!("{:.1} %", f.wasted_ratio * 100.0)),
    ("sent again", |f| f.retransmits.to_string()),
    ("  though answered", |f| f.retransmits_answered.to_string()),
];

fn row(
    f: &mut fmt::Formatter<'_>,
    label: &str,
    figures: &Windowed<Figures>,
    read: Read,
) -> fmt::Result {
    let [ten, minute, total] = [&figures.ten_seconds, &figures.minute, &figures.total].map(read);
    writeln!(f, "{label:24}{ten:>12}{minute:>12}{total:>12}")
}

fn busiest(f: &mut fmt::Formatter<'_>, title: &str, busiest: &[Busiest]) -> fmt::Result {
    writeln!(f, "\n{title}")?;
    if busiest.is_empty() {
        return writeln!(f, "  none");
    }
    for Busiest { key, weight, error } in busiest.iter().take(ROWS_SHOWN) {
        let doubt = if *error > 0 { format!(" (at most {error} less)") } else { String::new() };
        writeln!(f, "  {weight:>10}{doubt}  {key}")?;
    }
    Ok(())
}

/// Writes seconds as `2 d 3 h`, the two largest units.
pub(crate) fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut text = String::new();
    let mut rest = seconds;
    let mut shown = 0;
    for (size, unit) in units {
        let count = rest / size;
        rest %= size;
        if (count > 0 || (size == 1 && shown == 0)) && shown < 2 {
            let gap = if shown == 0 { "" } else { " " };
            // Writing to a String cannot fail.
            write!(text, "{gap}{count} {unit}").unwrap_or_default();
            shown += 1;
        }
    }
    text
}

/// Rows of each list: the whole text fits on a screen of fifty lines.
const ROWS_SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min 59 s"),
            (7265, "2 h 1 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
