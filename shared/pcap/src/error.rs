//! Why a file is no capture, and where.

use std::io;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[error("octet {at}: {wrong}")]
pub struct CaptureError {
    /// The place in the file, counted from 0.
    pub at: u64,
    /// What is wrong there.
    #[source]
    pub wrong: Wrong,
}

/// What is wrong at a place.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// There is not one octet.
    #[error("the file is empty")]
    Empty,
    /// The header of the file is not whole.
    #[error("the file ends in its header")]
    Header,
    /// No capture begins so.
    #[error("{0:#010x} begins neither a pcap nor a pcapng file")]
    Magic(u32),
    /// It is packed by this program.
    #[error("the file is packed by {0}; unpack it first")]
    Packed(&'static str),
    /// The kind of link of all packets is not known (tcpdump.org/linktypes.html).
    #[error("packets of link type {0} are not read")]
    Link(u32),
    /// A packet is longer than any program captures.
    #[error("a packet of {0} octets: the file is damaged")]
    Packet(u32),
    /// A block of pcapng has a length that none has.
    #[error("a block of {0} octets: the file is damaged")]
    Block(u32),
    /// What the octets of a section should be in no order.
    #[error("{0:#010x} is no byte-order magic of a section")]
    Order(u32),
    /// A resolution of time that no clock has.
    #[error("{0:#04x} is no resolution of time")]
    Resolution(u8),
    /// More interfaces than a machine has.
    #[error("more than {0} interfaces: the file is damaged")]
    Interfaces(usize),
    /// The system cannot read it.
    #[error("cannot read: {0}")]
    Read(#[source] io::Error),
}
