//! The upstream thread: one loop over its sockets, its inbox and its timers.
//!
//! What to do about an event is in `flights` and `answers`; here is only when.

mod answers;
mod flights;
mod loops;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll};

use super::failures::Failures;
use super::inbox::{Arrivals, Inbox, TcpReport, WAKE};
use super::replies::Replies;
use super::sockets::{Lost, SentFrom, Sockets, socket_of};
use super::tcp::TcpPool;
use super::upstream_health::UpstreamHealth;
use super::zones::Zones;
use super::{Ask, ForwardConfig, UpstreamFailure};
use crate::loops::Loops;
use flights::Flight;
use loops::Suspects;
use observe::{WorkerStats, Writer};
use resolver::Origin;
use resolver::{Cache, CacheConfig, KeyHasher};
use resolver::{Clock, Moment};
use resolver::{Inflight, Limits};

/// What an upstream thread has in common with others.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) zones: Arc<Zones>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) clock: Clock,
    pub(crate) loops: Arc<Loops>,
}

/// An upstream thread's own state.
#[derive(Debug)]
pub(crate) struct Engine {
    shared: Shared,
    poll: Poll,
    inflight: Inflight<Ask, Flight>,
    health: UpstreamHealth,
    failures: Failures,
    suspects: Suspects,
    /// Of the keys of our own questions.
    hasher: KeyHasher,
    sockets: Sockets,
    tcp: TcpPool,
    replies: Replies,
    deadline: Duration,
    cache_config: CacheConfig,
    hop_option: bool,
    arrivals: Arrivals,
    lost: Lost,
}

impl Engine {
    /// Prepares a thread that waits on `poll`, which its inbox wakes.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub(crate) fn new(
        shared: Shared,
        config: &ForwardConfig,
        poll: Poll,
        (tcp, notes): (TcpPool, Writer),
    ) -> io::Result<Self> {
        let upstreams = shared.zones.upstreams();
        let limits = Limits { questions: config.max_inflight, waiters: config.max_waiters };
        Ok(Self {
            inflight: Inflight::new(limits),
            health: UpstreamHealth::new(upstreams.len()),
            failures: Failures::default(),
            suspects: Suspects::default(),
            hasher: KeyHasher::default(),
            sockets: Sockets::new(poll.registry().try_clone()?, upstreams),
            tcp,
            replies: Replies::new(Arc::clone(&shared.stats), notes),
            deadline: config.deadline,
            cache_config: config.cache,
            hop_option: config.hop_option,
            arrivals: Arrivals::default(),
            lost: Lost::default(),
            poll,
            shared,
        })
    }

    /// Runs until the inbox is stopped.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut batch = udp::RecvBatch::new(BATCH, RECEIVE_LEN);
        while !self.shared.inbox.is_stopping() {
            let now = self.shared.clock.now();
            let wake = self.inflight.next_wake();
            let timeout = wake.map(|at| at.saturating_since(now));
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "an upstream thread cannot wait for events");
                return;
            }
            let now = self.shared.clock.now();
            for event in events.iter().filter(|event| event.token() != WAKE) {
                self.receive(socket_of(event.token()), &mut batch, now);
            }
            self.take_inbox(now);
            self.take_timers(now);
            self.send(now);
        }
    }

    /// Reads a socket until it is empty or nothing is open on it any more: an
    /// event comes once per arrival.
    ///
    /// There is rarely more than the one answer that is waited for, and to look
    /// for a second costs a tenth of the whole receive.
    fn receive(&mut self, socket: usize, batch: &mut udp::RecvBatch, now: Moment) {
        // A peer that sends faster than we read must not keep us here; what is
        // left raises the next event with its next datagram.
        for _ in 0..MAX_READS {
            let Some(handle) = self.sockets.get(socket) else { return };
            let want = match self.sockets.open(socket).len() {
                0 => BATCH,
                open => open.min(BATCH),
            };
            match handle.recv_batch(batch, want) {
                Ok(received) => {
                    for datagram in batch.iter() {
                        self.datagram(socket, &datagram, now);
                    }
                    if received < want || self.sockets.open(socket).is_empty() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // What ICMP said: closed port, no route. Told once, and there
                // may be datagrams behind it.
                Err(_) => self.refused(socket, now),
            }
        }
    }

    fn take_inbox(&mut self, now: Moment) {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        self.shared.inbox.swap(&mut arrivals);
        for report in arrivals.reports.drain(..) {
            match report {
                TcpReport::Answer { ticket, upstream, message } => {
                    self.answer_over_tcp(ticket, upstream, &message, now);
                }
                TcpReport::Failed { ticket, upstream, reason } => {
                    self.fail(ticket, upstream, reason, now);
                }
                TcpReport::Unasked { ticket } => self.repeat(ticket, now),
            }
        }
        for ask in arrivals.asks.drain(..) {
            self.take(ask, now);
        }
        // Its room is used again, unless a flood made it very large.
        if arrivals.asks.capacity() <= KEPT_ASKS {
            self.arrivals = arrivals;
        }
    }

    fn take_timers(&mut self, now: Moment) {
        while let Some(ticket) = self.inflight.take_due(now) {
            self.step(ticket, now);
        }
    }

    /// Sends queries and answers that this round made.
    fn send(&mut self, now: Moment) {
        let mut lost = std::mem::take(&mut self.lost);
        self.sockets.flush(&mut lost);
        for socket in lost.refused.drain(..) {
            self.refused(socket, now);
        }
        for from in lost.unsent.drain(..) {
            self.unsent(from);
        }
        self.lost = lost;
        self.replies.flush();
    }

    /// Nothing listens at the other end of a socket: all that is open on it
    /// has failed.
    fn refused(&mut self, socket: usize, now: Moment) {
        let Some(upstream) = self.sockets.upstream(socket) else { return };
        self.health.refused(upstream, now);
        for (id, ticket) in self.sockets.take_open(socket) {
            self.forget_send(ticket, socket, id);
            self.fail(ticket, upstream, UpstreamFailure::Refused, now);
        }
    }
}

impl Engine {
    /// The system would not send a query, for lack of a conntrack entry or by
    /// a firewall's rule. The next try may do better, so the tries go on; only
    /// what is said at the end differs.
    fn unsent(&mut self, from: SentFrom) {
        let mut open = self.sockets.open(from.socket).iter();
        let Some((_, ticket)) = open.find(|(id, _)| *id == from.id).copied() else { return };
        let upstream = self.sockets.upstream(from.socket);
        self.sockets.forget(from);
        self.forget_send(ticket, from.socket, from.id);
        let reason = UpstreamFailure::NotPermitted;
        self.shared.stats.upstream_failures.add(reason.index());
        if let (Some(open), Some(upstream)) = (self.inflight.get_mut(ticket), upstream) {
            open.state.note_failure(Origin::SendFailed, upstream);
        }
    }
}

/// Sockets whose events are taken in one round; the others come in the next.
const EVENTS: usize = 256;

/// Datagrams read in one call: answers to the queries that share a port.
const BATCH: usize = 16;

/// More than the 1232 octets that we ask for, for upstreams that do not look.
const RECEIVE_LEN: usize = 4096;

/// Calls per event: datagrams that somebody may put before an answer.
const MAX_READS: usize = 128;

/// Some 500 KiB of questions, about as many as come between two rounds.
const KEPT_ASKS: usize = 1024;
