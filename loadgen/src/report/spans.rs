//! When the causes of a scenario were there.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::scenario::Scenario;

/// A cause, from the start of its phase to the end.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CauseSpan {
    /// What went wrong, in words.
    pub what: String,
    /// Seconds from the start of the run.
    pub from_s: f64,
    /// As well.
    pub to_s: f64,
}

/// Returns the causes of a scenario as they were planned.
pub(super) fn causes(scenario: &Scenario) -> Vec<CauseSpan> {
    let ends: Vec<Duration> = scenario.phase_ends().collect();
    let span = |(phase, what): (Option<usize>, String)| {
        let before = phase.and_then(|phase| phase.checked_sub(1));
        let from = before.and_then(|before| ends.get(before)).copied();
        let to = phase
            .and_then(|phase| ends.get(phase))
            .or_else(|| ends.last());
        CauseSpan {
            what,
            from_s: from.unwrap_or_default().as_secs_f64(),
            to_s: to.copied().unwrap_or_default().as_secs_f64(),
        }
    };
    let causes = scenario.causes.by_phase().into_iter();
    causes.map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_lasts_as_long_as_its_phase() {
        let text = "schema = 1\nname = \"n\"\ntarget = { server = \"127.0.0.1\" }\n\
            limits = { max_qps = 100, max_duration = \"1m\" }\nworkload = { names = [\"a\"] }\n\
            [upstream]\nlisten = \"127.0.0.1:5354\"\ntcp = \"drop\"\n[[upstream.fault]]\n\
            phase = \"two\"\nnames = \"example.com\"\nanswer = \"SERVFAIL\"\ndelay = \"200ms\"\n\
            [[phase]]\nname = \"one\"\nfor = \"2s\"\nschedule = { shape = \"constant\", rate = 50 }\n\
            [[phase]]\nname = \"two\"\nfor = \"3s\"\nschedule = { shape = \"constant\", rate = 50 }\n";
        let scenario = Scenario::parse(text, std::path::Path::new("s")).unwrap();
        let found = causes(&scenario);
        let span = |what: &str, from_s, to_s| CauseSpan { what: what.to_owned(), from_s, to_s };
        let servfail = "upstream: SERVFAIL for example.com, 200ms late";
        assert_eq!(found, [span(servfail, 2.0, 5.0), span("upstream: TCP dropped", 0.0, 5.0)]);
    }
}
