//! What the models share: numbers, random ids, and the list of actions.

use std::time::Duration;

use super::{Action, Ending, Fault, Memory, Packet, Peer, Qtype, Reply, Resolver};
use crate::Options;

/// Numbers of sockets and queries that are not used yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    sockets: u16,
    queries: u16,
}

/// One query: what a resend repeats.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Asked {
    pub(super) query: u16,
    pub(super) id: u16,
    pub(super) name: u16,
    pub(super) qtype: Qtype,
}

/// What a model may do at one instant.
pub(super) struct Io<'a> {
    pub(super) now: Duration,
    pub(super) resolver: &'a Resolver,
    pub(super) memory: &'a mut Memory,
    pub(super) numbers: &'a mut Numbers,
    pub(super) random: &'a mut dyn FnMut() -> u64,
    pub(super) actions: &'a mut Vec<Action>,
}

/// What the models are fed with.
pub(super) trait Machine {
    /// Takes a response.
    fn reply(&mut self, socket: u16, query: u16, server: u8, reply: Reply, io: &mut Io<'_>);
    /// Takes an error of a socket.
    fn broken(&mut self, socket: u16, fault: Fault, io: &mut Io<'_>);
    /// Takes note that its deadline has passed.
    fn expired(&mut self, io: &mut Io<'_>);
    /// Until when it waits.
    fn deadline(&self) -> Option<Duration>;
}

impl Io<'_> {
    pub(super) const fn options(&self) -> &Options {
        &self.resolver.conf.options
    }

    pub(super) const fn servers(&self) -> u8 {
        self.resolver.servers()
    }

    /// A number below `below`, or zero.
    pub(super) fn random(&mut self, below: u64) -> u64 {
        (self.random)().checked_rem(below).unwrap_or(0)
    }

    pub(super) fn id(&mut self) -> u16 {
        u16::try_from(self.random(1 << 16)).unwrap_or(0)
    }

    /// A new query with this id.
    pub(super) const fn ask(&mut self, name: u16, qtype: Qtype, id: u16) -> Asked {
        let query = self.numbers.queries;
        self.numbers.queries = query.wrapping_add(1);
        Asked { query, id, name, qtype }
    }

    pub(super) fn open(&mut self, peer: Peer) -> u16 {
        let socket = self.numbers.sockets;
        self.numbers.sockets = socket.wrapping_add(1);
        self.actions.push(Action::Open { socket, peer });
        socket
    }

    pub(super) fn send(&mut self, socket: u16, server: u8, asked: Asked) {
        use super::Model::{CAres, Glibc, Go, Musl, Nslookup};
        let options = self.options();
        let (edns, ad) = match self.resolver.model {
            Glibc => (options.edns0.then_some(GLIBC_PAYLOAD), options.trust_ad),
            Go => (Some(GO_PAYLOAD), options.trust_ad),
            Musl | CAres | Nslookup => (None, false),
        };
        let Asked { query, id, name, qtype } = asked;
        self.actions.push(Action::Send(Packet {
            query,
            socket,
            server,
            name,
            qtype,
            id,
            edns,
            ad,
        }));
    }

    pub(super) fn close(&mut self, socket: u16) {
        self.actions.push(Action::Close { socket });
    }

    pub(super) fn end(&mut self, ending: Ending) {
        self.actions.push(Action::End(ending));
    }
}

/// `RESOLV_EDNS_BUFFER_SIZE` of glibc.
const GLIBC_PAYLOAD: u16 = 1200;
/// `maxDNSPacketSize` of Go's `net/dnsclient_unix.go`.
const GO_PAYLOAD: u16 = 1232;
