//! The entries by netlink (nfnetlink, `ctnetlink`): needs `CAP_NET_ADMIN`, where the file of
//! `/proc` needs root, and is on all kernels.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::Entry;

/// Passes each entry of the table of this network namespace.
pub(super) fn each(mut look: impl FnMut(&Entry)) -> io::Result<()> {
    let mut socket =
        Socket::new(Domain::from(AF_NETLINK), Type::RAW, Some(Protocol::from(NETFILTER)))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(&request())?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let len = socket.read(&mut buffer)?;
        let mut rest = buffer.get(..len).unwrap_or_default();
        while let Some((kind, body, next)) = message(rest) {
            match kind {
                DONE => return Ok(()),
                ERROR => return Err(error(body)),
                NEW => entry(body).iter().for_each(&mut look),
                _ => {}
            }
            rest = next;
        }
    }
}

/// Asks for all entries of both families: a header (netlink(7)), then `nfgenmsg`.
fn request() -> Vec<u8> {
    let mut octets = 20_u32.to_ne_bytes().to_vec();
    octets.extend(GET.to_ne_bytes());
    octets.extend((REQUEST | DUMP).to_ne_bytes());
    // A sequence number, and whose it is, which the kernel fills in.
    octets.extend([0; 8]);
    // AF_UNSPEC, version 0, no resource.
    octets.extend([0; 4]);
    octets
}

/// The kind and body of the first message, and what is after it.
fn message(octets: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (len, rest) = octets.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_ne_bytes(*len)).ok()?;
    let kind = u16::from_ne_bytes(*rest.first_chunk()?);
    let body = octets.get(HEADER..len)?;
    Some((kind, body, octets.get(len.next_multiple_of(4)..).unwrap_or_default()))
}

fn error(body: &[u8]) -> io::Error {
    let code = body
        .first_chunk()
        .map_or(0, |code| i32::from_ne_bytes(*code));
    io::Error::from_raw_os_error(code.saturating_neg())
}

/// After `nfgenmsg` come the attributes.
fn entry(body: &[u8]) -> Option<Entry> {
    let all = body.get(4..)?;
    let (protocol, source, target) = tuple(attribute(all, TUPLE_ORIG)?)?;
    let (_, backend, _) = tuple(attribute(all, TUPLE_REPLY)?)?;
    let remaining = attribute(all, TIMEOUT).and_then(<[u8]>::first_chunk);
    let remaining = remaining.map_or(0, |seconds| u32::from_be_bytes(*seconds));
    Some(Entry { protocol, source, target, backend: backend.ip(), remaining: remaining.into() })
}

/// A protocol's number, a source and a destination. Protocols without ports have 0.
fn tuple(octets: &[u8]) -> Option<(u8, SocketAddr, SocketAddr)> {
    let (ip, protocol) = (attribute(octets, TUPLE_IP)?, attribute(octets, TUPLE_PROTO)?);
    let v4 = |kind| {
        let octets: &[u8; 4] = attribute(ip, kind)?.first_chunk()?;
        Some(IpAddr::from(*octets))
    };
    let v6 = |kind| {
        let octets: &[u8; 16] = attribute(ip, kind)?.first_chunk()?;
        Some(IpAddr::from(*octets))
    };
    let port = |kind| {
        let port = attribute(protocol, kind).and_then(<[u8]>::first_chunk);
        port.map_or(0, |port| u16::from_be_bytes(*port))
    };
    let source = SocketAddr::new(v4(1).or_else(|| v6(3))?, port(2));
    let target = SocketAddr::new(v4(2).or_else(|| v6(4))?, port(3));
    Some((*attribute(protocol, 1)?.first()?, source, target))
}

/// The value of the first attribute of a kind: length and kind, two octets each, then the
/// value, padded to four.
fn attribute(mut octets: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (&[a, b, c, d], _) = octets.split_first_chunk::<4>()?;
        let len = usize::from(u16::from_ne_bytes([a, b]));
        let value = octets.get(4..len)?;
        // The top two bits are flags.
        if u16::from_ne_bytes([c, d]) & 0x3fff == wanted {
            return Some(value);
        }
        octets = octets.get(len.next_multiple_of(4)..)?;
    }
}

const AF_NETLINK: i32 = 16;
/// `NETLINK_NETFILTER`.
const NETFILTER: i32 = 12;
const HEADER: usize = 16;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NFNL_SUBSYS_CTNETLINK` with `IPCTNL_MSG_CT_NEW` and `IPCTNL_MSG_CT_GET`.
const NEW: u16 = 0x100;
const GET: u16 = 0x101;
/// `NLM_F_REQUEST` and `NLM_F_DUMP`.
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
/// `CTA_TUPLE_ORIG`, `CTA_TUPLE_REPLY`, `CTA_TIMEOUT`, and within a tuple `CTA_TUPLE_IP` and
/// `CTA_TUPLE_PROTO` (Linux `nfnetlink_conntrack.h`).
const TUPLE_ORIG: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const TIMEOUT: u16 = 7;
const TUPLE_IP: u16 = 1;
const TUPLE_PROTO: u16 = 2;
/// The kernel answers while it is asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// What the kernel puts into one datagram of a list at most.
const BUFFER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn put(kind: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(4 + value.len()).unwrap();
        let mut octets = [len.to_ne_bytes(), kind.to_ne_bytes()].concat();
        octets.extend(value);
        octets.resize(octets.len().next_multiple_of(4), 0);
        octets
    }

    fn tuple_of(kind: u16, from: [u8; 4], to: [u8; 4], ports: [u16; 2]) -> Vec<u8> {
        let ip = [put(1, &from), put(2, &to)].concat();
        let [source, target] = ports.map(u16::to_be_bytes);
        let protocol = [put(1, &[17]), put(2, &source), put(3, &target)].concat();
        // Nested attributes have a flag.
        put(kind | 0x8000, &[put(1 | 0x8000, &ip), put(2 | 0x8000, &protocol)].concat())
    }

    #[test]
    fn an_entry_has_both_tuples() {
        let (client, service, pod) = ([10, 244, 1, 7], [10, 96, 0, 10], [10, 244, 0, 2]);
        let mut body = vec![2, 0, 0, 0];
        body.extend(tuple_of(1, client, service, [40_000, 53]));
        body.extend(tuple_of(2, pod, client, [53, 40_000]));
        body.extend(put(7, &29_u32.to_be_bytes()));
        let found = entry(&body).unwrap();
        assert_eq!(found.source, "10.244.1.7:40000".parse().unwrap());
        assert_eq!(found.target, "10.96.0.10:53".parse().unwrap());
        assert_eq!((found.protocol, found.backend, found.remaining), (17, pod.into(), 29));
        // Whatever is cut off.
        for len in 0..body.len() {
            entry(body.get(..len).unwrap());
        }
    }

    #[test]
    fn messages_follow_each_other() {
        let octets = request();
        assert_eq!(octets.len(), 20);
        let two = [octets.clone(), octets].concat();
        let (kind, body, rest) = message(&two).unwrap();
        assert_eq!((kind, body.len(), rest.len()), (GET, 4, 20));
        assert!(message(rest.get(..10).unwrap()).is_none());
    }
}
