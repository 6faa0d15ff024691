//! glibc: `__res_context_search` and `send_dg`, `send_vc` of `resolv/res_send.c`.
//!
//! A and AAAA leave together from one new port. Each server has a socket, which later
//! attempts use again, until an error closes all of them.

mod verdict;

use std::time::Duration;

use super::io::{Asked, Io, Machine};
use super::tried::Tried;
use super::{Fault, NOTIMP, Peer, Qtype, REFUSED, Reply, SERVFAIL};
use crate::{Outcome, Walk};
use verdict::{Verdict, judge};

#[derive(Debug)]
pub(super) struct Glibc {
    walk: Walk,
    verdict: Verdict,
    /// A, and AAAA unless `no-aaaa`.
    asked: [Option<Asked>; 2],
    tried: Tried,
    /// The socket of each server.
    sockets: [Option<u16>; 3],
    /// The socket that is listened to.
    current: Option<u16>,
    over_tcp: bool,
    exchange: Exchange,
    /// `gotsomewhere`: an answer came, or a server was silent.
    got_somewhere: bool,
    /// The RCODE of the latest response that came first.
    rcode: u8,
    last_fault: Option<Fault>,
    was_reset: bool,
}

/// What one server was sent, and has said.
#[derive(Clone, Copy, Debug, Default)]
struct Exchange {
    finish: Option<Duration>,
    got_before: bool,
    received: [bool; 2],
    /// The usable response that came first, and the one that came second.
    replies: [Option<Reply>; 2],
}

impl Glibc {
    pub(super) fn start(walk: Walk, io: &mut Io<'_>) -> Self {
        let mut lookup = Self {
            verdict: Verdict::default(),
            walk,
            asked: [None; 2],
            tried: Tried::default(),
            sockets: [None; 3],
            current: None,
            over_tcp: false,
            exchange: Exchange::default(),
            got_somewhere: false,
            rcode: 0,
            last_fault: None,
            was_reset: false,
        };
        lookup.begin_name(io);
        lookup
    }

    fn begin_name(&mut self, io: &mut Io<'_>) {
        let Some(name) = self.walk.position() else {
            return io.end(self.verdict.ending());
        };
        let ids = [io.id(), io.id()];
        self.asked = [Some(io.ask(name, Qtype::A, ids[0])), None];
        if !io.options().no_aaaa {
            self.asked[1] = Some(io.ask(name, Qtype::Aaaa, ids[1]));
        }
        let servers = io.servers();
        // `nameserver_offset` is asked for each name.
        let rotates = io.options().rotate && servers > 1;
        self.tried = Tried::from(if rotates { io.memory.next_turn(servers) } else { 0 });
        self.over_tcp = io.options().use_vc;
        (self.got_somewhere, self.rcode, self.last_fault) = (false, 0, None);
        self.exchange(io);
    }

    /// Turns to the server whose turn it is.
    fn exchange(&mut self, io: &mut Io<'_>) {
        if self.over_tcp {
            self.was_reset = false;
            return self.connect(io);
        }
        self.exchange.got_before = self.got_somewhere;
        self.reopen(io);
        self.send(io);
    }

    fn server(&self, io: &Io<'_>) -> u8 {
        self.tried.server(io.servers())
    }

    fn reopen(&mut self, io: &mut Io<'_>) {
        let server = self.server(io);
        let Some(socket) = self.sockets.get_mut(usize::from(server)) else { return };
        self.current = Some(*socket.get_or_insert_with(|| io.open(Peer::Server(server))));
    }

    fn is_single(io: &Io<'_>) -> bool {
        let (options, memory) = (io.options(), &io.memory);
        options.single_request || memory.single_request || Self::is_reopen(io)
    }

    fn is_reopen(io: &Io<'_>) -> bool {
        io.options().single_request_reopen || io.memory.reopen
    }

    /// Sends both queries, or the first of them.
    fn send(&mut self, io: &mut Io<'_>) {
        let server = self.server(io);
        self.exchange = Exchange {
            finish: Some(io.now + wait(server, io)),
            received: [false, self.asked[1].is_none()],
            replies: [None; 2],
            ..self.exchange
        };
        let is_single = Self::is_single(io);
        let Some(socket) = self.current else { return };
        if let Some(asked) = self.asked[0] {
            io.send(socket, server, asked);
        }
        if let (Some(asked), false) = (self.asked[1], is_single) {
            io.send(socket, server, asked);
        }
    }

    /// The first of two was answered, and the second is sent only now.
    fn send_second(&mut self, io: &mut Io<'_>) {
        if Self::is_reopen(io) {
            self.close_all(io);
            self.reopen(io);
        }
        let server = self.server(io);
        if let (Some(socket), Some(asked)) = (self.current, self.asked[1]) {
            io.send(socket, server, asked);
        }
    }

    /// Sends both queries on a new connection, at most one for each server.
    fn connect(&mut self, io: &mut Io<'_>) {
        let attempts = io.options().attempts;
        self.tried.end_with_this(attempts);
        let server = self.server(io);
        let socket = io.open(Peer::Stream(server));
        self.current = Some(socket);
        // The kernel alone ends a connection that does not come up.
        self.exchange =
            Exchange { received: [false, self.asked[1].is_none()], ..Exchange::default() };
        for asked in self.asked.into_iter().flatten() {
            io.send(socket, server, asked);
        }
    }

