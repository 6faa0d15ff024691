//! Entries of the connection table (Linux `nfnetlink_conntrack.h`).

use std::net::{IpAddr, SocketAddr};

use crate::message::{Attributes, DUMP, Message, Reply, Values};

/// One direction of a flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tuple {
    /// The number of its protocol: 17 is UDP.
    pub protocol: u8,
    /// Who sends; a protocol without ports has port 0.
    pub source: SocketAddr,
    /// To whom.
    pub target: SocketAddr,
}

/// An entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// As the first packet was sent.
    pub original: Tuple,
    /// As the reply is expected: its source is the backend, where the target of the
    /// original is a Service.
    pub reply: Tuple,
    /// Seconds until it ends; each packet makes them more again.
    pub remaining: u32,
}

/// Asks for all entries of this network namespace; [`Entry::read`] reads them.
#[must_use]
pub fn list() -> Message {
    message(GET, AF_UNSPEC, Attributes::new()).with(DUMP)
}

/// Has the kernel forget the flow that began so; ENOENT where there is none.
#[must_use]
pub fn delete(original: Tuple) -> Message {
    let family = if original.source.is_ipv4() { AF_INET } else { AF_INET6 };
    message(DELETE, family, Attributes::new().nest(TUPLE_ORIG, &original.write()))
}

impl Entry {
    /// Reads an entry; `None` where the reply is none.
    #[must_use]
    pub fn read(reply: &Reply<'_>) -> Option<Self> {
        let all = reply.attributes(FIXED);
        let remaining = all.find(TIMEOUT).and_then(<[u8]>::first_chunk);
        Some(Self {
            original: Tuple::read(all.nested(TUPLE_ORIG)?)?,
            reply: Tuple::read(all.nested(TUPLE_REPLY)?)?,
            remaining: remaining.map_or(0, |seconds| u32::from_be_bytes(*seconds)),
        })
    }
}

impl Tuple {
    fn read(all: Values<'_>) -> Option<Self> {
        let (ip, protocol) = (all.nested(TUPLE_IP)?, all.nested(TUPLE_PROTO)?);
        let addr = |v4, v6| {
            let v4 = ip.find(v4).and_then(<[u8]>::first_chunk::<4>);
            let v6 = || ip.find(v6).and_then(<[u8]>::first_chunk::<16>);
            v4.map(|octets| IpAddr::from(*octets))
                .or_else(|| v6().map(|octets| IpAddr::from(*octets)))
        };
        let port = |kind| {
            let port = protocol.find(kind).and_then(<[u8]>::first_chunk);
            port.map_or(0, |port| u16::from_be_bytes(*port))
        };
        Some(Self {
            protocol: *protocol.find(PROTO_NUM)?.first()?,
            source: SocketAddr::new(addr(V4_SOURCE, V6_SOURCE)?, port(PROTO_SOURCE)),
            target: SocketAddr::new(addr(V4_TARGET, V6_TARGET)?, port(PROTO_TARGET)),
        })
    }

    fn write(self) -> Attributes {
        let put = |all: Attributes, v4, v6, addr| match addr {
            IpAddr::V4(addr) => all.put(v4, &addr.octets()),
            IpAddr::V6(addr) => all.put(v6, &addr.octets()),
        };
        let ip = put(Attributes::new(), V4_SOURCE, V6_SOURCE, self.source.ip());
        let ip = put(ip, V4_TARGET, V6_TARGET, self.target.ip());
        let protocol = Attributes::new()
            .put(PROTO_NUM, &[self.protocol])
            .put(PROTO_SOURCE, &self.source.port().to_be_bytes())
            .put(PROTO_TARGET, &self.target.port().to_be_bytes());
        Attributes::new()
            .nest(TUPLE_IP, &ip)
            .nest(TUPLE_PROTO, &protocol)
    }
}

fn message(kind: u16, family: u8, attributes: Attributes) -> Message {
    // `nfgenmsg`: a family, version 0, no resource.
    Message { kind, flags: 0, fixed: vec![family, 0, 0, 0], attributes }
}

/// Octets of `nfgenmsg`.
const FIXED: usize = 4;
/// `NFNL_SUBSYS_CTNETLINK` with `IPCTNL_MSG_CT_GET` and `IPCTNL_MSG_CT_DELETE`.
const GET: u16 = 0x101;
const DELETE: u16 = 0x102;
/// `CTA_TUPLE_ORIG`, `CTA_TUPLE_REPLY` and `CTA_TIMEOUT`.
const TUPLE_ORIG: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const TIMEOUT: u16 = 7;
/// Within a tuple `CTA_TUPLE_IP` and `CTA_TUPLE_PROTO`.
const TUPLE_IP: u16 = 1;
const TUPLE_PROTO: u16 = 2;
/// `CTA_IP_V4_SRC` and those after it.
const V4_SOURCE: u16 = 1;
const V4_TARGET: u16 = 2;
const V6_SOURCE: u16 = 3;
const V6_TARGET: u16 = 4;
/// `CTA_PROTO_NUM`, `CTA_PROTO_SRC_PORT` and `CTA_PROTO_DST_PORT`.
const PROTO_NUM: u16 = 1;
const PROTO_SOURCE: u16 = 2;
const PROTO_TARGET: u16 = 3;
const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let addr = |text: &str| text.parse().unwrap();
        let (client, service) = (addr("10.244.1.7:40000"), addr("10.96.0.10:53"));
        let original = Tuple { protocol: 17, source: client, target: service };
        let reply = Tuple { protocol: 17, source: addr("10.244.0.2:53"), target: client };
        Entry { original, reply, remaining: 29 }
    }

    fn body(entry: Entry) -> Vec<u8> {
        let attributes = Attributes::new()
            .nest(TUPLE_ORIG, &entry.original.write())
            .nest(TUPLE_REPLY, &entry.reply.write())
            .number(TIMEOUT, entry.remaining);
        let mut octets = Vec::new();
        message(0x100, AF_INET, attributes).write(1, &mut octets);
        octets
    }

    #[test]
    fn an_entry_has_both_tuples() {
        let v6 = |text: &str| text.parse().unwrap();
        let (client, pod) = (v6("[fd00::7]:40000"), v6("[fd00::2]:53"));
        let original = Tuple { protocol: 6, source: client, target: pod };
        let reply = Tuple { protocol: 6, source: pod, target: client };
        for entry in [entry(), Entry { original, reply, remaining: 0 }] {
            let octets = body(entry);
            let read = Entry::read(&Reply::all(&octets).next().unwrap());
            assert_eq!(read, Some(entry));
        }
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        let octets = body(entry());
        let reply = Reply::all(&octets).next().unwrap();
        for end in 0..reply.body.len() {
            let cut = Reply { body: &reply.body[..end], ..reply };
            assert_ne!(Entry::read(&cut), Some(entry()));
        }
    }

    /// As `conntrack -D` sends it, which the kernel takes.
    #[test]
    fn a_flow_is_deleted_by_its_first_packet() {
        let mut octets = Vec::new();
        delete(entry().original).write(1, &mut octets);
        // Header 16, family 4, attributes 52.
        assert_eq!(octets.len(), 72);
        assert_eq!(octets[4..6], DELETE.to_ne_bytes());
        assert_eq!(octets[16..20], [AF_INET, 0, 0, 0]);
    }
}
