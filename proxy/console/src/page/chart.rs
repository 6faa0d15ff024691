//! Shapes for the charts: SVG without text, which stretches to its place.
//! Text stands beside it as HTML, so that it is as large on a phone.

use std::fmt::Write as _;

use maud::{Markup, html};

/// A bar of a share, 0 to 1, for a cell of a table; `class` is its color.
pub(super) fn bar(share: f64, class: &str) -> Markup {
    let width = format!("{:.1}", share.clamp(0.0, 1.0) * 100.0);
    html! {
        svg.bar viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
            rect.track width="100" height="6" {}
            rect class=(class) width=(width) height="6" {}
        }
    }
}

/// A band from the left to the right edge of a box 100 wide.
pub(super) struct Band {
    /// Its upper edge at the left, and at the right.
    pub(super) top: [f64; 2],
    /// Its thickness.
    pub(super) width: f64,
}

impl Band {
    /// The shape as the `d` of a path, from `x` to `to`.
    pub(super) fn path(&self, x: f64, to: f64) -> String {
        let [from_top, to_top] = self.top;
        let middle = f64::midpoint(x, to);
        let (from_end, to_end) = (from_top + self.width, to_top + self.width);
        let mut path = String::new();
        // Writing to a String cannot fail.
        write!(
            path,
            "M{x:.1} {from_top:.1}C{middle:.1} {from_top:.1} {middle:.1} {to_top:.1} {to:.1} \
             {to_top:.1}V{to_end:.1}C{middle:.1} {to_end:.1} {middle:.1} {from_end:.1} {x:.1} \
             {from_end:.1}Z"
        )
        .unwrap_or_default();
        path
    }
}

/// The patterns that tell series apart without color; their strokes take the
/// color of the series from the style sheet. `prefix` makes the ids unique on
/// the page.
pub(super) fn patterns(prefix: &str) -> Markup {
    html! {
        defs {
            @for (n, shape) in SHAPES.iter().enumerate() {
                pattern id={ (prefix) (n) } class={ "s" (n) } width="6" height="6"
                    patternUnits="userSpaceOnUse" {
                    rect width="6" height="6" {}
                    path d=(shape) {}
                }
            }
        }
    }
}

/// A swatch of a series for a legend.
pub(super) fn swatch(prefix: &str, series: usize) -> Markup {
    let fill = fill(prefix, series);
    html! {
        svg.swatch viewBox="0 0 12 12" aria-hidden="true" { rect width="12" height="12" fill=(fill) {} }
    }
}

/// The fill of a series.
pub(super) fn fill(prefix: &str, series: usize) -> String {
    format!("url(#{prefix}{})", series % SHAPES.len())
}

/// Plain; diagonal; rows; columns; the other diagonal; dots.
const SHAPES: [&str; 6] = ["M0 0", "M0 6L6 0", "M0 3H6", "M3 0V6", "M0 0L6 6", "M2 2h2v2h-2z"];
