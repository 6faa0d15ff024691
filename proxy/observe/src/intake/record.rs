//! One query of a client and what became of it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::BitOr;
use std::time::Duration;

use dns::{Flags, Header, Question, Rcode, Rtype};
use resolver::{Head, Moment, Origin, Query};

/// One query of a client and what became of it; the name comes beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Record {
    /// When the query was received.
    pub arrived: Moment,
    /// From its arrival to the response; at most 71 minutes.
    pub took: Duration,
    /// Who sent it.
    pub client: IpAddr,
    /// From which port.
    pub port: u16,
    /// The transaction identifier.
    pub id: u16,
    /// The type asked for; 0 where the question did not parse.
    pub qtype: Rtype,
    /// What the client was told, extended bits included.
    pub rcode: Rcode,
    /// Where the response came from, or why there is none.
    pub origin: Origin,
    /// Of a cached failure, the origin that it had when it was kept.
    pub first: Option<Origin>,
    /// The number of the upstream that answered, or that failed last.
    pub upstream: Option<u8>,
    /// The error number of the system with which the response could not be sent; 0
    /// without an error.
    pub errno: u8,
    /// What else is known.
    pub flags: QueryFlags,
}

/// A record together with its name, as the observer reads it.
#[derive(Clone, Copy, Debug)]
pub struct QueryEvent<'a> {
    /// The fixed part.
    pub record: Record,
    /// The name in wire form, ASCII letters in lower case; empty where the
    /// question did not parse.
    pub qname: &'a [u8],
}

impl QueryEvent<'_> {
    /// Says whether it is a check that this proxy sent to itself, listening at `own`.
    /// Anybody can send such a query, but not from there.
    pub(crate) fn is_own_check(&self, own: &[IpAddr]) -> bool {
        let Record { id, qtype, client, .. } = self.record;
        let is_check = id == Record::CHECK_ID && qtype == Rtype::ANY && self.qname == ROOT;
        is_check && (client.is_loopback() || own.contains(&client))
    }
}

/// The name of the root in wire form (RFC 1035, section 3.1).
const ROOT: &[u8] = &[0];

/// What else is known about a query, a bit each.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct QueryFlags(u16);

impl QueryFlags {
    /// It came in a frame of a connection, not in a datagram.
    pub const TCP: Self = Self(1);
    /// A response was sent.
    pub const ANSWERED: Self = Self(1 << 1);
    /// NOERROR with records in the answer section; without them, NODATA.
    pub const DATA: Self = Self(1 << 2);
    /// The query had an OPT record.
    pub const EDNS: Self = Self(1 << 3);
    /// The query had the AD bit.
    pub const AD: Self = Self(1 << 4);
    /// The response was truncated.
    pub const TC: Self = Self(1 << 5);
    /// It opened a question upstream.
    pub const ASKED: Self = Self(1 << 6);
    /// It joined a question that was in flight.
    pub const JOINED: Self = Self(1 << 7);
    /// The same query of the same client was still waiting; this one gets no
    /// response of its own.
    pub const REPEATED: Self = Self(1 << 8);
    /// The response was authoritative: from CoreDNS's own zones.
    pub const AA: Self = Self(1 << 9);
    /// It is a query of our own that a forwarding loop brought back.
    pub const RETURNED: Self = Self(1 << 10);

    /// Says whether all bits of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the bits with those of `other` if `condition` holds.
    #[must_use]
    pub const fn with_if(self, other: Self, condition: bool) -> Self {
        if condition { Self(self.0 | other.0) } else { self }
    }
}

impl BitOr for QueryFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for QueryFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueryFlags({:#06x})", self.0)
    }
}

impl Record {
    /// The transaction identifier of this proxy's own checks, queries for `. ANY`.
    pub const CHECK_ID: u16 = 0x5d5d;

    /// Begins the record of a query that `peer` sent, not answered so far.
    pub fn of(query: &Query<'_>, peer: SocketAddr, arrived: Moment) -> Self {
        let flags = QueryFlags::default()
            .with_if(QueryFlags::EDNS, query.edns.is_some())
            .with_if(QueryFlags::AD, query.flags.has(Flags::AD));
        Self { qtype: query.question.qtype, flags, ..Self::unparsed(query.id, peer, arrived) }
    }

    /// Begins the record of a message that is no query that we look up.
    pub fn unparsed(id: u16, peer: SocketAddr, arrived: Moment) -> Self {
        Self {
            arrived,
            took: Duration::ZERO,
            client: peer.ip(),
            port: peer.port(),
            id,
            qtype: Rtype(0),
            rcode: Rcode::NOERROR,
            origin: Origin::Rejected,
            first: None,
            upstream: None,
            errno: 0,
            flags: QueryFlags::default(),
        }
    }

    /// Makes the record of a response that could not be sent to `peer`, beside the one
    /// of its query, and returns it with the name; `None` for octets that are none.
    pub fn unsent(
        response: &[u8],
        peer: SocketAddr,
        errno: i32,
        now: Moment,
    ) -> Option<(Self, &[u8])> {
        let (header, question) = (Header::parse(response)?, Question::parse(response).ok()?);
        let record = Self {
            qtype: question.qtype,
            rcode: header.flags.rcode(),
            origin: Origin::Unsent,
            errno: u8::try_from(errno).unwrap_or(u8::MAX),
            ..Self::unparsed(header.id, peer, now)
        };
        Some((record, question.qname))
    }

    /// Adds what failed when a failure was kept that the cache had.
    #[must_use]
    pub fn remembering(mut self, head: &Head) -> Self {
        if let Some((first, upstream)) = Origin::of_first(head) {
            (self.first, self.upstream) = (Some(first), upstream);
        }
        self
    }

