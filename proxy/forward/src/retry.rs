//! When a question is asked again, and over what.
//!
//! Silence and errors are different: a silent upstream is asked on a schedule
//! until the deadline, one that fails at once is given up after a few tries.

use std::time::Duration;

use super::Transport;
use resolver::Moment;

/// The tries of one question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    started: Moment,
    over: Transport,
    next: usize,
    again_at: Option<Moment>,
    /// What is due asks nobody more than the first try did.
    free: bool,
    not_before: Option<Moment>,
    sent: u8,
    errors: u8,
    wrong_ids: u8,
}

/// What to send when a try is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Due {
    /// One datagram.
    Udp,
    /// One query over TCP.
    Tcp,
    /// One of each; the first acceptable answer wins.
    Both,
}

impl Retry {
    /// Starts with a first try due at `now`.
    pub(crate) const fn new(now: Moment, over: Transport) -> Self {
        Self {
            started: now,
            over,
            next: 0,
            again_at: None,
            free: false,
            not_before: None,
            sent: 0,
            errors: 0,
            wrong_ids: 0,
        }
    }

    /// One try and no more: silence says nothing about what it looks for.
    pub(crate) const fn once(now: Moment, over: Transport) -> Self {
        Self { sent: MAX_QUERIES - 1, ..Self::new(now, over) }
    }

    /// Returns whether one more query may be sent.
    pub(crate) const fn has_room(&self) -> bool {
        self.sent < MAX_QUERIES
    }

    /// Takes one query beside the schedule, if so many may be sent.
    pub(crate) const fn take_extra(&mut self) -> bool {
        let may = self.has_room();
        self.sent += may as u8;
        may
    }

    /// Returns over what the tries go.
    pub(crate) const fn over(&self) -> Transport {
        self.over
    }

    /// Returns how many queries were sent.
    pub(crate) fn sent(&self) -> usize {
        self.sent.into()
    }

    /// Returns when the next try is due; `None` when there are no more, and
    /// only the deadline is left.
    pub(crate) fn next_at(&self) -> Option<Moment> {
        if self.sent >= MAX_QUERIES || self.errors >= MAX_ERRORS {
            return None;
        }
        let next = match (self.again_at, self.scheduled_at()) {
            (Some(again), Some(scheduled)) => Some(again.min(scheduled)),
            (again, scheduled) => again.or(scheduled),
        };
        next.max(self.not_before.filter(|_| next.is_some()))
    }

    /// Returns whether the next try is a retry: what an upstream is asked more because
    /// it did not answer.
    pub(crate) const fn is_again(&self) -> bool {
        self.sent > 0 && !self.free
    }

    /// Lets what is due wait.
    pub(crate) const fn postpone(&mut self, until: Moment) {
        self.not_before = Some(until);
    }

    /// Takes the try that is due at `now`. When several are, because the
    /// thread was held up, they are one: a volley would not find more.
    pub(crate) fn take_due(&mut self, now: Moment) -> Option<Due> {
        if self.next_at()? > now {
            return None;
        }
        (self.free, self.not_before) = (false, None);
        let is_first = self.next == 0;
        let mut due = if self.over == Transport::Tcp { Due::Tcp } else { Due::Udp };
        self.again_at = self.again_at.filter(|at| *at > now);
        while let Some((offset, what)) = self.schedule().get(self.next)
            && self.started + *offset <= now
        {
            due = *what;
            self.next += 1;
        }
        if due == Due::Both && self.sent + 2 > MAX_QUERIES {
            // The last: it goes over the transport that was not tried yet.
            due = if is_first { Due::Udp } else { Due::Tcp };
        }
        self.sent += if due == Due::Both { 2 } else { 1 };
        Some(due)
    }

