//! What rules are made of: expressions over registers, as the kernel has them
//! (`include/uapi/linux/netfilter/nf_tables.h`).

use crate::plan::Family;
use netlink::Attributes;

/// A rule, one expression after the other; each may end it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule(Attributes);

/// TCP or UDP, by number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    Tcp = 6,
    Udp = 17,
}

/// A side of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Source,
    Destination,
}

impl Rule {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Goes on if the packet is of `family`.
    pub(crate) fn family(self, family: Family) -> Self {
        let number = if family == Family::V4 { 2 } else { 10 };
        self.meta(META_NFPROTO).compare(EQUAL, &[number])
    }

    /// Goes on if an address of the packet is in a set of `family`.
    pub(crate) fn address_in(self, family: Family, side: Side, set: &str) -> Self {
        self.family(family)
            .load_address(family, side)
            .lookup(set, None)
    }

    /// Goes on if an address of the packet is this one.
    pub(crate) fn address(self, family: Family, side: Side, addr: &[u8]) -> Self {
        self.family(family)
            .load_address(family, side)
            .compare(EQUAL, addr)
    }

    /// Goes on if the packet is of `protocol` and has this port.
    pub(crate) fn port(self, protocol: Protocol, side: Side, port: u16) -> Self {
        let offset = if side == Side::Source { 0 } else { 2 };
        self.meta(META_L4PROTO)
            .compare(EQUAL, &[protocol as u8])
            .payload(TRANSPORT, offset, 2)
            .compare(EQUAL, &port.to_be_bytes())
    }

    /// Goes on if the packet was sent with this `SO_MARK`.
    pub(crate) fn mark(self, mark: u32) -> Self {
        self.meta(META_MARK).compare(EQUAL, &mark.to_ne_bytes())
    }

    /// Goes on if the packet leaves by another device than the loopback.
    pub(crate) fn leaves_the_machine(self) -> Self {
        let mut name = [0; IFNAMSIZ];
        name.iter_mut()
            .zip(b"lo")
            .for_each(|(to, from)| *to = *from);
        self.meta(META_OIFNAME).compare(NOT_EQUAL, &name)
    }

    /// Goes on if a socket of this machine would get the packet. For UDP the key that
    /// is looked at is `wildcard`. For TCP it is `transparent`: the former breaks the
    /// third packet of a handshake, which belongs to no full socket yet.
    pub(crate) fn has_socket(self, protocol: Protocol, is_wildcard: bool) -> Self {
        let key = match protocol {
            Protocol::Tcp => SOCKET_TRANSPARENT,
            Protocol::Udp => SOCKET_WILDCARD,
        };
        let data = Attributes::new().number(1, key).number(2, REGISTER);
        self.add("socket", &data)
            .compare(EQUAL, &[u8::from(is_wildcard)])
    }

    /// Goes on if the packet is for a socket of this machine with this `SO_MARK`.
    pub(crate) fn socket_mark(self, mark: u32) -> Self {
        let data = Attributes::new().number(1, SOCKET_MARK).number(2, REGISTER);
        self.add("socket", &data)
            .compare(EQUAL, &mark.to_ne_bytes())
    }

    /// Exempts the packet from connection tracking.
    pub(crate) fn notrack(self) -> Self {
        self.add("notrack", &Attributes::new())
    }

    /// Gives the packet one of the `count` destinations in two maps, by chance.
    pub(crate) fn choose_of(
        self,
        family: Family,
        count: u32,
        (addresses, ports): (&str, &str),
    ) -> Self {
        let random = Attributes::new()
            .number(1, CHOICE)
            .number(2, count)
            .number(3, NUMGEN_RANDOM);
        let number = if family == Family::V4 { 2 } else { 10 };
        let nat = Attributes::new()
            .number(1, NAT_DESTINATION)
            .number(2, number)
            .number(3, REGISTER)
            .number(5, PORT);
        self.add("numgen", &random)
            .lookup_from(CHOICE, addresses, Some(REGISTER))
            .lookup_from(CHOICE, ports, Some(PORT))
            .add("nat", &nat)
    }

    /// Gives the packet an address of the device by which it leaves as its source.
    pub(crate) fn masquerade(self) -> Self {
        self.add("masq", &Attributes::new())
    }

    /// The value of `NFTA_RULE_EXPRESSIONS`.
    pub(crate) const fn expressions(&self) -> &Attributes {
        &self.0
    }

    fn load_address(self, family: Family, side: Side) -> Self {
        let offset = match (family, side) {
            (Family::V4, Side::Source) => 12,
            (Family::V4, Side::Destination) => 16,
            (Family::V6, Side::Source) => 8,
            (Family::V6, Side::Destination) => 24,
        };
        self.payload(NETWORK, offset, family.len())
    }

    fn meta(self, key: u32) -> Self {
        self.add("meta", &Attributes::new().number(1, REGISTER).number(2, key))
    }

    fn payload(self, base: u32, offset: u32, len: u32) -> Self {
        let data = Attributes::new()
            .number(1, REGISTER)
            .number(2, base)
            .number(3, offset)
            .number(4, len);
        self.add("payload", &data)
    }

    fn compare(self, operator: u32, value: &[u8]) -> Self {
        let value = Attributes::new().put(1, value);
        let data = Attributes::new()
            .number(1, REGISTER)
            .number(2, operator)
            .nest(3, &value);
        self.add("cmp", &data)
    }

    fn lookup(self, set: &str, to: Option<u32>) -> Self {
        self.lookup_from(REGISTER, set, to)
    }

    fn lookup_from(self, from: u32, set: &str, to: Option<u32>) -> Self {
        let mut data = Attributes::new().text(1, set).number(2, from);
        if let Some(to) = to {
            data = data.number(3, to);
        }
        self.add("lookup", &data)
    }

    fn add(self, name: &str, data: &Attributes) -> Self {
        let expression = Attributes::new().text(1, name).nest(2, data);
        Self(self.0.nest(LIST_ELEMENT, &expression))
    }
}

pub(crate) const LIST_ELEMENT: u16 = 1;
/// Registers of 16 octets each.
const REGISTER: u32 = 1;
const CHOICE: u32 = 2;
const PORT: u32 = 3;
const META_MARK: u32 = 3;
const META_OIFNAME: u32 = 7;
const META_NFPROTO: u32 = 15;
const META_L4PROTO: u32 = 16;
const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;
const SOCKET_TRANSPARENT: u32 = 0;
const SOCKET_MARK: u32 = 1;
const SOCKET_WILDCARD: u32 = 2;
const NUMGEN_RANDOM: u32 = 1;
const NAT_DESTINATION: u32 = 1;
const IFNAMSIZ: usize = 16;
