//! What the proxy finds of itself, from the time it began to look.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use crate::api::{FoundCause, SCHEMA, VerdictEvent, VerdictPage};
use diagnose::{Cause, Evidence, Finding, Scope, Verdict};
use resolver::Moment;

/// The latest verdict, and when each of its causes came and went. Shared by who judges
/// and who shows it.
#[derive(Clone, Debug, Default)]
pub struct Verdicts {
    state: Arc<RwLock<State>>,
}

#[derive(Debug, Default)]
struct State {
    latest: Option<Verdict>,
    /// What that was made from.
    evidence: Option<Evidence>,
    /// The latest first.
    events: VecDeque<Event>,
}

#[derive(Clone, Debug)]
struct Event {
    cause: Cause,
    culprit: Option<String>,
    began: Moment,
    ended: Option<Moment>,
}

/// What a verdict changed.
#[derive(Clone, Debug)]
pub enum VerdictChange {
    /// A cause came.
    Came(Box<Finding>),
    /// A cause is not found any more.
    Went(Cause),
}

impl Verdicts {
    /// Keeps what the next verdict is made from.
    pub fn keep(&self, evidence: Evidence) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.evidence = Some(evidence);
    }

    /// The latest evidence; none before the first verdict.
    #[must_use]
    pub fn evidence(&self) -> Option<Evidence> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.evidence.clone()
    }

    /// Notes the verdict of a moment; returns which causes came and went with it.
    pub fn note(&self, verdict: Verdict, now: Moment) -> Vec<VerdictChange> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut changes = Vec::new();
        for event in state
            .events
            .iter_mut()
            .filter(|event| event.ended.is_none())
        {
            if !verdict
                .findings
                .iter()
                .any(|finding| finding.cause == event.cause)
            {
                event.ended = Some(now);
                changes.push(VerdictChange::Went(event.cause));
            }
        }
        for finding in &verdict.findings {
            let is_known = |event: &Event| event.cause == finding.cause && event.ended.is_none();
            if state.events.iter().any(is_known) {
                continue;
            }
            let (cause, culprit) = (finding.cause, finding.culprit.clone());
            state
                .events
                .push_front(Event { cause, culprit, began: now, ended: None });
            changes.push(VerdictChange::Came(Box::new(finding.clone())));
        }
        state.events.truncate(EVENTS);
        state.latest = Some(verdict);
        changes
    }

    /// The causes that are there now, with their scopes.
    #[must_use]
    pub fn causes(&self) -> Vec<(Cause, Scope)> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let findings = state.latest.iter().flat_map(|verdict| &verdict.findings);
        findings
            .map(|finding| (finding.cause, finding.scope))
            .collect()
    }

    /// The page at `now`.
    #[must_use]
    pub fn page(&self, now: Moment) -> VerdictPage {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let ago = |moment: Moment| now.saturating_since(moment).as_secs();
        let since = |cause: Cause| {
            let open = state
                .events
                .iter()
                .find(|event| event.cause == cause && event.ended.is_none());
            open.map_or(0, |event| ago(event.began))
        };
        let findings = state.latest.iter().flat_map(|verdict| &verdict.findings);
        VerdictPage {
            schema: SCHEMA,
            outcome: state.latest.as_ref().map(|verdict| verdict.outcome),
            findings: findings
                .map(|finding| FoundCause {
                    title: finding.cause.title().to_owned(),
                    scope_title: finding.scope.title().to_owned(),
                    since_s: since(finding.cause),
                    finding: finding.clone(),
                })
                .collect(),
            gaps: state
                .latest
                .iter()
                .flat_map(|verdict| verdict.gaps.clone())
                .collect(),
            events: state
                .events
                .iter()
                .map(|event| VerdictEvent {
                    cause: event.cause.label().to_owned(),
                    culprit: event.culprit.clone(),
                    began_s: ago(event.began),
                    ended_s: event.ended.map(ago),
                })
                .collect(),
            silent: state
                .latest
                .iter()
                .flat_map(|verdict| verdict.silent.clone())
                .collect(),
        }
    }
}

/// Causes that are remembered: a day of one that comes and goes every quarter of an hour.
const EVENTS: usize = 100;

#[cfg(test)]
mod tests {
    use diagnose::{Evidence, Outcome, Ring, judge};

    use super::*;

    fn verdict(looped: bool) -> Verdict {
        let rings = if looped { vec![Ring::default()] } else { Vec::new() };
        judge(&Evidence { rings: Some(rings), ..Evidence::default() })
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn causes_come_once_and_go_once() {
        let verdicts = Verdicts::default();
        assert_eq!(verdicts.page(at(0)).outcome, None);
        assert!(verdicts.note(verdict(false), at(10)).is_empty());
        let came = verdicts.note(verdict(true), at(20));
        assert!(
            matches!(came.as_slice(), [VerdictChange::Came(loops)] if loops.cause == Cause::Loop)
        );
        assert!(verdicts.note(verdict(true), at(30)).is_empty());
        let page = verdicts.page(at(35));
        assert_eq!((page.findings.len(), page.findings[0].since_s), (1, 15));
        assert_eq!((page.events[0].began_s, page.events[0].ended_s), (15, None));
        assert_eq!(page.outcome, Some(Outcome::Problem));
        let went = verdicts.note(verdict(false), at(40));
        assert!(matches!(went.as_slice(), [VerdictChange::Went(Cause::Loop)]));
        let page = verdicts.page(at(50));
        assert_eq!((page.findings.len(), page.events[0].ended_s), (0, Some(10)));
        verdicts.note(verdict(true), at(60));
        assert_eq!(verdicts.page(at(60)).events.len(), 2);
    }
}
