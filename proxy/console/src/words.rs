//! The words for figures and findings: one wording for the page, `top` and
//! `stats`.
//!
//! Functions named `short_` write the same for a cell of a few columns.

mod advice;
pub(crate) use advice::{
    action, affected, affected_count, at_risk, breaks, captured, change, effect, forecast, missing,
    pod_spec, recommended, saved_share, saving, short_action, warning,
};

mod figures;
pub(crate) use figures::{FIGURES, if_known};

mod number;
pub(crate) use number::{
    count, many, millis, octets, percent, rate, ratio, short_count, short_percent, short_rate, span,
};

use resolver::Origin;

/// Writes a label of the API as words.
pub(crate) fn label(label: &str) -> String {
    label.replace('_', " ")
}

/// Returns what an origin of failures means, by its label.
pub(crate) fn meaning(label: &str) -> &'static str {
    let known = Origin::ALL.iter().find(|origin| origin.label() == label);
    known.map_or("an origin unknown to this version", |origin| origin.meaning())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_origin_has_its_meaning() {
        assert_eq!(label("cached_failure"), "cached failure");
        assert_eq!(meaning("timeout"), Origin::Timeout.meaning());
        assert!(meaning("from_another_version").contains("unknown"));
    }
}
