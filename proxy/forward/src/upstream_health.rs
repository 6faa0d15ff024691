//! Which upstreams are well, and how fast: by what they answer to clients'
//! questions. It orders the tries and nothing more: an only upstream is always
//! asked.

mod round_trip;

use std::time::Duration;

use crate::UpstreamFailure;
use crate::conditions::Condition;
use crate::flights::SentFrom;
use resolver::Moment;
use round_trip::RoundTrip;

/// What is known of all upstreams.
#[derive(Debug, Default)]
pub(crate) struct UpstreamHealth {
    upstreams: Vec<Heard>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// When it last sent anything.
    answered_at: Option<Moment>,
    refused_at: Option<Moment>,
    /// When there was no way to it last.
    unreachable_at: Option<Moment>,
    /// Queries since then, and when the first of them was sent.
    unanswered: u32,
    unanswered_since: Moment,
    /// Questions that it failed and another one answered, less those that it
    /// answered itself.
    blame: u8,
    suspect: Option<Suspect>,
    healed_at: Option<Moment>,
    round_trip: RoundTrip,
    checked_at: Moment,
    /// Where the last check left from; none over TCP.
    check: Option<SentFrom>,
    /// Whether its answer is waited for.
    checking: bool,
}

/// An upstream that is asked last.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    /// When it became one.
    first: Moment,
    /// When it failed last.
    since: Moment,
    next_check: Moment,
    pause: Duration,
}

impl UpstreamHealth {
    /// Starts with `upstreams` that are all well.
    pub(crate) fn new(upstreams: usize) -> Self {
        Self { upstreams: vec![Heard::default(); upstreams] }
    }

    /// Makes room for so many upstreams in all.
    pub(crate) fn extend(&mut self, upstreams: usize) {
        let upstreams = upstreams.max(self.upstreams.len());
        self.upstreams.resize(upstreams, Heard::default());
    }

    /// Notes that a query is sent. An upstream that has sent nothing for several
    /// queries and longer than it ever takes is suspect.
    pub(crate) fn asked(&mut self, upstream: usize, now: Moment) {
        let Some(state) = self.upstreams.get_mut(upstream) else { return };
        if state.unanswered == 0 {
            state.unanswered_since = now;
        }
        state.unanswered = state.unanswered.saturating_add(1);
        let silent_for = now.saturating_since(state.unanswered_since);
        if state.unanswered > SILENT_QUERIES && silent_for >= state.round_trip.patience() {
            state.suspect(now);
        }
    }

    /// Notes that a query did not leave after all.
    pub(crate) fn not_sent(&mut self, upstream: usize) {
        if let Some(state) = self.upstreams.get_mut(upstream) {
            state.unanswered = state.unanswered.saturating_sub(1);
        }
    }

    /// Notes a message from an upstream, of whatever kind.
    pub(crate) fn answered(&mut self, upstream: usize, now: Moment) {
        let Some(state) = self.upstreams.get_mut(upstream) else { return };
        (state.answered_at, state.refused_at) = (Some(now), None);
        state.unanswered = 0;
    }

    /// Notes an answer with data or a denial to a query of `sent`.
    pub(crate) fn served(&mut self, upstream: usize, sent: Moment, now: Moment) {
        self.answered(upstream, now);
        let Some(state) = self.upstreams.get_mut(upstream) else { return };
        state.checking &= state.checked_at > sent;
        state.round_trip.note(now.saturating_since(sent), now);
        state.blame = state.blame.saturating_sub(1);
        if state.suspect.is_some_and(|suspect| suspect.since <= sent) {
            (state.suspect, state.healed_at, state.blame) = (None, Some(now), 0);
        }
    }

    /// Notes a message too late for its question, with the RCODE of an answer or not.
    /// The answer to a check often is.
    pub(crate) fn late(
        &mut self,
        upstream: usize,
        (from, good): (Option<SentFrom>, bool),
        now: Moment,
    ) {
        self.answered(upstream, now);
        let Some(state) = self.upstreams.get_mut(upstream) else { return };
        if good && state.checking && state.check == from {
            let sent = state.checked_at;
            state.checking = false;
            self.served(upstream, sent, now);
            if let Some(state) = self.upstreams.get_mut(upstream) {
                state.round_trip.note_check(now.saturating_since(sent));
            }
        }
    }

    /// Notes where a check left from.
    pub(crate) fn note_check(&mut self, upstream: usize, from: Option<SentFrom>) {
        if let Some(state) = self.upstreams.get_mut(upstream) {
            (state.check, state.checking) = (from, true);
        }
    }

    /// Notes that another upstream answered what this one failed.
    pub(crate) fn blamed(&mut self, upstream: usize, now: Moment) {
        let Some(state) = self.upstreams.get_mut(upstream) else { return };
        state.blame = (state.blame + 1).min(MOST_BLAME);
        if state.blame >= MOST_BLAME {
            state.suspect(now);
        }
    }

    /// Notes that a query of `sent` failed, or is silent still. An upstream
    /// that answered anything after that is well: one silent name must not
    /// drive all others away from it.
    pub(crate) fn failed(&mut self, upstream: usize, sent: Moment, now: Moment) {
        if let Some(state) = self.upstreams.get_mut(upstream)
            && state.answered_at.is_none_or(|answered| answered < sent)
        {
            state.suspect(now);
        }
    }

    /// Notes that nothing listens there.
    pub(crate) fn refused(&mut self, upstream: usize, now: Moment) {
        if let Some(state) = self.upstreams.get_mut(upstream) {
            // That is no silence.
            (state.refused_at, state.unanswered) = (Some(now), 0);
        }
    }

