//! What these figures do not know.

use maud::{Markup, html};

use super::frame::{self, Seen};
use super::number::{count, percent, ratio};

/// The section.
pub(super) fn section(seen: &Seen<'_>) -> Markup {
    let (summary, chains) = (&seen.all.summary, &seen.all.chains);
    let total = &summary.figures.total;
    let asked = total.queries.saturating_sub(total.retransmits);
    let apart = asked.saturating_sub(total.lookup_queries);
    let unknown = u64::try_from(chains.clients_unknown).unwrap_or(u64::MAX);
    let (_, unnamed) = seen.all.unnamed;
    let records = summary.records + summary.missed_records;
    let body = html! {
        dl.pairs {
            dt { "queries that came too fast to be accounted for" }
            dd {
                (count(summary.missed_records)) " ("
                (percent(ratio(summary.missed_records, records))) ")"
            }
            dt { "queries in no lookup that is over" }
            dd { (count(apart)) " (" (percent(ratio(apart, asked))) ")" }
            dt { "queries of addresses that nobody named" }
            dd { (count(unnamed)) " (" (percent(ratio(unnamed, total.queries))) ")" }
            dt { "clients whose search list is not known" }
            dd { (count(unknown)) }
            dt { "clients that lost their account to others" }
            dd { (count(seen.all.evicted)) }
            dt { "lookups cut short, their client had too many open" }
            dd { (count(chains.cut_lookups)) }
        }
        p.note {
            "Queries that never come here are not known: of Pods with other DNS settings, of caches \
            inside programs, over HTTPS. Pods on the host's network share the node's address."
        }
    };
    frame::section("unseen", "What is not seen", &body)
}
