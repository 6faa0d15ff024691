//! Figures and findings in words.

use super::state::Detail;
use observe::{Advice, Change, Forecast, Recommendation, Warning};
use resolver::Origin;

/// Writes a count in at most six characters.
#[expect(clippy::cast_precision_loss, reason = "three figures are shown")]
pub(super) fn count(n: u64) -> String {
    match n {
        0..10_000 => n.to_string(),
        10_000..1_000_000 => format!("{:.1}k", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}M", n as f64 / 1e6),
        _ => format!("{:.1}G", n as f64 / 1e9),
    }
}

/// Writes a rate in at most six characters.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are neither negative nor beyond 2^53"
)]
pub(super) fn rate(per_second: f64) -> String {
    if per_second >= 100.0 { count(per_second.round() as u64) } else { format!("{per_second:.1}") }
}

/// Writes a share as percent; what is not nothing is not shown as 0.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 10.0 || percent == 0.0 {
        format!("{percent:.0} %")
    } else if percent < 0.1 {
        "<0.1 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

/// Says what an origin of failures means.
pub(super) fn meaning(label: &str) -> &'static str {
    let known = Origin::ALL.iter().find(|origin| origin.label() == label);
    known.map_or("an origin that this version does not know", |origin| origin.meaning())
}

/// Says what to do and what it saves, in a few words.
pub(super) fn in_short(detail: &Detail) -> String {
    let Some(advice) = &detail.advice else { return "not known yet".to_owned() };
    let less = |forecast: &Forecast| format!("{} %", forecast.saved_permille / 10);
    match advice.recommendation {
        Recommendation::NothingToSave => "-".to_owned(),
        Recommendation::Ndots(ndots) => match forecast(detail, advice, Change::Ndots(ndots)) {
            Some(forecast) => format!("ndots {ndots}: {}", less(forecast)),
            None => format!("ndots {ndots}"),
        },
        Recommendation::TrailingDots => match forecast(detail, advice, Change::TrailingDots) {
            Some(forecast) => format!("end dots: {}", less(forecast)),
            None => "end dots".to_owned(),
        },
    }
}

/// Says what to do and what it saves and breaks, in a sentence.
pub(super) fn in_full(detail: &Detail) -> String {
    let Some(advice) = &detail.advice else {
        return "not known yet: its search list is not".to_owned();
    };
    let (what, change) = match advice.recommendation {
        Recommendation::NothingToSave => return "nothing to save".to_owned(),
        Recommendation::Ndots(ndots) => (format!("set ndots to {ndots}"), Change::Ndots(ndots)),
        Recommendation::TrailingDots => {
            ("write names with a dot at the end".to_owned(), Change::TrailingDots)
        }
    };
    match forecast(detail, advice, change) {
        Some(forecast) => format!("{what}: {}", effect(forecast, advice.queries)),
        None => what,
    }
}

/// Says what each change would do, if anything.
pub(super) fn alternatives(detail: &Detail) -> Vec<String> {
    let Some(advice) = &detail.advice else { return Vec::new() };
    let one = |change: Change| {
        let what = match change {
            Change::Ndots(ndots) => format!("ndots {ndots}"),
            Change::TrailingDots => "dots at the end".to_owned(),
        };
        let forecast = forecast(detail, advice, change)?;
        let is_none = forecast.queries_saved == 0 && forecast.breaks.names.is_empty();
        (!is_none).then(|| format!("{what:15} {}", effect(forecast, advice.queries)))
    };
    advice
        .alternatives
        .iter()
        .filter_map(|alternative| one(alternative.change))
        .collect()
}

/// Says what to know before following an advice.
pub(super) const fn warning(warning: Warning) -> &'static str {
    match warning {
        Warning::NameCollision => {
            "names of one dot, as api.dev, are asked on the Internet first, and may exist there"
        }
        Warning::HostHeader => "some programs send the dot on, in Host and in SNI",
        Warning::AssumedNdots => "the ndots of today is a guess from the traffic",
        Warning::FewLookups => "fewer than a hundred lookups: a rare name may be missing",
        Warning::NamesDropped => "more names than are remembered; the others count as unchanged",
    }
}

fn effect(forecast: &Forecast, seen: u64) -> String {
    let (saved, share) = (forecast.queries_saved, forecast.saved_permille / 10);
    let saves = match saved {
        0 => "saves nothing".to_owned(),
        1.. => format!("saves {saved} of {seen} queries ({share} %)"),
        _ => format!("costs {} queries more", -saved),
    };
    let affected = forecast.breaks.names.len() + forecast.breaks.more;
    match (affected, forecast.breaks.names.first()) {
        (1, Some(name)) => format!("{saves}, breaks {}", name.name),
        (2.., Some(name)) => format!("{saves}, breaks {affected} names, as {}", name.name),
        _ => format!("{saves}, breaks nothing"),
    }
}

/// What a change does, by the walk of the client's own library if it is known.
fn forecast<'a>(detail: &Detail, advice: &'a Advice, change: Change) -> Option<&'a Forecast> {
    let alternative = advice
        .alternatives
        .iter()
        .find(|one| one.change == change)?;
    let library = detail
        .resolver
        .as_ref()
        .map(|resolver| resolver.library.as_str());
    Some(match library {
        Some("musl") => &alternative.musl,
        Some("go") => &alternative.go,
        _ => &alternative.glibc,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_never_a_false_zero() {
        for (n, text) in [(0, "0"), (9999, "9999"), (12_345, "12.3k"), (4_500_000, "4.5M")] {
            assert_eq!(count(n), text);
        }
        assert_eq!(count(u64::MAX), "18446744073.7G");
        for (n, text) in [(0.0, "0.0"), (3.24, "3.2"), (812.4, "812"), (20_134.0, "20.1k")] {
            assert_eq!(rate(n), text);
        }
        for (n, text) in [(0.0, "0 %"), (0.0004, "<0.1 %"), (0.028, "2.8 %"), (0.714, "71 %")] {
            assert_eq!(percent(n), text);
        }
    }

    #[test]
    fn each_way_to_fail_has_its_meaning() {
        assert_eq!(meaning("timeout"), Origin::Timeout.meaning());
        assert!(meaning("of another version").contains("does not know"));
    }
}
