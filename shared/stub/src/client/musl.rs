//! musl 1.2.3: `__res_msend_rc` and `name_from_dns`.
//!
//! One socket for a name; all servers at once; what is unanswered again after each
//! attempt's share of the timeout. TC is not looked at, and there is no TCP.

use std::time::Duration;

use super::io::{Asked, Io, Machine};
use super::{Ending, Fault, NOERROR, NXDOMAIN, Peer, Qtype, Reply, SERVFAIL};
use crate::{Outcome, Walk};

#[derive(Debug)]
pub(super) struct Musl {
    walk: Walk,
    asked: [Asked; 2],
    answers: [Option<Reply>; 2],
    socket: u16,
    began: Duration,
    sent: Duration,
    interval: Duration,
    /// Resends at once after SERVFAIL that are left.
    servfails: u8,
    last: Option<Outcome>,
}

impl Musl {
    pub(super) fn start(walk: Walk, io: &mut Io<'_>) -> Self {
        let none = Asked { query: 0, id: 0, name: 0, qtype: Qtype::A };
        let mut lookup = Self {
            walk,
            asked: [none; 2],
            answers: [None; 2],
            socket: 0,
            began: io.now,
            sent: io.now,
            interval: io.options().timeout / io.options().attempts.max(1),
            servfails: 0,
            last: None,
        };
        lookup.begin_name(io);
        lookup
    }

    fn begin_name(&mut self, io: &mut Io<'_>) {
        let Some(name) = self.walk.position() else {
            return io.end(match self.last {
                Some(Outcome::Answer) => Ending::Resolved,
                Some(Outcome::NoData | Outcome::NxDomain) => Ending::Denied,
                _ => Ending::Failed,
            });
        };
        // From the clock, so the second is a little above the first.
        let first = io.id();
        let second = first.wrapping_add(1 + u16::try_from(io.random(64)).unwrap_or(0));
        self.asked = [io.ask(name, Qtype::A, first), io.ask(name, Qtype::Aaaa, second)];
        self.answers = [None; 2];
        self.socket = io.open(Peer::All);
        self.began = io.now;
        self.send(io);
    }

    fn send(&mut self, io: &mut Io<'_>) {
        self.sent = io.now;
        self.servfails = 4;
        for (asked, answer) in self.asked.into_iter().zip(self.answers) {
            for server in 0..io.servers() {
                if answer.is_none() {
                    io.send(self.socket, server, asked);
                }
            }
        }
    }

    fn end_name(&mut self, io: &mut Io<'_>) {
        io.close(self.socket);
        let outcome = match self.answers {
            [Some(one), Some(other)] if one.has_address || other.has_address => Outcome::Answer,
            // The RCODE of A decides.
            [Some(one), Some(_)] if one.rcode == NXDOMAIN => Outcome::NxDomain,
            [Some(_), Some(_)] => Outcome::NoData,
            _ => Outcome::Timeout,
        };
        self.last = Some(outcome);
        self.walk.advance(outcome);
        self.begin_name(io);
    }
}

impl Machine for Musl {
    fn reply(&mut self, socket: u16, query: u16, server: u8, reply: Reply, io: &mut Io<'_>) {
        let place = self.asked.iter().position(|asked| asked.query == query);
        let found =
            place.and_then(|place| Some((self.asked.get(place)?, self.answers.get_mut(place)?)));
        let Some((asked, answer)) = found else { return };
        if socket != self.socket || answer.is_some() {
            return;
        }
        match reply.rcode {
            NOERROR | NXDOMAIN => *answer = Some(reply),
            SERVFAIL if self.servfails > 0 => {
                self.servfails -= 1;
                io.send(socket, server, *asked);
            }
            _ => {}
        }
        if self.answers.iter().all(Option::is_some) {
            self.end_name(io);
        }
    }

    /// The socket is not connected, so no error reaches it; a packet that did not leave
    /// is not looked at either.
    fn broken(&mut self, _: u16, _: Fault, _: &mut Io<'_>) {}

    fn expired(&mut self, io: &mut Io<'_>) {
        if io.now >= self.began + io.options().timeout {
            self.end_name(io);
        } else {
            self.send(io);
        }
    }

    fn deadline(&self) -> Option<Duration> {
        Some(self.sent + self.interval)
    }
}