    /// Returns whether there was no way to an upstream since `start`.
    pub(crate) fn unreachable_since(&self, upstream: usize, start: Moment) -> bool {
        let state = self.upstreams.get(upstream);
        let unreachable = state.and_then(|state| state.unreachable_at);
        unreachable.is_some_and(|at| at >= start)
    }

    /// Notes why a try failed, as far as that holds for other questions too: there is no
    /// way to the upstream.
    pub(crate) fn note(&mut self, upstream: usize, reason: UpstreamFailure, now: Moment) {
        if reason == UpstreamFailure::Unreachable
            && let Some(state) = self.upstreams.get_mut(upstream)
        {
            state.unreachable_at = Some(now);
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
    pub(crate) fn is_suspect(&self, upstream: usize) -> bool {
        let state = self.upstreams.get(upstream);
        state.is_some_and(|state| state.suspect.is_some())
    }

    /// Returns whether an upstream sends nothing at all: not for many queries, so that
    /// it is more than a few names.
    pub(crate) fn is_silent(&self, upstream: usize, now: Moment) -> bool {
        self.upstreams.get(upstream).is_some_and(|state| {
            let silent_for = now.saturating_since(state.unanswered_since);
            state.unanswered >= CERTAIN_QUERIES && silent_for >= round_trip::MOST_PATIENCE
        })
    }

    /// Returns how an upstream is, for people; none while it is not clear.
    pub(crate) fn condition(&self, upstream: usize, now: Moment) -> Option<Condition> {
        let state = self.upstreams.get(upstream)?;
        let Some(suspect) = state.suspect else { return Some(Condition::Well) };
        let silent_for = now.saturating_since(state.unanswered_since);
        let is_silent = state.unanswered >= TOLD_QUERIES && silent_for >= TOLD;
        if state.refused_at.is_some() {
            Some(Condition::Refuses)
        } else if state.unreachable_at.is_some_and(|at| at >= suspect.first) {
            Some(Condition::Unreachable)
        } else if is_silent {
            Some(Condition::Silent)
        } else {
            (state.blame >= MOST_BLAME).then_some(Condition::Fails)
        }
    }

    /// Returns whether an upstream takes a question with this chance: one that has
    /// just healed begins with a few.
    pub(crate) fn is_ready(&self, upstream: usize, now: Moment, chance: u8) -> bool {
        let Some(state) = self.upstreams.get(upstream) else { return false };
        let since = state.healed_at.map(|healed| now.saturating_since(healed));
        state.suspect.is_none()
            && since.is_none_or(|since| since * u32::from(u8::MAX) >= GENTLY * u32::from(chance))
    }

    /// Returns whether the first upstream is much faster than the second.
    pub(crate) fn is_faster(&self, one: usize, other: usize) -> bool {
        let typical = |upstream: usize| self.upstreams.get(upstream)?.round_trip.typical();
        match (typical(one), typical(other)) {
            (Some(one), Some(other)) => one * 2 + SAME_BAND < other,
            _ => false,
        }
    }

    /// Returns how long all but a few answers take; none if that is not known.
    pub(crate) fn most_answered_within(&self, upstream: usize) -> Option<Duration> {
        self.upstreams.get(upstream)?.round_trip.nearly_all()
    }

    /// Returns whether an upstream is to be sent a copy of a question now that is
    /// sent to `chosen`, to see how it is: one that is suspect, or was passed over for
    /// a faster one for long.
    pub(crate) fn take_check(&mut self, upstream: usize, chosen: usize, now: Moment) -> bool {
        let slower = self.is_faster(chosen, upstream);
        let Some(state) = self.upstreams.get_mut(upstream) else { return false };
        let due = match &mut state.suspect {
            Some(suspect) => {
                let due = now >= suspect.next_check;
                if due {
                    suspect.next_check = now + suspect.pause;
                    suspect.pause = (suspect.pause * 2).min(LONGEST_PAUSE);
                }
                due
            }
            None => {
                let last = state.round_trip.noted_at().max(state.checked_at);
                slower && now.saturating_since(last) >= PASSED_OVER
            }
        };
        if due {
            state.checked_at = now;
        }
        due
    }
}

impl Heard {
    fn suspect(&mut self, now: Moment) {
        let begun = Suspect {
            first: now,
            since: now,
            next_check: now + FIRST_PAUSE,
            pause: FIRST_PAUSE * 2,
        };
        let suspect = self.suspect.get_or_insert(begun);
        // What it answers to a query from before this failure proves nothing.
        suspect.since = now;
    }
}

/// Queries without any answer before silence means something.
const SILENT_QUERIES: u32 = 3;

/// Queries without any answer before people are to know, and since the first of them:
/// a pause or a lost datagram is worth no line.
const TOLD_QUERIES: u32 = 5;
const TOLD: Duration = Duration::from_secs(2);

/// Queries without any answer before retries would be in vain.
const CERTAIN_QUERIES: u32 = 32;

/// Questions that an upstream failed and another one answered before it is asked
/// last: one name may be broken at one server.
const MOST_BLAME: u8 = 3;

/// Before a suspect is looked at for the first time; each pause after that is twice
/// as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause: one that healed is found within two seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long it takes until one that healed is asked as much as others.
const GENTLY: Duration = Duration::from_secs(1);

/// How much slower than twice the other still counts as the same.
const SAME_BAND: Duration = Duration::from_millis(2);

/// After so long without an answer to measure by, a slow one is looked at again: one
/// that is fast again has its share within a few of them.
const PASSED_OVER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
