//! The figures of a client, a workload or the node, as rows with a label.

use super::{count, millis, percent};
use observe::Figures;

/// A row of a table of figures.
pub(crate) struct FigureRow {
    /// At most 27 characters.
    pub(crate) label: &'static str,
    /// Writes the figure of one window.
    pub(crate) read: fn(&Figures) -> String,
    /// Whether the row is shown where there is little room.
    pub(crate) is_key: bool,
}

const fn key(label: &'static str, read: fn(&Figures) -> String) -> FigureRow {
    FigureRow { label, read, is_key: true }
}

const fn more(label: &'static str, read: fn(&Figures) -> String) -> FigureRow {
    FigureRow { label, read, is_key: false }
}

/// A ratio of lookups, or a question mark where there were lookups that could not be
/// counted, and no others.
pub(crate) fn if_known(figures: &Figures, ratio: String) -> String {
    if figures.is_undecided() { "?".to_owned() } else { ratio }
}

/// All rows, in reading order.
pub(crate) const FIGURES: [FigureRow; 23] = [
    key("queries", |f| count(f.queries)),
    key("failed queries", |f| count(f.failed)),
    more("p50 of a response", |f| millis(f.p50_ms)),
    key("p99 of a response", |f| millis(f.p99_ms)),
    more("failures remembered", |f| count(f.remembered)),
    more("answers not sent", |f| count(f.unsent)),
    more("stale answers", |f| count(f.stale)),
    more("upstream queries", |f| count(f.upstream_questions)),
    key("share sent upstream", |f| percent(f.upstream_ratio)),
    key("lookups", |f| count(f.lookups)),
    key("names per lookup", |f| if_known(f, format!("{:.2}", f.amplification))),
    more("upstream queries per lookup", |f| {
        if_known(f, format!("{:.2}", f.upstream_amplification))
    }),
    key("wasted queries", |f| count(f.wasted_queries)),
    key("share wasted", |f| if_known(f, percent(f.wasted_ratio))),
    more("time wasted per lookup", |f| if_known(f, format!("{:.1} ms", f.wasted_ms_per_lookup))),
    more("lookups: external names", |f| count(f.external)),
    more("lookups: cluster names", |f| count(f.cluster)),
    more("lookups: no trailing dot", |f| count(f.fqdn_no_dot)),
    more("lookups: no such name", |f| count(f.nonexistent)),
    more("lookups: wildcard answers", |f| count(f.captured)),
    more("lookups: failed", |f| count(f.lookups_failed)),
    key("retransmits", |f| count(f.retransmits)),
    more("retransmits after an answer", |f| count(f.retransmits_answered)),
];