    /// The origin that it is counted for: what failed, also where that is
    /// remembered.
    pub fn counted(&self) -> Origin {
        self.first.unwrap_or(self.origin)
    }

    /// Adds what the client was told.
    #[must_use]
    pub fn answered(mut self, header: &Header, rcode: Rcode) -> Self {
        let [_, answers, ..] = header.counts;
        let flags = self.flags | QueryFlags::ANSWERED;
        self.rcode = rcode;
        self.flags = flags
            .with_if(QueryFlags::DATA, rcode == Rcode::NOERROR && answers > 0)
            .with_if(QueryFlags::TC, header.flags.has(Flags::TC))
            .with_if(QueryFlags::AA, header.flags.has(Flags::AA));
        self
    }
}

/// Words of a record in a ring, without the name.
pub(crate) const WORDS: usize = 6;

/// The two of them that say when it was answered: its arrival, and how long it
/// took, in microseconds.
pub(crate) const DONE: [u64; 2] = [0, 4];

impl Record {
    /// Packs the record and the length of its name.
    pub(crate) fn pack(&self, name_len: u8) -> [u64; WORDS] {
        let client = octets_of(self.client);
        let (high, low) = client.split_at(8);
        let micros = u32::try_from(self.took.as_micros()).unwrap_or(u32::MAX);
        let upstream = self.upstream.unwrap_or(NO_UPSTREAM);
        [
            self.arrived.as_micros(),
            word(high),
            word(low),
            shorts([self.port, self.id, self.qtype.0, self.rcode.0]),
            u64::from(micros),
            shorts([
                self.flags.0,
                u16::from_be_bytes([
                    self.first.map_or(NO_ORIGIN, |first| first as u8),
                    self.origin as u8,
                ]),
                u16::from(upstream),
                u16::from_be_bytes([self.errno, name_len]),
            ]),
        ]
    }

    /// Unpacks a record and the length of its name.
    pub(crate) fn unpack(words: [u64; WORDS]) -> (Self, u8) {
        let [arrived, high, low, question, micros, rest] = words;
        let [port, id, qtype, rcode] = split(question);
        let [flags, origin, upstream, name_len] = split(rest);
        let [[.., upstream], [errno, name_len], [first, origin]] =
            [upstream, name_len, origin].map(u16::to_be_bytes);
        let record = Self {
            arrived: Moment::from_micros(arrived),
            took: Duration::from_micros(micros),
            client: Ipv6Addr::from((u128::from(high) << 64) | u128::from(low)).to_canonical(),
            port,
            id,
            qtype: Rtype(qtype),
            rcode: Rcode(rcode),
            // Only what was packed is unpacked, so there is no other number.
            origin: *Origin::ALL
                .get(usize::from(origin))
                .unwrap_or(&Origin::Rejected),
            first: Origin::ALL.get(usize::from(first)).copied(),
            upstream: (upstream != NO_UPSTREAM).then_some(upstream),
            errno,
            flags: QueryFlags(flags),
        };
        (record, name_len)
    }
}

/// IPv4 as mapped addresses, so that a record has one size.
pub(crate) fn octets_of(addr: IpAddr) -> [u8; 16] {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped().octets(),
        IpAddr::V6(addr) => addr.octets(),
    }
}

fn word(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0, |word, octet| (word << 8) | u64::from(*octet))
}

fn shorts([a, b, c, d]: [u16; 4]) -> u64 {
    (u64::from(a) << 48) | (u64::from(b) << 32) | (u64::from(c) << 16) | u64::from(d)
}

fn split(word: u64) -> [u16; 4] {
    let [a, b, c, d, e, f, g, h] = word.to_be_bytes();
    [[a, b], [c, d], [e, f], [g, h]].map(u16::from_be_bytes)
}

const NO_UPSTREAM: u8 = u8::MAX;

/// There are fewer origins.
const NO_ORIGIN: u8 = u8::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_unpacked_as_it_was_packed() {
        for client in ["10.1.2.3", "fd00::9", "::1", "0.0.0.0"] {
            for origin in Origin::ALL {
                let record = Record {
                    arrived: Moment::from_micros(u64::MAX - 7),
                    took: Duration::from_micros(4_000_123),
                    client: client.parse().unwrap(),
                    port: 65_535,
                    id: 0xbeef,
                    qtype: Rtype::AAAA,
                    rcode: Rcode::BADVERS,
                    origin: *origin,
                    first: Some(*origin),
                    upstream: Some(7),
                    errno: 133,
                    flags: QueryFlags::TCP | QueryFlags::AA | QueryFlags::ANSWERED,
                };
                assert_eq!(Record::unpack(record.pack(255)), (record, 255));
                let nobody = Record { upstream: None, first: None, ..record };
                assert_eq!(Record::unpack(nobody.pack(0)), (nobody, 0));
            }
        }
    }

    #[test]
    fn every_origin_has_its_place() {
        for (index, origin) in Origin::ALL.iter().enumerate() {
            assert_eq!(origin.index(), index);
        }
    }

    #[test]
    fn a_mapped_client_is_the_same_as_its_ipv4_address() {
        let peer = SocketAddr::new("::ffff:10.0.0.1".parse().unwrap(), 1);
        let record = Record::unparsed(1, peer, Moment::default());
        let (seen, _) = Record::unpack(record.pack(1));
        assert_eq!(seen.client, "10.0.0.1".parse::<IpAddr>().unwrap());
    }
}
