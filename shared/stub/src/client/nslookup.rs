//! nslookup of BIND 9.18: A along the search list, then AAAA of the name that was found.
//!
//! Each packet has a port of its own. A silent server is asked until the tries of the
//! query are over, then the next. SERVFAIL leads to the next server, any other error ends the lookup.

use std::time::Duration;

use super::io::{Asked, Io, Machine};
use super::{Ending, Fault, NOERROR, NXDOMAIN, Peer, Qtype, Reply, SERVFAIL};
use crate::{Outcome, Walk};

#[derive(Debug)]
pub(super) struct Nslookup {
    walk: Walk,
    asked: Asked,
    socket: u16,
    server: u8,
    /// Tries after this one; what the first server has used up the next do not get.
    tries: u32,
    over_tcp: bool,
    deadline: Option<Duration>,
    has_address: bool,
}

impl Nslookup {
    pub(super) fn start(walk: Walk, io: &mut Io<'_>) -> Self {
        let none = Asked { query: 0, id: 0, name: 0, qtype: Qtype::A };
        let mut lookup = Self {
            walk,
            asked: none,
            socket: 0,
            server: 0,
            tries: 0,
            over_tcp: io.options().use_vc,
            deadline: None,
            has_address: false,
        };
        lookup.ask(Qtype::A, io);
        lookup
    }

    /// Asks for a type of the current name, from the first server on.
    fn ask(&mut self, qtype: Qtype, io: &mut Io<'_>) {
        let Some(name) = self.walk.position() else { return io.end(Ending::Denied) };
        let id = io.id();
        self.asked = io.ask(name, qtype, id);
        (self.server, self.tries) = (0, io.options().attempts.max(1) - 1);
        self.send(io);
    }

    fn send(&mut self, io: &mut Io<'_>) {
        let peer =
            if self.over_tcp { Peer::Stream(self.server) } else { Peer::Server(self.server) };
        self.socket = io.open(peer);
        self.deadline = Some(io.now + io.options().timeout);
        io.send(self.socket, self.server, self.asked);
    }

    /// Asks again, or the next server when the tries are over or it `leaves` this one.
    fn again(&mut self, leaves: bool, io: &mut Io<'_>) {
        io.close(self.socket);
        if !leaves && self.tries > 0 {
            self.tries -= 1;
        } else {
            self.server += 1;
            if self.server >= io.servers() {
                return io.end(self.failed());
            }
        }
        self.send(io);
    }

    const fn failed(&self) -> Ending {
        if self.has_address { Ending::Resolved } else { Ending::Failed }
    }
}

impl Machine for Nslookup {
    fn reply(&mut self, socket: u16, query: u16, _: u8, reply: Reply, io: &mut Io<'_>) {
        if socket != self.socket || query != self.asked.query {
            return;
        }
        if reply.truncated && !self.over_tcp {
            // A new query, and TCP for AAAA as well.
            io.close(socket);
            self.over_tcp = true;
            return self.ask(self.asked.qtype, io);
        }
        if reply.rcode == SERVFAIL {
            return self.again(true, io);
        }
        io.close(socket);
        self.has_address |= reply.has_address;
        let is_a = self.asked.qtype == Qtype::A;
        match reply.rcode {
            NOERROR if is_a => self.ask(Qtype::Aaaa, io),
            NXDOMAIN if is_a => {
                self.walk.advance(Outcome::NxDomain);
                self.ask(Qtype::A, io);
            }
            _ if self.has_address => io.end(Ending::Resolved),
            NOERROR | NXDOMAIN => io.end(Ending::Denied),
            _ => io.end(Ending::Failed),
        }
    }

    fn broken(&mut self, socket: u16, _: Fault, io: &mut Io<'_>) {
        if socket == self.socket {
            self.again(false, io);
        }
    }

    fn expired(&mut self, io: &mut Io<'_>) {
        self.again(false, io);
    }

    fn deadline(&self) -> Option<Duration> {
        self.deadline
    }
}
