//! What a stub resolver sends for one lookup, and when: pure state machines.
//!
//! A [`Lookup`] takes events with their instants and returns [`Action`]s: sockets to
//! open and close, packets to send, and at last how the lookup ended. It has no
//! socket and reads no clock, so it can be played in virtual time as well as on a
//! network.

mod c_ares;
mod glibc;
mod go;
mod io;
mod lookup;
mod model;
mod musl;
mod nslookup;
mod resolver;
mod tried;

#[cfg(test)]
mod tests;

pub use lookup::Lookup;
pub use model::{Model, UnknownModel};
pub use resolver::{Memory, Resolver};

use std::time::Duration;

/// The types that a lookup asks for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Qtype {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

/// Where a socket leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peer {
    /// A connected UDP socket: the kernel reports that this server's port is closed.
    Server(u8),
    /// A UDP socket for all servers, which gets no such report.
    All,
    /// A TCP connection to this server.
    Stream(u8),
}

/// One query on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet {
    /// Its number in the lookup. A resend has that of the query it repeats.
    pub query: u16,
    /// The socket it leaves by.
    pub socket: u16,
    /// The server, by its place in resolv.conf.
    pub server: u8,
    /// The name, by its place in the walk.
    pub name: u16,
    /// The type.
    pub qtype: Qtype,
    /// The message id.
    pub id: u16,
    /// The payload size that an OPT record advertises; without it there is none.
    pub edns: Option<u16>,
    /// The AD bit is set (RFC 6840, section 5.7).
    pub ad: bool,
}

/// What a lookup wants done, in this order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// A socket with this number, which no other of the lookup has had.
    Open {
        /// Its number.
        socket: u16,
        /// Where it leads to.
        peer: Peer,
    },
    /// A packet to send. Over TCP it waits until the connection is up.
    Send(Packet),
    /// The socket is not used any more; what still arrives there is not read.
    Close {
        /// Its number.
        socket: u16,
    },
    /// The lookup is over. It is the last action.
    End(Ending),
}

/// How a lookup ended, as an application sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// With an address.
    Resolved,
    /// Without one: no such name, or no such type.
    Denied,
    /// Nothing is known.
    Failed,
}

/// What a response says, as far as stub resolvers look.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Reply {
    /// The RCODE.
    pub rcode: u8,
    /// Records in the answer section.
    pub answers: u16,
    /// The answers have an address of the type asked for.
    pub has_address: bool,
    /// AA, RA or anything in the additional section: without all of them an empty
    /// answer is taken for a wrong referral.
    pub is_sound: bool,
    /// TC.
    pub truncated: bool,
}

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// A response to a query came by this socket.
    Reply {
        /// The socket.
        socket: u16,
        /// The number of the query.
        query: u16,
        /// The server that sent it.
        server: u8,
        /// What it says.
        reply: Reply,
    },
    /// The kernel reported an error of a socket: ICMP, a packet that was not taken, a
    /// connection that was refused or reset.
    Broken {
        /// The socket.
        socket: u16,
        /// What kind of error.
        fault: Fault,
    },
    /// The [deadline](Lookup::deadline) has passed.
    Expired,
}

/// What is wrong with a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// ECONNREFUSED.
    Refused,
    /// ECONNRESET, of a connection that had been up.
    Reset,
    /// Anything else, the end of a connection among it.
    Other,
}

const NOERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const NOTIMP: u8 = 4;
const REFUSED: u8 = 5;

impl Reply {
    /// An empty NOERROR with no sign that the server is one for this name.
    const fn is_lame(&self) -> bool {
        self.rcode == NOERROR && self.answers == 0 && !self.is_sound
    }
}

/// The earlier of two instants.
fn earlier(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