    /// Notes that a try failed at `now`, and says whether to go on. `another`
    /// says whether there is an upstream that has not failed yet: that one is
    /// asked at once, the same one only after a pause.
    #[must_use]
    pub(crate) fn fail(&mut self, now: Moment, another: Another) -> bool {
        self.errors += 1;
        if self.errors >= MAX_ERRORS || self.sent >= MAX_QUERIES {
            return false;
        }
        let again = match another {
            Another::Untried => now,
            Another::None => now + RETRY_PAUSE,
        };
        // The schedule may say so anyway.
        if self
            .scheduled_at()
            .is_none_or(|scheduled| scheduled > again)
        {
            self.again_at = Some(again);
        }
        true
    }

    /// Asks again at once, by no fault of the upstream.
    pub(crate) const fn repeat(&mut self, now: Moment) {
        self.free = true;
        self.again_at = Some(now);
    }

    /// Asks again at once.
    pub(crate) const fn again(&mut self, now: Moment) {
        self.again_at = Some(now);
    }

    /// Notes that the answer was truncated: asks over TCP at once, whatever failed
    /// before.
    pub(crate) fn truncated(&mut self, now: Moment) {
        self.errors = 0;
        self.turn_to_tcp(now);
    }

    /// Notes a reply with a wrong id and the right question. A few of them are
    /// an attacker who guesses: then TCP is asked. Returns whether this is when that
    /// begins.
    #[must_use]
    pub(crate) fn wrong_id(&mut self, now: Moment) -> bool {
        self.wrong_ids = self.wrong_ids.saturating_add(1);
        let guessed = self.wrong_ids == MAX_WRONG_IDS;
        if guessed {
            self.turn_to_tcp(now);
        }
        guessed
    }

    fn turn_to_tcp(&mut self, now: Moment) {
        if self.over == Transport::Tcp {
            return;
        }
        self.over = Transport::Tcp;
        self.repeat(now);
        let passed = now.saturating_since(self.started);
        self.next = OVER_TCP.partition_point(|(offset, _)| *offset <= passed);
    }

    const fn schedule(&self) -> &'static [(Duration, Due)] {
        match self.over {
            Transport::Udp => &OVER_UDP,
            Transport::Tcp => &OVER_TCP,
        }
    }

    fn scheduled_at(&self) -> Option<Moment> {
        let (offset, _) = self.schedule().get(self.next)?;
        Some(self.started + *offset)
    }
}

/// Whether an upstream is left that has not failed for this question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Another {
    /// There is one.
    Untried,
    /// All have failed.
    None,
}

/// Retry of a zone that is asked over UDP, from the first one. The second
/// is a volley: of ten thousand questions, one may lose one datagram in ten
/// four times in a row, and all others have an answer before half a second.
const OVER_UDP: [(Duration, Due); 6] = [
    (Duration::ZERO, Due::Udp),
    (Duration::from_millis(400), Due::Udp),
    (Duration::from_millis(420), Due::Udp),
    (Duration::from_millis(440), Due::Udp),
    (Duration::from_millis(1200), Due::Both),
    (Duration::from_millis(2400), Due::Both),
];

/// Retry over TCP, which repeats what is lost by itself.
const OVER_TCP: [(Duration, Due); 3] = [
    (Duration::ZERO, Due::Tcp),
    (Duration::from_millis(1200), Due::Tcp),
    (Duration::from_millis(2400), Due::Tcp),
];

/// Between two tries at an upstream that fails at once and is the only one:
/// it may be starting.
const RETRY_PAUSE: Duration = Duration::from_millis(400);

/// Upstream queries of one question that may fail: more would multiply a
/// client's load while upstreams are ill (as `NXNSAttack` and `TsuNAME` did).
const MAX_ERRORS: u8 = 3;

/// Upstream queries of one question in all, for the same reason.
const MAX_QUERIES: u8 = 8;