    fn close_all(&mut self, io: &mut Io<'_>) {
        let current = self.current.take();
        for socket in &mut self.sockets {
            if let Some(socket) = socket.take() {
                io.close(socket);
            }
        }
        if let (Some(stream), true) = (current, self.over_tcp) {
            io.close(stream);
        }
    }

    /// Turns to the next server, or gives this name up.
    fn next_server(&mut self, io: &mut Io<'_>) {
        let (servers, attempts) = (io.servers(), io.options().attempts);
        if self.tried.next(servers, attempts) {
            return self.exchange(io);
        }
        let outcome = match self.last_fault {
            _ if self.rcode == SERVFAIL => Outcome::ServFail,
            Some(Fault::Refused) if self.over_tcp => Outcome::Unreachable,
            _ if !self.over_tcp && !self.got_somewhere => Outcome::Unreachable,
            _ => Outcome::Timeout,
        };
        self.end_name(outcome, io);
    }

    fn end_name(&mut self, outcome: Outcome, io: &mut Io<'_>) {
        self.close_all(io);
        let is_as_is = self.walk.is_as_is();
        let before = self.walk.position();
        self.walk.advance(outcome);
        self.verdict.take(outcome, is_as_is, before == Some(0));
        self.begin_name(io);
    }

    /// One server has said all it will; nothing usable leads to the next.
    fn end_exchange(&mut self, io: &mut Io<'_>) {
        match self.exchange.replies {
            [None, None] => self.next_server(io),
            [first, second] => self.end_name(judge(first, second), io),
        }
    }

    /// Takes a response over UDP to the query at `place`.
    fn datagram(&mut self, place: usize, reply: Reply, io: &mut Io<'_>) {
        let is_alone = self.asked[1].is_none();
        let has_first = self.exchange.received[0] || (!is_alone && self.exchange.received[1]);
        self.got_somewhere = true;
        if !has_first {
            self.rcode = reply.rcode;
        }
        if matches!(reply.rcode, SERVFAIL | NOTIMP | REFUSED) || reply.is_lame() {
            if has_first {
                return self.end_exchange(io);
            }
            if is_alone {
                self.close_all(io);
                return self.next_server(io);
            }
            // With `single-request` the second query is never sent then.
            mark(&mut self.exchange.received, place);
            return;
        }
        if reply.truncated {
            self.close_all(io);
            self.over_tcp = true;
            self.was_reset = false;
            return self.connect(io);
        }
        mark(&mut self.exchange.received, place);
        self.keep(reply);
        if self.exchange.received == [true, true] {
            self.end_exchange(io);
        } else if Self::is_single(io) {
            self.send_second(io);
        }
    }

    /// Keeps a usable response, as the first or the second of two.
    const fn keep(&mut self, reply: Reply) {
        let [first, second] = &mut self.exchange.replies;
        let place = if first.is_none() { first } else { second };
        *place = Some(reply);
    }

    fn streamed(&mut self, place: usize, reply: Reply, io: &mut Io<'_>) {
        if self.exchange.replies[0].is_none() {
            self.rcode = reply.rcode;
        }
        mark(&mut self.exchange.received, place);
        self.keep(reply);
        if self.exchange.received == [true, true] {
            self.end_exchange(io);
        }
    }
}

impl Machine for Glibc {
    fn reply(&mut self, socket: u16, query: u16, _: u8, reply: Reply, io: &mut Io<'_>) {
        let is_it = |asked: &Option<Asked>| asked.is_some_and(|asked| asked.query == query);
        let Some(place) = self.asked.iter().position(is_it) else { return };
        let is_known = self.exchange.received.get(place) != Some(&false);
        if self.current != Some(socket) || is_known {
            return;
        }
        if self.over_tcp {
            self.streamed(place, reply, io);
        } else {
            self.datagram(place, reply, io);
        }
    }

    fn broken(&mut self, socket: u16, fault: Fault, io: &mut Io<'_>) {
        if self.current != Some(socket) {
            return;
        }
        let again = self.over_tcp && fault == Fault::Reset && !self.was_reset;
        self.close_all(io);
        if again {
            self.was_reset = true;
            return self.connect(io);
        }
        self.last_fault = Some(fault);
        self.exchange.replies = [None; 2];
        self.next_server(io);
    }

    fn expired(&mut self, io: &mut Io<'_>) {
        let is_half = self.exchange.replies[0].is_some();
        if !is_half {
            self.got_somewhere = true;
            return self.next_server(io);
        }
        if !Self::is_single(io) {
            io.memory.single_request = true;
        } else if !Self::is_reopen(io) {
            io.memory.reopen = true;
            self.close_all(io);
            self.reopen(io);
        } else {
            return self.end_exchange(io);
        }
        self.got_somewhere = self.exchange.got_before;
        self.send(io);
    }

    fn deadline(&self) -> Option<Duration> {
        self.exchange.finish
    }
}

fn mark(received: &mut [bool; 2], place: usize) {
    if let Some(mark) = received.get_mut(place) {
        *mark = true;
    }
}

/// `(retrans << ns) / nscount`, and a second at least.
fn wait(server: u8, io: &Io<'_>) -> Duration {
    let seconds = io.options().timeout.as_secs() << server;
    let divisor = if server > 0 { u64::from(io.servers()) } else { 1 };
    Duration::from_secs((seconds / divisor).max(1))
}
