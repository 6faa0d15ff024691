//! What a packet says: a query, a response, or the beginning of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use dns::{Flags, Header, Opt, Question, Records, Rtype};
use pcap::{Packet, Segment, TcpFlags, Transport};

/// What a packet is to us.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// A query or response over UDP.
    Dns(Message),
    /// A segment between a client and a server over TCP.
    Tcp {
        /// Nanoseconds since 1970.
        at: u64,
        /// Who opens the connection.
        client: SocketAddr,
        /// Whose port 53 it is.
        server: SocketAddr,
        /// What the segment does.
        step: Step,
    },
    /// Neither.
    Other,
}

/// What a segment does to a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Asks,
    Accepts,
    Refuses,
    Other,
}

/// A message over UDP, with what tells it from others.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Nanoseconds since 1970.
    pub(super) at: u64,
    pub(super) server: SocketAddr,
    pub(super) key: Key,
    pub(super) kind: Kind,
}

/// What a query has in common with its response, and with copies of both.
///
/// The server is no part of it: behind the rules of a Service it is another one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Key {
    pub(super) client: SocketAddr,
    pub(super) id: u16,
    pub(super) qtype: Rtype,
    /// In wire form and lower case.
    pub(super) qname: Arc<[u8]>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Query { edns: bool, flags: Flags },
    Response { flags: Flags, has_records: bool },
}

impl Seen {
    /// Reads a packet.
    pub(super) fn of(packet: &Packet<'_>) -> Self {
        let Some(segment) = Segment::of(packet) else { return Self::Other };
        let seen = match segment.transport {
            Transport::Udp(octets) => Message::parse(octets, &segment, packet.at).map(Self::Dns),
            Transport::Tcp(flags) => tcp(flags, &segment, packet.at),
        };
        seen.unwrap_or(Self::Other)
    }
}

impl Message {
    /// Reads a datagram to or from port 53; `None` where it has not one question.
    fn parse(octets: &[u8], segment: &Segment<'_>, at: u64) -> Option<Self> {
        let &Segment { from, to, .. } = segment;
        if from.port() != DNS && to.port() != DNS {
            return None;
        }
        let header = Header::parse(octets).filter(|header| header.counts[0] == 1)?;
        let question = Question::parse(octets).ok()?;
        let is_response = header.flags.has(Flags::QR);
        let (client, server) = if is_response { (to, from) } else { (from, to) };
        let kind = match is_response {
            true => Kind::Response { flags: header.flags, has_records: header.counts[1] > 0 },
            false => Kind::Query { edns: has_opt(octets, &question, &header), flags: header.flags },
        };
        let qname = question.qname.to_ascii_lowercase().into();
        let key = Key { client, id: header.id, qtype: question.qtype, qname };
        (server.port() == DNS).then_some(Self { at, server, key, kind })
    }
}

fn has_opt(octets: &[u8], question: &Question<'_>, header: &Header) -> bool {
    let mut records = Records::new(octets, question.end(), header).map_while(Result::ok);
    records.any(|record| Opt::from_record(&record).is_some())
}

fn tcp(flags: TcpFlags, segment: &Segment<'_>, at: u64) -> Option<Seen> {
    let &Segment { from, to, .. } = segment;
    let of_server = from.port() == DNS;
    let step = match of_server {
        false if to.port() != DNS => return None,
        false if flags.has(TcpFlags::SYN) => Step::Asks,
        true if flags.has(TcpFlags::SYN | TcpFlags::ACK) => Step::Accepts,
        true if flags.has(TcpFlags::RST) => Step::Refuses,
        _ => Step::Other,
    };
    let (client, server) = if of_server { (to, from) } else { (from, to) };
    Some(Seen::Tcp { at, client, server, step })
}

/// The port of DNS (RFC 1035, section 4.2).
const DNS: u16 = 53;