/// Replies with a wrong id before TCP is taken. One may be a late answer.
const MAX_WRONG_IDS: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_micros(1_000_000 + millis * 1000)
    }

    /// Runs the schedule to its end against silence.
    fn silence(over: Transport) -> Vec<(u128, Due)> {
        let mut retry = Retry::new(at(0), over);
        let mut sent = Vec::new();
        while let Some(next) = retry.next_at() {
            let due = retry.take_due(next).unwrap();
            sent.push((next.saturating_since(at(0)).as_millis(), due));
        }
        sent
    }

    #[test]
    fn silence_is_asked_on_schedule_and_at_most_eight_times() {
        let (udp, both, tcp) = (Due::Udp, Due::Both, Due::Tcp);
        assert_eq!(
            silence(Transport::Udp),
            [(0, udp), (400, udp), (420, udp), (440, udp), (1200, both), (2400, both)]
        );
        assert_eq!(silence(Transport::Tcp), [(0, tcp), (1200, tcp), (2400, tcp)]);
    }

    #[test]
    fn three_errors_end_it() {
        let mut retry = Retry::new(at(0), Transport::Udp);
        assert_eq!(retry.take_due(at(0)), Some(Due::Udp));
        assert!(retry.fail(at(1), Another::Untried));
        assert_eq!(retry.next_at(), Some(at(1)));
        assert_eq!(retry.take_due(at(1)), Some(Due::Udp));
        assert!(retry.fail(at(2), Another::None));
        assert_eq!(retry.next_at(), Some(at(400)));
        assert_eq!(retry.take_due(at(400)), Some(Due::Udp));
        assert!(!retry.fail(at(401), Another::None));
    }

    #[test]
    fn the_only_upstream_is_tried_again_after_a_pause() {
        let mut retry = Retry::new(at(0), Transport::Tcp);
        assert_eq!(retry.take_due(at(0)), Some(Due::Tcp));
        assert!(retry.fail(at(5), Another::None));
        assert_eq!(retry.take_due(at(404)), None);
        assert_eq!(retry.take_due(at(405)), Some(Due::Tcp));
        assert_eq!(retry.next_at(), Some(at(1200)));
    }

    #[test]
    fn a_truncated_answer_turns_to_tcp_at_once() {
        let mut retry = Retry::new(at(0), Transport::Udp);
        retry.take_due(at(0));
        retry.truncated(at(3));
        assert_eq!(retry.take_due(at(3)), Some(Due::Tcp));
        assert_eq!(retry.next_at(), Some(at(1200)));
        assert_eq!(retry.take_due(at(1200)), Some(Due::Tcp));
    }

    #[test]
    fn a_few_wrong_ids_turn_to_tcp_once() {
        let mut retry = Retry::new(at(0), Transport::Udp);
        retry.take_due(at(0));
        assert!(!retry.wrong_id(at(1)) && !retry.wrong_id(at(1)));
        assert_eq!(retry.take_due(at(2)), None);
        assert!(retry.wrong_id(at(2)));
        assert_eq!(retry.take_due(at(2)), Some(Due::Tcp));
        assert!(!retry.wrong_id(at(3)));
        assert_eq!(retry.take_due(at(3)), None);
    }

    #[test]
    fn a_thread_that_was_held_up_sends_one_try_not_all() {
        let mut retry = Retry::new(at(0), Transport::Udp);
        retry.take_due(at(0));
        assert_eq!(retry.take_due(at(1300)), Some(Due::Both));
        assert_eq!(retry.next_at(), Some(at(2400)));
    }

    #[test]
    fn the_last_try_is_over_tcp_also_after_one_more() {
        let mut retry = Retry::new(at(0), Transport::Udp);
        let mut last = None;
        while let Some(next) = retry.next_at() {
            last = retry.take_due(next).map(|due| (next, due));
            if next == at(0) {
                assert!(retry.take_extra());
            }
        }
        assert_eq!((last, retry.sent()), (Some((at(2400), Due::Tcp)), 8));
        let mut once = Retry::once(at(0), Transport::Udp);
        assert_eq!(once.take_due(at(2500)), Some(Due::Udp), "held up");
        assert_eq!(once.next_at(), None);
    }
}
