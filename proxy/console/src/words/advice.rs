//! What to change, what that does, and what to check first.

use super::{percent, rate};
use observe::{Advice, AffectedNames, Alternative, Change, Forecast, Recommendation, Warning};

/// Writes a change in two words.
pub(crate) fn change(change: Change) -> String {
    match change {
        Change::Ndots(ndots) => format!("ndots {ndots}"),
        Change::TrailingDots => "trailing dots".to_owned(),
    }
}

/// Writes what to do, as an instruction. There is no advice while the search
/// list is unknown.
pub(crate) fn action(advice: Option<&Advice>) -> String {
    let Some(advice) = advice else { return "not known yet: search list unknown".to_owned() };
    match advice.recommendation {
        Recommendation::Ndots(ndots) => {
            format!("set ndots to {ndots} (now {})", advice.current_ndots)
        }
        Recommendation::TrailingDots => "end names with a dot".to_owned(),
        Recommendation::NothingToSave => "nothing to save".to_owned(),
    }
}

/// Writes what to do and what it saves, in some 14 characters.
pub(crate) fn short_action(advice: Option<&Advice>, library: Option<&str>) -> String {
    let Some(advice) = advice else { return "not known yet".to_owned() };
    let (what, change) = match recommended(advice) {
        None => return "-".to_owned(),
        Some(Change::Ndots(ndots)) => (format!("ndots {ndots}"), Change::Ndots(ndots)),
        Some(Change::TrailingDots) => ("end dot".to_owned(), Change::TrailingDots),
    };
    match forecast(advice, change, library) {
        Some(forecast) => format!("{what}: {}", saved_share(forecast)),
        None => what,
    }
}

/// Returns the change that is recommended.
pub(crate) const fn recommended(advice: &Advice) -> Option<Change> {
    match advice.recommendation {
        Recommendation::Ndots(ndots) => Some(Change::Ndots(ndots)),
        Recommendation::TrailingDots => Some(Change::TrailingDots),
        Recommendation::NothingToSave => None,
    }
}

/// Returns what a change does with the client's own resolver library, glibc
/// where that is unknown.
pub(crate) fn forecast<'a>(
    advice: &'a Advice,
    change: Change,
    library: Option<&str>,
) -> Option<&'a Forecast> {
    let mut all = advice.alternatives.iter();
    let Alternative { glibc, musl, go, .. } = all.find(|one| one.change == change)?;
    Some(match library {
        Some("musl") => musl,
        Some("go") => go,
        _ => glibc,
    })
}

/// Writes what a change saves and breaks, of `queries` that were seen.
pub(crate) fn effect(forecast: &Forecast, queries: u64) -> String {
    let saved = forecast.queries_saved;
    let saves = match saved {
        0 => "saves nothing".to_owned(),
        1.. => format!("saves {saved} of {queries} queries ({})", saved_share(forecast)),
        _ => format!("adds {} queries", -saved),
    };
    match affected_count(&forecast.breaks) {
        0 => format!("{saves}, breaks nothing"),
        _ => format!("{saves}, breaks {}", affected(&forecast.breaks)),
    }
}

/// Writes how much the recommended change saves; `None` if nothing.
pub(crate) fn saving(advice: &Advice, library: Option<&str>) -> Option<String> {
    let forecast = forecast(advice, recommended(advice)?, library)?;
    let queries = u64::try_from(forecast.queries_saved).ok()?;
    let per_second = rate(queries, advice.observed_seconds.max(1));
    let share = saved_share(forecast);
    let wait = u64::try_from(forecast.wait_saved_micros).ok();
    let wait = match wait.and_then(|micros| micros.checked_div(advice.lookups)) {
        Some(micros @ 100..) => {
            format!(", and {}.{} ms per lookup", micros / 1000, micros % 1000 / 100)
        }
        _ => String::new(),
    };
    Some(format!("{share} of its queries ({per_second} per second){wait}"))
}

/// Writes the share of the queries that a change saves.
#[expect(clippy::cast_precision_loss, reason = "a thousand at most")]
pub(crate) fn saved_share(forecast: &Forecast) -> String {
    percent(forecast.saved_permille as f64 / 1000.0)
}

/// Writes the names that a change breaks or slows down.
pub(crate) fn affected(names: &AffectedNames) -> String {
    match (names.names.first(), affected_count(names)) {
        (None, _) => "none".to_owned(),
        (Some(first), 1) => first.name.clone(),
        (Some(first), all) => format!("{} and {} more", first.name, all - 1),
    }
}

/// Returns how many names a change breaks or slows down.
pub(crate) const fn affected_count(names: &AffectedNames) -> usize {
    names.names.len() + names.more
}

/// Writes what to edit by hand where the workload, and with it the command, is
/// unknown: the pod's specification, or the names.
pub(crate) fn pod_spec(advice: &Advice) -> Option<String> {
    match recommended(advice)? {
        Change::Ndots(ndots) => Some(format!(
            "# in the spec of the pod template:\n\
             dnsConfig:\n  options:\n  - name: ndots\n    value: \"{ndots}\""
        )),
        Change::TrailingDots => {
            let names = advice.trailing_dots.names.iter();
            let lines: Vec<_> = names
                .map(|affected| format!("{}.", affected.name))
                .collect();
            Some(lines.join("\n"))
        }
    }
}

/// Writes what to check before following an advice, as a sentence.
pub(crate) const fn warning(warning: Warning) -> &'static str {
    match warning {
        Warning::NameCollision => {
            "With ndots 1, names with one dot (such as api.dev) go to the Internet first and may \
             exist there."
        }
        Warning::HostHeader => {
            "Some programs pass the trailing dot on in Host and SNI, or compare it with a \
             certificate."
        }
        Warning::AssumedNdots => "The current ndots is a guess from the traffic.",
        Warning::FewLookups => "Based on fewer than 100 lookups: rare names may be missing.",
        Warning::NamesDropped => {
            "There are more names than the proxy keeps; the others count as unchanged."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observe::Affected;

    fn forecast_of(queries_saved: i64, breaks: &[&str]) -> Forecast {
        let affected =
            |name: &&str| Affected { name: (*name).to_owned(), lookups: 1, queries_saved: 1 };
        let breaks = AffectedNames { names: breaks.iter().map(affected).collect(), more: 0 };
        let saved_permille = queries_saved * 10;
        Forecast { queries: 100, queries_saved, saved_permille, breaks, ..Forecast::default() }
    }

    #[test]
    fn an_effect_has_what_it_saves_and_what_it_breaks() {
        for (saved, breaks, text) in [
            (60, &[][..], "saves 60 of 100 queries (60 %), breaks nothing"),
            (0, &["cart.shop"][..], "saves nothing, breaks cart.shop"),
            (
                -5,
                &["cart.shop", "db.shop", "mail"][..],
                "adds 5 queries, breaks cart.shop and 2 more",
            ),
        ] {
            assert_eq!(effect(&forecast_of(saved, breaks), 100), text);
        }
    }

    #[test]
    fn without_a_search_list_there_is_nothing_to_advise() {
        assert_eq!(action(None), "not known yet: search list unknown");
        assert_eq!(short_action(None, None), "not known yet");
    }
}
