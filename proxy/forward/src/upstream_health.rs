//! Which upstreams failed or were silent lately: a hint for the order in which
//! they are asked.

use std::time::Duration;

use resolver::Moment;

/// Which upstreams failed or were silent lately.
///
/// A hint that orders the tries and nothing more: an upstream that recovers
/// is found at the latest when the suspicion ends.
#[derive(Debug, Default)]
pub(crate) struct UpstreamHealth {
    upstreams: Vec<Heard>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    suspect_until: Option<Moment>,
    answered_at: Option<Moment>,
    refused_at: Option<Moment>,
}

impl UpstreamHealth {
    /// Starts with `upstreams` that are all well.
    pub(crate) fn new(upstreams: usize) -> Self {
        Self { upstreams: vec![Heard::default(); upstreams] }
    }

    /// Notes an answer, of whatever kind.
    pub(crate) fn answered(&mut self, upstream: usize, now: Moment) {
        if let Some(state) = self.upstreams.get_mut(upstream) {
            *state = Heard { answered_at: Some(now), ..Heard::default() };
        }
    }

    /// Notes that a query of `sent` failed, or is silent still. An upstream
    /// that answered anything after that is well: one silent name must not
    /// drive all others away from it.
    pub(crate) fn failed(&mut self, upstream: usize, sent: Moment, now: Moment) {
        if let Some(state) = self.upstreams.get_mut(upstream)
            && state.answered_at.is_none_or(|answered| answered < sent)
        {
            state.suspect_until = Some(now + SUSPICION);
        }
    }

    /// Notes that nothing listens there.
    pub(crate) fn refused(&mut self, upstream: usize, now: Moment) {
        if let Some(state) = self.upstreams.get_mut(upstream) {
            state.refused_at = Some(now);
        }
    }

    /// Says whether nothing listened there at some time since `start`, and it
    /// has not answered after that.
    pub(crate) fn refused_since(&self, upstream: usize, start: Moment) -> bool {
        let state = self.upstreams.get(upstream);
        let refused = state.and_then(|state| state.refused_at);
        refused.is_some_and(|refused| refused >= start)
    }

    /// Returns whether an upstream is to be asked last.
    pub(crate) fn is_suspect(&self, upstream: usize, now: Moment) -> bool {
        self.upstreams
            .get(upstream)
            .and_then(|state| state.suspect_until)
            .is_some_and(|until| now < until)
    }
}

/// How long an upstream is asked last. CoreDNS probes at twice that rate.
const SUSPICION: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_micros(millis * 1000)
    }

    #[test]
    fn who_refused_is_known_until_it_answers() {
        let mut health = UpstreamHealth::new(2);
        health.refused(0, at(5));
        assert!(health.refused_since(0, at(5)) && !health.refused_since(0, at(6)));
        assert!(!health.refused_since(1, at(0)));
        health.answered(0, at(7));
        assert!(!health.refused_since(0, at(0)));
    }

    #[test]
    fn suspicion_needs_silence_and_ends() {
        let mut health = UpstreamHealth::new(1);
        health.answered(0, at(5));
        health.failed(0, at(4), at(6));
        assert!(!health.is_suspect(0, at(6)), "it answered since");
        health.failed(0, at(6), at(7));
        assert!(health.is_suspect(0, at(7)));
        assert!(!health.is_suspect(0, at(1007)));
    }
}
