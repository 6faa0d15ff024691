//! Go: `goLookupIPCNAMEOrder`, `tryOneName` and `exchange` of `net/dnsclient_unix.go`.
//!
//! A and AAAA are looked up side by side, each attempt of each from a new port with a
//! new id. A truncated answer is asked for again over TCP with the same id.

use std::time::Duration;

use super::io::{Asked, Io, Machine};
use super::tried::Tried;
use super::{Ending, Fault, NOERROR, NXDOMAIN, Peer, Qtype, Reply, earlier};
use crate::{Outcome, Walk};

#[derive(Debug)]
pub(super) struct Go {
    walk: Walk,
    lanes: [Lane; 2],
    /// Of the name as it is, and of the last one that the search list made.
    errors: [Option<Ending>; 2],
}

/// One type of one name.
#[derive(Clone, Copy, Debug)]
struct Lane {
    qtype: Qtype,
    tried: Tried,
    /// The exchange under way: its socket, its query, its deadline.
    open: Option<(u16, Asked, Duration)>,
    over_tcp: bool,
    result: Option<Ending>,
}

impl Lane {
    const fn new(qtype: Qtype) -> Self {
        Self { qtype, tried: Tried::from(0), open: None, over_tcp: false, result: None }
    }

    fn start(&mut self, name: u16, io: &mut Io<'_>) {
        let servers = io.servers();
        let first = if io.options().rotate { io.memory.next_turn(servers) } else { 0 };
        *self = Self { tried: Tried::from(first), ..Self::new(self.qtype) };
        self.exchange(name, io);
    }

    fn exchange(&mut self, name: u16, io: &mut Io<'_>) {
        let id = io.id();
        let asked = io.ask(name, self.qtype, id);
        let over_tcp = io.options().use_vc;
        self.send(asked, over_tcp, io);
    }

    fn send(&mut self, asked: Asked, over_tcp: bool, io: &mut Io<'_>) {
        let server = self.tried.server(io.servers());
        let peer = if over_tcp { Peer::Stream(server) } else { Peer::Server(server) };
        let socket = io.open(peer);
        self.over_tcp = over_tcp;
        self.open = Some((socket, asked, io.now + io.options().timeout));
        io.send(socket, server, asked);
    }

    /// Ends the exchange without a usable answer.
    fn fail(&mut self, io: &mut Io<'_>) {
        let Some((socket, asked, _)) = self.open.take() else { return };
        io.close(socket);
        if self.tried.next(io.servers(), io.options().attempts) {
            self.exchange(asked.name, io);
        } else {
            self.result = Some(Ending::Failed);
        }
    }

    fn reply(&mut self, reply: Reply, io: &mut Io<'_>) {
        let Some((socket, asked, _)) = self.open else { return };
        if reply.truncated && !self.over_tcp {
            io.close(socket);
            return self.send(asked, true, io);
        }
        let result = match reply.rcode {
            NXDOMAIN => Ending::Denied,
            NOERROR if reply.is_lame() => return self.fail(io),
            NOERROR if reply.has_address => Ending::Resolved,
            NOERROR => Ending::Denied,
            _ => return self.fail(io),
        };
        io.close(socket);
        self.open = None;
        self.result = Some(result);
    }
}

impl Go {
    pub(super) fn start(walk: Walk, io: &mut Io<'_>) -> Self {
        let lanes = [Lane::new(Qtype::A), Lane::new(Qtype::Aaaa)];
        let mut lookup = Self { walk, lanes, errors: [None; 2] };
        lookup.begin_name(io);
        lookup
    }

    fn begin_name(&mut self, io: &mut Io<'_>) {
        let Some(name) = self.walk.position() else {
            // The error of a searched name is preferred.
            let [as_is, searched] = self.errors;
            return io.end(searched.or(as_is).unwrap_or(Ending::Failed));
        };
        let [first, second] = &mut self.lanes;
        *second = Lane::new(second.qtype);
        // Of two new goroutines the scheduler runs the later first.
        if !io.options().single_request {
            second.start(name, io);
        }
        first.start(name, io);
        self.go_on(io);
    }

    /// Starts what waited, and goes on to the next name when both types are done.
    fn go_on(&mut self, io: &mut Io<'_>) {
        let [first, second] = &mut self.lanes;
        if first.result.is_some()
            && second.open.is_none()
            && second.result.is_none()
            && let Some(name) = self.walk.position()
        {
            second.start(name, io);
        }
        let [Some(one), Some(other)] = self.lanes.map(|lane| lane.result) else { return };
        if one == Ending::Resolved || other == Ending::Resolved {
            return io.end(Ending::Resolved);
        }
        if let Some(error) = self.errors.get_mut(usize::from(!self.walk.is_as_is())) {
            *error = Some(other);
        }
        self.walk.advance(Outcome::NxDomain);
        self.begin_name(io);
    }

    fn lane(&mut self, socket: u16) -> Option<&mut Lane> {
        let is_it = |lane: &&mut Lane| lane.open.is_some_and(|(open, ..)| open == socket);
        self.lanes.iter_mut().find(is_it)
    }
}

impl Machine for Go {
    fn reply(&mut self, socket: u16, _: u16, _: u8, reply: Reply, io: &mut Io<'_>) {
        let Some(lane) = self.lane(socket) else { return };
        lane.reply(reply, io);
        self.go_on(io);
    }

    fn broken(&mut self, socket: u16, _: Fault, io: &mut Io<'_>) {
        let Some(lane) = self.lane(socket) else { return };
        lane.fail(io);
        self.go_on(io);
    }

    fn expired(&mut self, io: &mut Io<'_>) {
        for lane in &mut self.lanes {
            if lane.open.is_some_and(|(.., deadline)| deadline <= io.now) {
                lane.fail(io);
            }
        }
        self.go_on(io);
    }

    fn deadline(&self) -> Option<Duration> {
        let [one, other] = self
            .lanes
            .map(|lane| lane.open.map(|(.., deadline)| deadline));
        earlier(one, other)
    }
}
