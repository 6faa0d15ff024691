//! The cache panel: what it holds, how often that was enough, and what it lacks.

use maud::{Markup, html};

use super::chart::bar;
use super::frame::{self, View, head, number, scrolled};
use crate::api::Busiest;
use crate::words::{count, octets, percent, ratio};

/// The section.
pub(super) fn section(seen: &View<'_>) -> Markup {
    let cache = &seen.all.cache;
    let (usage, window) = (cache.usage, seen.of_window(&cache.windows));
    let full = ratio_of(usage.cache_bytes, usage.cache_capacity_bytes);
    let entries = u64::try_from(usage.cache_entries).unwrap_or(u64::MAX);
    let waiters = u64::try_from(usage.inflight_waiters).unwrap_or(u64::MAX);
    let body = html! {
        dl.pairs {
            dt { "hit ratio" }
            dd { (percent(window.hit_ratio)) (bar(window.hit_ratio, "hit")) }
            dt { "memory used" }
            dd {
                (octets(usage.cache_bytes)) " of " (octets(usage.cache_capacity_bytes))
                (bar(full, "full"))
            }
            dt { "entries" } dd { (count(entries)) }
            dt { "evicted before they expired" } dd { (count(usage.cache_evictions)) }
            dt { "queries waiting for an upstream" } dd { (count(waiters)) }
        }
        (misses(&cache.top_misses))
    };
    frame::section("cache", "Cache", &body)
}

fn misses(misses: &[Busiest]) -> Markup {
    let columns = [("recent upstream queries by name", ""), ("queries", "n")];
    let table = html! {
        table #miss-table {
            (head(&columns))
            tbody {
                @for miss in misses {
                    tr {
                        th scope="row" { (miss.key) }
                        (number(miss.weight, &count(miss.weight)))
                    }
                }
            }
        }
    };
    html! { @if !misses.is_empty() { (scrolled("Names with the most cache misses", &table)) } }
}

fn ratio_of(part: usize, whole: usize) -> f64 {
    let wide = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    ratio(wide(part), wide(whole))
}
