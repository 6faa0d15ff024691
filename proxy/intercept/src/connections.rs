//! What connection tracking remembers of our own DNAT (`nfnetlink_conntrack`).
//!
//! The kernel chooses a pod for the first packet of a connection and remembers it: a client
//! that keeps its port would go on to ask a pod that is gone, for minutes.

use std::net::{IpAddr, SocketAddr};

use crate::netlink::{Attributes, DUMP, Message, Reply, attributes, find};
use crate::plan::{Family, octets};

/// A connection: the addresses and ports of its first packet, as the kernel has them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Connection {
    family: Family,
    tuple: Vec<u8>,
}

/// Asks for all connections of a family.
pub(crate) fn list(family: Family) -> Message {
    message(GET, family, Attributes::new()).with(DUMP)
}

/// Reads a connection that was asked for, if it is one to port 53 of an address of `local`
/// that leads to one of `gone`.
pub(crate) fn read(reply: &Reply<'_>, local: &[IpAddr], gone: &[SocketAddr]) -> Option<Connection> {
    let all = reply.attributes(FIXED);
    let tuple = find(&all, ORIGINAL)?;
    let family = local.first().copied().map(Family::of)?;
    let (addr, port) = destination(tuple, family)?;
    let answers = source(find(&all, ANSWERS)?, family)?;
    let is_local = port == DNS && local.iter().any(|local| octets(*local) == addr);
    let is_gone = |to: &SocketAddr| (octets(to.ip()), to.port()) == answers;
    (is_local && gone.iter().any(is_gone)).then(|| Connection { family, tuple: tuple.to_vec() })
}

/// Has the kernel forget a connection.
pub(crate) fn forget(connection: &Connection) -> Message {
    let tuple = Attributes::read(&connection.tuple);
    message(DELETE, connection.family, Attributes::new().nest(ORIGINAL, &tuple))
}

fn destination(tuple: &[u8], family: Family) -> Option<(Vec<u8>, u16)> {
    end(tuple, if family == Family::V4 { 2 } else { 4 }, DESTINATION_PORT)
}

fn source(tuple: &[u8], family: Family) -> Option<(Vec<u8>, u16)> {
    end(tuple, if family == Family::V4 { 1 } else { 3 }, SOURCE_PORT)
}

/// An address and a port of a tuple, by the kinds of their attributes.
fn end(tuple: &[u8], addr: u16, port: u16) -> Option<(Vec<u8>, u16)> {
    let tuple = attributes(tuple);
    let addrs = find(&tuple, ADDRESSES).map(attributes)?;
    let protocol = find(&tuple, PROTOCOL).map(attributes)?;
    let port = find(&protocol, port)?.first_chunk().copied()?;
    Some((find(&addrs, addr)?.to_vec(), u16::from_be_bytes(port)))
}

fn message(kind: u16, family: Family, attributes: Attributes) -> Message {
    let number = if family == Family::V4 { AF_INET } else { AF_INET6 };
    let kind = SUBSYSTEM << 8 | kind;
    Message { kind, flags: 0, fixed: vec![number, 0, 0, 0], attributes }
}

/// `NFNL_SUBSYS_CTNETLINK` with two of its messages, and its attributes.
const SUBSYSTEM: u16 = 1;
const GET: u16 = 1;
const DELETE: u16 = 2;
const FIXED: usize = 4;
const ORIGINAL: u16 = 1;
const ANSWERS: u16 = 2;
const ADDRESSES: u16 = 1;
const PROTOCOL: u16 = 2;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const DNS: u16 = 53;
