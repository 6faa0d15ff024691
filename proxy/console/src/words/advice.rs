//! What to change, what that does, and what to check first.

use super::{percent, rate};
use observe::{
    Advice, AffectedNames, Alternative, AtRisk, Capture, Change, Figures, Forecast, NameAtRisk,
    Recommendation, Warning,
};

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
        Recommendation::NothingToSave => {
            missing(advice).unwrap_or_else(|| "nothing to save".to_owned())
        }
    }
}

/// Writes which names it asks for in vain, as what somebody does.
pub(crate) fn missing(advice: &Advice) -> Option<String> {
    let verb = match affected_count(&advice.missing) {
        0 => return None,
        1 => "does",
        _ => "do",
    };
    Some(format!("asks for {}, which {verb} not exist", affected(&advice.missing)))
}

/// Writes which names a wildcard answers in place of those that were meant.
pub(crate) fn captured(advice: &Advice) -> Option<String> {
    let certain = || advice.captures.names.iter().filter(|one| one.certain);
    let Capture { name, domain, .. } = certain().next()?;
    Some(match certain().count() - 1 {
        0 => format!("{name} is answered by *.{domain}"),
        more => format!("{name} and {more} more are answered by *.{domain}"),
    })
}

/// Writes what to do and what it saves, in some 14 characters.
pub(crate) fn short_action(advice: Option<&Advice>, library: Option<&str>) -> String {
    let Some(advice) = advice else { return "not known yet".to_owned() };
    let (what, change) = match recommended(advice) {
        None if affected_count(&advice.missing) > 0 => return "no such name".to_owned(),
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

/// Returns what a change breaks under any library that the clients may have.
pub(crate) fn breaks(advice: &Advice, change: Change) -> Option<&AtRisk> {
    let mut all = advice.alternatives.iter();
    Some(&all.find(|one| one.change == change)?.breaks)
}

/// Writes the names that a change breaks, and for whom if that is not certain.
pub(crate) fn at_risk(breaks: &AtRisk) -> String {
    let all = breaks.names.len() + breaks.more;
    let Some(first) = breaks.names.first() else {
        return if all == 0 { "none".to_owned() } else { format!("{all} names") };
    };
    let is_musl =
        |one: &NameAtRisk| one.libraries.musl && !one.libraries.glibc && !one.libraries.go;
    let whose = if breaks.names.iter().all(is_musl) { " on Alpine (musl)" } else { "" };
    match all {
        1 => format!("{}{whose}", first.name),
        _ => format!("{} and {} more{whose}", first.name, all - 1),
    }
}

/// Writes what a change saves, of `queries` that were seen, and what it breaks.
pub(crate) fn effect(forecast: &Forecast, breaks: &AtRisk, queries: u64) -> String {
    let saved = forecast.queries_saved;
    let saves = match saved {
        0 => "saves nothing".to_owned(),
        1.. => format!("saves {saved} of {queries} queries ({})", saved_share(forecast)),
        _ => format!("adds {} queries", -saved),
    };
    match breaks.names.len() + breaks.more {
        0 => format!("{saves}, breaks nothing"),
        _ => format!("{saves}, breaks {}", at_risk(breaks)),
    }
}

/// Writes how much the recommended change saves of the queries of a minute; `None` if
/// nothing.
pub(crate) fn saving(advice: &Advice, library: Option<&str>, minute: &Figures) -> Option<String> {
    let forecast = forecast(advice, recommended(advice)?, library)?;
    // The lookups of the advice may all have come in one second.
    let permille = u64::try_from(forecast.saved_permille).ok()?;
    let per_second = rate(minute.lookup_queries.saturating_mul(permille) / 1000, 60);
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
            "There are more names than the proxy keeps: names that this breaks may be missing."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observe::{Affected, Libraries};

    fn forecast_of(queries_saved: i64) -> Forecast {
        let saved_permille = queries_saved * 10;
        Forecast { queries: 100, queries_saved, saved_permille, ..Forecast::default() }
    }

    fn breaks_of(names: &[&str], libraries: Libraries) -> AtRisk {
        let risk = |name: &&str| NameAtRisk { name: (*name).to_owned(), lookups: 1, libraries };
        AtRisk { names: names.iter().map(risk).collect(), more: 0 }
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
            let breaks = breaks_of(breaks, Libraries::ALL);
            assert_eq!(effect(&forecast_of(saved), &breaks, 100), text);
        }
        let musl = Libraries { musl: true, ..Libraries::default() };
        assert_eq!(at_risk(&breaks_of(&["db.shop"], musl)), "db.shop on Alpine (musl)");
    }

    #[test]
    fn names_in_vain_and_wildcards_are_what_somebody_does() {
        let affected =
            |name: &str| Affected { name: name.to_owned(), lookups: 1, queries_saved: 8 };
        let capture = |name: &str| Capture {
            name: name.to_owned(),
            domain: "corp.example".to_owned(),
            lookups: 1,
            certain: true,
        };
        let mut advice = observe::advise(
            &observe::NameTallies::new(1),
            &observe::Current::from(&observe::Search::unknown()),
            None,
        );
        assert_eq!(
            (action(Some(&advice)), captured(&advice)),
            ("nothing to save".to_owned(), None)
        );
        advice.missing.names = vec![affected("databse.shop")];
        assert_eq!(action(Some(&advice)), "asks for databse.shop, which does not exist");
        assert_eq!(short_action(Some(&advice), None), "no such name");
        advice.missing.more = 2;
        let text = "asks for databse.shop and 2 more, which do not exist";
        assert_eq!(missing(&advice).as_deref(), Some(text));
        advice.captures.names = vec![capture("api.example.com"), capture("a.example.com")];
        let text = "api.example.com and 1 more are answered by *.corp.example";
        assert_eq!(captured(&advice).as_deref(), Some(text));
    }

    #[test]
    fn without_a_search_list_there_is_nothing_to_advise() {
        assert_eq!(action(None), "not known yet: search list unknown");
        assert_eq!(short_action(None, None), "not known yet");
    }
}
