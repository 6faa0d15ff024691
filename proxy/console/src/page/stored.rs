//! The cache: what is in it, and what it lacked.

use maud::{Markup, html};

use super::chart::bar;
use super::frame::{self, Seen, head, number, scrolled};
use super::number::{count, octets, percent};
use crate::api::Busiest;

/// The section.
pub(super) fn section(seen: &Seen<'_>) -> Markup {
    let cache = &seen.all.cache;
    let (stored, window) = (cache.stored, seen.of_window(&cache.windows));
    let full = ratio_of(stored.cache_bytes, stored.cache_capacity_bytes);
    let entries = u64::try_from(stored.cache_entries).unwrap_or(u64::MAX);
    let waiters = u64::try_from(stored.inflight_waiters).unwrap_or(u64::MAX);
    let body = html! {
        dl.pairs {
            dt { "answered from it" }
            dd { (percent(window.hit_ratio)) (bar(window.hit_ratio, "hit")) }
            dt { "full" }
            dd {
                (octets(stored.cache_bytes)) " of " (octets(stored.cache_capacity_bytes))
                (bar(full, "full"))
            }
            dt { "answers stored" } dd { (count(entries)) }
            dt { "driven out early" } dd { (count(stored.cache_evictions)) }
            dt { "waiting for an upstream" } dd { (count(waiters)) }
        }
        (misses(&cache.top_misses))
    };
    frame::section("cache", "Cache", &body)
}

fn misses(misses: &[Busiest]) -> Markup {
    let columns = [("asked upstream most of late", ""), ("questions", "n")];
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
    html! { @if !misses.is_empty() { (scrolled("Names that were missed most", &table)) } }
}

fn ratio_of(part: usize, whole: usize) -> f64 {
    let wide = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    super::number::ratio(wide(part), wide(whole))
}
