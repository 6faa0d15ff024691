//! The addresses, as addresses of this machine: on a link of our own, or on the
//! loopback where the kernel has no links of the kind `dummy` (rtnetlink(7)).

use std::net::IpAddr;

use netlink::{Attributes, CREATE, DUMP, EXCLUSIVE, Message, Reply, text};

use crate::plan::octets;

/// A device, by the number of the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Device(pub(crate) u32);

/// An address that the kernel has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Known {
    pub(crate) addr: IpAddr,
    pub(crate) device: Device,
    /// Whether it carries our mark.
    pub(crate) is_ours: bool,
}

/// Makes our link, up.
pub(crate) fn new_link() -> Message {
    let kind = Attributes::new().text(1, "dummy");
    let attributes = Attributes::new().text(IFNAME, LINK).nest(18, &kind);
    link(NEW_LINK, IFF_UP, attributes).with(CREATE | EXCLUSIVE)
}

pub(crate) fn delete_link() -> Message {
    link(DELETE_LINK, 0, Attributes::new().text(IFNAME, LINK))
}

/// Asks for our link.
pub(crate) fn get_link() -> Message {
    link(GET_LINK, 0, Attributes::new().text(IFNAME, LINK))
}

/// Reads a link that was asked for.
pub(crate) fn read_link(reply: &Reply<'_>) -> Option<Device> {
    let name = reply.attributes(LINK_FIXED).find(IFNAME).map(text);
    let index = reply.body.get(4..8)?.first_chunk().copied()?;
    (reply.kind == NEW_LINK && name.as_deref() == Some(LINK))
        .then(|| Device(u32::from_ne_bytes(index)))
}

/// Gives a device an address, with our mark.
pub(crate) fn new_address(addr: IpAddr, device: Device) -> Message {
    address(NEW_ADDRESS, addr, device).with(CREATE | EXCLUSIVE)
}

pub(crate) fn delete_address(addr: IpAddr, device: Device) -> Message {
    address(DELETE_ADDRESS, addr, device)
}

/// Asks for all addresses of both families.
pub(crate) fn list_addresses() -> Message {
    Message {
        kind: GET_ADDRESS,
        flags: DUMP,
        fixed: vec![0; ADDRESS_FIXED],
        attributes: Attributes::new(),
    }
}

/// Reads an address that was asked for.
pub(crate) fn read_address(reply: &Reply<'_>) -> Option<Known> {
    let index = reply.body.get(4..8)?.first_chunk().copied()?;
    let attributes = reply.attributes(ADDRESS_FIXED);
    let addr = attributes
        .find(LOCAL)
        .or_else(|| attributes.find(ADDRESS))?;
    let addr = match *addr {
        [a, b, c, d] => IpAddr::from([a, b, c, d]),
        _ => IpAddr::from(<[u8; 16]>::try_from(addr).ok()?),
    };
    let is_ours = attributes.find(PROTOCOL) == Some(&[OURS]);
    (reply.kind == NEW_ADDRESS).then(|| Known {
        addr,
        device: Device(u32::from_ne_bytes(index)),
        is_ours,
    })
}

fn link(kind: u16, flags: u32, attributes: Attributes) -> Message {
    // Family, type, number; then the flags, and which of them are meant.
    let fixed = [[0; 8].as_slice(), &flags.to_ne_bytes(), &flags.to_ne_bytes()].concat();
    Message { kind, flags: 0, fixed, attributes }
}

fn address(kind: u16, addr: IpAddr, device: Device) -> Message {
    let (family, bits) = if addr.is_ipv4() { (AF_INET, 32) } else { (AF_INET6, 128) };
    let fixed = [[family, bits, 0, 0].as_slice(), &device.0.to_ne_bytes()].concat();
    let attributes = Attributes::new()
        .put(ADDRESS, &octets(addr))
        .put(LOCAL, &octets(addr))
        // Duplicate detection would keep it from use for a second or two.
        .put(8, &NO_DETECTION.to_ne_bytes())
        .put(PROTOCOL, &[OURS]);
    Message { kind, flags: 0, fixed, attributes }
}

/// The name of our link.
pub(crate) const LINK: &str = "fivedots0";
/// In every network namespace.
pub(crate) const LOOPBACK: Device = Device(1);
/// Who made an address (`IFA_PROTO`, Linux 5.18); 1 to 3 are the kernel's, and others
/// are free. Shown by `ip address` as `proto 0x35`.
const OURS: u8 = 0x35;
const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const DELETE_ADDRESS: u16 = 21;
const GET_ADDRESS: u16 = 22;
const LINK_FIXED: usize = 16;
const ADDRESS_FIXED: usize = 8;
const IFNAME: u16 = 3;
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
const PROTOCOL: u16 = 11;
const IFF_UP: u32 = 1;
const NO_DETECTION: u32 = 2;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
