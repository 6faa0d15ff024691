//! Coverage: which queries the figures leave out.

use maud::{Markup, html};

use super::frame::{self, View};
use crate::words::{count, percent, ratio};

/// The section.
pub(super) fn section(seen: &View<'_>) -> Markup {
    let (summary, lookups) = (&seen.all.summary, &seen.all.lookups);
    let total = &summary.figures.total;
    let sent = total.queries.saturating_sub(total.retransmits);
    let apart = sent.saturating_sub(total.lookup_queries);
    let unknown = u64::try_from(lookups.clients_unknown).unwrap_or(u64::MAX);
    let (_, unnamed) = seen.all.unnamed;
    let records = summary.records + summary.missed_records;
    let body = html! {
        dl.pairs {
            dt { "queries not counted: they arrived faster than the observer reads" }
            dd {
                (count(summary.missed_records)) " ("
                (percent(ratio(summary.missed_records, records))) ")"
            }
            dt { "queries that belong to no finished lookup" }
            dd { (count(apart)) " (" (percent(ratio(apart, sent))) ")" }
            dt { "queries from addresses with no known pod" }
            dd { (count(unnamed)) " (" (percent(ratio(unnamed, total.queries))) ")" }
            dt { "clients with an unknown search list" }
            dd { (count(unknown)) }
            dt { "clients dropped to make room for others" }
            dd { (count(seen.all.evicted)) }
            dt { "lookups ended early: too many open for one client" }
            dd { (count(lookups.cut_lookups)) }
        }
        p.note {
            "Not included: queries that bypass this proxy, such as those of pods with other DNS \
            settings, answers from caches inside programs, and DNS over HTTPS. Pods on the host \
            network share the node's address."
        }
    };
    frame::section("coverage", "Coverage", &body)
}
