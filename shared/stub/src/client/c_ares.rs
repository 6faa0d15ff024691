//! c-ares 1.34 as Node.js 20 calls it for `dns.resolve4`: one query, no search list.
//!
//! A resend comes from a new port with the same id. Each round over all servers waits
//! twice as long as the one before, less a random part. Node.js looks at timeouts once a
//! second.

use std::time::Duration;

use super::io::{Asked, Io, Machine};
use super::tried::Tried;
use super::{Ending, Fault, NOERROR, NXDOMAIN, Peer, Qtype, Reply};
use crate::Walk;

#[derive(Debug)]
pub(super) struct CAres {
    asked: Asked,
    tried: Tried,
    socket: u16,
    began: Duration,
    deadline: Option<Duration>,
    over_tcp: bool,
}

impl CAres {
    pub(super) fn start(walk: &Walk, io: &mut Io<'_>) -> Self {
        let id = io.id();
        let asked = io.ask(0, Qtype::A, id);
        let mut lookup = Self {
            asked,
            tried: Tried::default(),
            socket: 0,
            began: io.now,
            deadline: None,
            over_tcp: io.options().use_vc,
        };
        match walk.position() {
            Some(_) => lookup.send(io),
            None => io.end(Ending::Denied),
        }
        lookup
    }

    fn send(&mut self, io: &mut Io<'_>) {
        let server = self.tried.server(io.servers());
        let peer = if self.over_tcp { Peer::Stream(server) } else { Peer::Server(server) };
        self.socket = io.open(peer);
        let end = io.now + self.wait(io);
        let ticks = (end - self.began).as_nanos().div_ceil(NODE_TICK.as_nanos());
        self.deadline = Some(self.began + NODE_TICK * u32::try_from(ticks).unwrap_or(u32::MAX));
        io.send(self.socket, server, self.asked);
    }

    /// `ares_calc_query_timeout`.
    fn wait(&self, io: &mut Io<'_>) -> Duration {
        let base = io.options().timeout;
        let round = self.tried.round();
        if round == 0 {
            return base;
        }
        let most = base * (1 << round.min(8));
        let less = most.mul_f64(0.5 * unit(io.random(1 << 16)));
        (most - less).max(base)
    }

    fn next(&mut self, io: &mut Io<'_>) {
        io.close(self.socket);
        if self.tried.next(io.servers(), io.options().attempts) {
            self.send(io);
        } else {
            io.end(Ending::Failed);
        }
    }
}

impl Machine for CAres {
    fn reply(&mut self, socket: u16, _: u16, _: u8, reply: Reply, io: &mut Io<'_>) {
        if socket != self.socket {
            return;
        }
        if reply.truncated && !self.over_tcp {
            io.close(socket);
            self.over_tcp = true;
            return self.send(io);
        }
        io.close(socket);
        // Node.js asks for every answer as it is, whatever its RCODE.
        io.end(match reply.rcode {
            NOERROR if reply.has_address => Ending::Resolved,
            NOERROR | NXDOMAIN => Ending::Denied,
            _ => Ending::Failed,
        });
    }

    fn broken(&mut self, socket: u16, _: Fault, io: &mut Io<'_>) {
        if socket == self.socket {
            self.next(io);
        }
    }

    fn expired(&mut self, io: &mut Io<'_>) {
        self.next(io);
    }

    fn deadline(&self) -> Option<Duration> {
        self.deadline
    }
}

/// 0 to 1, of 16 bits.
fn unit(bits: u64) -> f64 {
    f64::from(u16::try_from(bits).unwrap_or(0)) / f64::from(u16::MAX)
}

/// Node.js: the timer of `src/cares_wrap.cc`.
const NODE_TICK: Duration = Duration::from_secs(1);
