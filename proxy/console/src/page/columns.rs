//! Counts of the last ten minutes as stacked columns, one for each ten seconds, and
//! the same as a table.

use maud::{Markup, html};

use super::chart::{fill, patterns};
use super::frame::{number, scrolled};
use crate::words::{count, ratio, span};
use observe::TENS;

/// One kind of what is counted.
pub(super) struct Series<'a> {
    pub(super) label: String,
    /// Which color and pattern, see [`fill`].
    pub(super) pattern: usize,
    /// The count of each ten seconds, the oldest first.
    pub(super) history: &'a [u32],
}

/// Stacked columns, the latest at the right.
pub(super) struct StackedColumns<'a> {
    /// The lowest first.
    series: Vec<Series<'a>>,
    /// Begins the ids of the chart on the page.
    id: &'static str,
    /// What is counted, in the plural.
    what: &'static str,
    /// Columns that there are.
    len: usize,
    /// The count of the highest column.
    most: u64,
}

impl<'a> StackedColumns<'a> {
    pub(super) fn of(id: &'static str, what: &'static str, series: Vec<Series<'a>>) -> Self {
        let len = series.first().map_or(0, |one| one.history.len());
        let mut columns = Self { series, id, what, len, most: 0 };
        columns.most = (0..len).map(|at| columns.total(at)).max().unwrap_or(0);
        columns
    }

    /// Says whether there is nothing to show.
    pub(super) const fn is_empty(&self) -> bool {
        self.most == 0
    }

    fn counts(&self, at: usize) -> impl Iterator<Item = u64> {
        let count = move |one: &Series<'_>| one.history.get(at).copied().unwrap_or_default();
        self.series.iter().map(count).map(u64::from)
    }

    fn total(&self, at: usize) -> u64 {
        self.counts(at).sum()
    }

    /// The drawing.
    pub(super) fn chart(&self) -> Markup {
        let all: u64 = (0..self.len).map(|at| self.total(at)).sum();
        let (all, most, what) = (count(all), count(self.most), self.what);
        let caption = format!("{all} {what} in the last 10 minutes, at most {most} in 10 seconds");
        html! {
            div.plot {
                p.most { (most) " in 10 s" }
                svg viewBox="0 0 600 100" preserveAspectRatio="none" role="img" aria-label=(caption) {
                    (patterns(self.id))
                    path.axis d="M0 99.5H600M0 .5H600" {}
                    @for at in 0..self.len { (self.column(at)) }
                }
                p.ends { span { "10 min ago" } span { "now" } }
            }
        }
    }

    fn column(&self, at: usize) -> Markup {
        let x = (at + TENS - self.len.min(TENS)) * 10;
        let mut top = 100.0;
        let parts = self.series.iter().zip(self.counts(at)).map(|(one, count)| {
            let height = ratio(count, self.most) * 98.0;
            top -= height;
            (one.pattern, top, height)
        });
        html! {
            @for (pattern, top, height) in parts.collect::<Vec<_>>() {
                @if height > 0.0 {
                    rect x=(x) y=(format!("{top:.1}")) width="9" height=(format!("{height:.1}"))
                        fill=(fill(self.id, pattern)) {}
                }
            }
        }
    }

    /// The same as a table, closed at first.
    pub(super) fn table(&self, caption: &str) -> Markup {
        let table = html! {
            table {
                thead { tr {
                    th scope="col" { "ago" }
                    @for one in &self.series { th.n scope="col" { (one.label) } }
                } }
                tbody {
                    @for at in (0..self.len).rev().filter(|at| self.total(*at) > 0) {
                        @let ago = u64::try_from((self.len - at) * 10).unwrap_or_default();
                        tr {
                            th scope="row" data-v=(ago) { (span(ago)) }
                            @for n in self.counts(at) { (number(n, &count(n))) }
                        }
                    }
                }
            }
        };
        html! {
            details id={ (self.id) "-data" } {
                summary { "Show as a table" }
                (scrolled(caption, &table))
            }
        }
    }
}
