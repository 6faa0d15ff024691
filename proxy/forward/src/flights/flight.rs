//! What is kept with one question in flight.

use std::time::Duration;

use dns::Rcode;

use crate::Transport;
use crate::retry::Retry;
use crate::upstream_health::UpstreamHealth;
use crate::zones::Tried;
use resolver::{Head, Moment, Origin};

use super::ports::SentFrom;
use super::suspect::Guard;
use super::truncated::Truncated;

/// One question in flight.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(super) zone: usize,
    pub(super) retry: Retry,
    /// Datagrams whose answers are still waited for; at most eight.
    pub(super) sends: Vec<Send>,
    pub(super) asked: Tried,
    /// When a second upstream is asked.
    pub(super) hedge_at: Option<Moment>,
    /// The upstream that was sent a copy, to see how it is. Whatever comes of that is
    /// no failure of the question.
    pub(super) check: Option<usize>,
    /// The upstream that was asked over TCP last, and when.
    pub(super) asked_over_tcp: Option<(usize, Moment)>,
    /// The upstream that was asked last.
    pub(super) last_asked: Option<usize>,
    pub(super) failed: Tried,
    /// Those of them that answered that they cannot.
    pub(super) cannot: Tried,
    /// What an upstream that could not answer said: the RCODE, and the INFO-CODE
    /// if it gave one.
    pub(super) said: Option<(Rcode, Option<u16>)>,
    /// Why there is no answer so far and from whom that is known, as far as
    /// anything was heard.
    pub(super) failure: Option<(Origin, usize)>,
    /// Who truncated an answer, whether or not TCP was asked since.
    pub(super) cut_by: Option<usize>,
    /// Who sent something for it that is no answer.
    pub(super) bad_answer: Option<usize>,
    /// False once an upstream did not understand our OPT.
    pub(super) edns: bool,
    /// Who truncated its answer, and is asked over TCP.
    pub(super) truncated_by: Option<usize>,
    /// What of a truncated answer fitted.
    pub(super) truncated: Option<Box<Truncated>>,
    pub(super) started: Moment,
    pub(super) guard: Guard,
    /// The only upstream that a probe goes to.
    pub(super) pinned: Option<usize>,
    /// A connection was silent, and another one was asked.
    pub(super) moved: bool,
    /// What the system said last when it could not send.
    pub(super) errno: Option<i32>,
    /// When it ends, if nothing comes for what was refused.
    pub(super) ends_at: Option<Moment>,
    /// When those who wait get a stale answer, if there is one.
    pub(super) stale_at: Option<Moment>,
}

/// A datagram that went to an upstream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Send {
    pub(super) from: SentFrom,
    pub(super) upstream: usize,
    pub(super) at: Moment,
    /// ICMP came for it.
    pub(super) refused: bool,
}

impl Flight {
    /// A question that is asked `over` this transport at first.
    pub(super) fn new(zone: usize, over: Transport, now: Moment) -> Self {
        Self {
            zone,
            retry: Retry::new(now, over),
            sends: Vec::new(),
            asked: Tried::default(),
            hedge_at: None,
            check: None,
            asked_over_tcp: None,
            last_asked: None,
            failed: Tried::default(),
            cannot: Tried::default(),
            said: None,
            failure: None,
            cut_by: None,
            bad_answer: None,
            edns: true,
            truncated_by: None,
            truncated: None,
            started: now,
            guard: Guard::default(),
            pinned: None,
            moved: false,
            errno: None,
            ends_at: None,
            stale_at: None,
        }
    }

    /// A probe: one query to one upstream. It goes over UDP where the zone is not under
    /// TLS: many servers answer the queries of one connection in turn, and the question
    /// may stand before it.
    pub(super) fn probe(zone: usize, (upstream, over): (usize, Transport), now: Moment) -> Self {
        let retry = Retry::once(now, over);
        Self { pinned: Some(upstream), retry, ..Self::new(zone, over, now) }
    }

    /// Returns when there is something to do for it.
    pub(super) fn next_at(&self) -> Option<Moment> {
        let look = self.guard.look_at(self.started, self.retry.sent());
        let look = look.filter(|_| self.pinned.is_none());
        let until = self.truncated.as_ref().map(|truncated| truncated.until);
        [look, until, self.ends_at, self.stale_at, self.hedge_at, self.retry.next_at()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Returns whether nothing more is waited for.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        let until = self.truncated.as_ref().map(|truncated| truncated.until);
        let ends = [until, self.ends_at].into_iter().flatten().min();
        ends.is_some_and(|at| now >= at)
    }

    /// Returns when the query was sent that `upstream` answered with `id`; over
    /// TCP, when the first one was.
    pub(super) fn asked_at(&self, upstream: usize, id: u16) -> Moment {
        self.send_to(upstream, id)
            .map_or(self.started, |send| send.at)
    }

    /// Notes that a datagram was refused; returns whether that is news.
    pub(super) fn note_refused(&mut self, from: SentFrom) -> bool {
        let mut sends = self.sends.iter_mut();
        let send = sends.find(|send| send.from == from && !send.refused);
        send.is_some_and(|send| {
            send.refused = true;
            true
        })
    }

    /// Returns whether nothing is out there but what was refused, and copies.
    pub(super) fn all_refused(&self) -> bool {
        let mut sends = self.sends.iter();
        sends.all(|send| send.refused || self.check == Some(send.upstream))
    }

    /// Returns until when the right answer may still come for what was refused.
    pub(super) fn grace(&self) -> Option<Moment> {
        let refused = self.sends.iter().filter(|send| send.refused);
        refused.map(|send| send.at + GRACE).max()
    }

    /// Returns when the query was sent that an answer of `upstream` with `id` belongs
    /// to, for its time on the way.
    pub(super) fn sent_at(&self, upstream: usize, id: u16) -> Moment {
        match self.asked_over_tcp {
            Some((asked, at)) if asked == upstream && self.send_to(upstream, id).is_none() => at,
            _ => self.asked_at(upstream, id),
        }
    }

    fn send_to(&self, upstream: usize, id: u16) -> Option<&Send> {
        let mut sends = self.sends.iter();
        sends.find(|send| send.upstream == upstream && send.from.id == id)
    }

    /// Notes what `upstream` said instead of yes or no.
    pub(super) fn note_said(&mut self, answer: Head, origin: Origin, upstream: usize) {
        self.said = Some((answer.rcode, answer.ede));
        self.failure = Some((origin, upstream));
    }

    /// Notes that a try at `upstream` failed. What an upstream said counts for
    /// more, and so does the first thing that was more than silence.
    pub(super) fn note_failure(&mut self, origin: Origin, upstream: usize) {
        let known = self
            .failure
            .is_some_and(|(known, _)| known != Origin::Timeout);
        if !known {
            self.failure = Some((origin, upstream));
        }
    }

    /// Returns why there is no answer, and the upstream of which that is known.
    /// As long as a query is out there, it is silence, whatever became of the
    /// others; unless its upstream refused those of other questions meanwhile. A
    /// system sends ICMP errors for some of many datagrams only (Linux
    /// `icmp_ratelimit`).
    pub(super) fn why_failed(&self, health: &UpstreamHealth) -> (Origin, Option<usize>) {
        match self.failure {
            _ if self.guard.looped => return (Origin::Loop, self.last_asked),
            _ if self.said.is_none() && self.cut_by.is_some() => {
                return (Origin::TcpFailed, self.cut_by);
            }
            // TCP told it, which no ICMP of a stranger can.
            Some((Origin::Unreachable, upstream)) => return (Origin::Unreachable, Some(upstream)),
            // Where only wrong IDs came, what TCP met is not why.
            Some((origin, upstream))
                if self.said.is_some() || self.all_refused() && self.bad_answer.is_none() =>
            {
                return (origin, Some(upstream));
            }
            _ => {}
        }
        let refused = |send: &Send| health.refused_since(send.upstream, self.started);
        let all_refused = !self.sends.is_empty() && self.sends.iter().all(refused);
        let unreachable = |send: &Send| health.unreachable_since(send.upstream, self.started);
        let no_way = !self.sends.is_empty() && self.sends.iter().all(unreachable);
        match self.bad_answer {
            _ if no_way => (Origin::Unreachable, self.last_asked),
            _ if all_refused => (Origin::ConnectRefused, self.last_asked),
            Some(upstream) => (Origin::BadAnswer, Some(upstream)),
            None => (Origin::Timeout, self.last_asked),
        }
    }
}

/// How long the answer to a datagram is waited for after ICMP for it, where there
/// is nothing else to try: longer than the way to most servers and back, so that
/// forged ICMP fails no question.
const GRACE: Duration = Duration::from_millis(250);
