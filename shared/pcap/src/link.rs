//! What stands before an IP header, by the kind of link.

use crate::number::short;

/// A kind of link whose packets are read (tcpdump.org/linktypes.html).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Link {
    /// Ethernet, and what looks like it.
    Ethernet,
    /// The loopback of BSD and macOS: four octets of an address family.
    Loopback,
    /// An IP header at once.
    Raw,
    /// `tcpdump -i any`, before libpcap 1.10.
    LinuxCooked,
    /// The same since, with the number of the interface.
    LinuxCooked2,
}

impl Link {
    /// The kind with this number in files; `None` if it is not read.
    pub(crate) const fn of(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Ethernet,
            0 | 108 => Self::Loopback,
            // Two more numbers of the systems that had it first; IPv4 and IPv6 alone.
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            113 => Self::LinuxCooked,
            276 => Self::LinuxCooked2,
            _ => return None,
        })
    }

    /// The octets from the IP header on; `None` where there is none.
    pub(crate) fn ip(self, packet: &[u8]) -> Option<&[u8]> {
        let (mut kind_at, mut at) = match self {
            Self::Ethernet => (12, 14),
            Self::LinuxCooked => (14, 16),
            Self::LinuxCooked2 => (0, 20),
            Self::Loopback => return packet.get(4..),
            Self::Raw => return Some(packet),
        };
        let mut kind = short(packet, kind_at)?;
        for _ in 0..TAGS {
            if ![VLAN, PROVIDER_VLAN].contains(&kind) {
                break;
            }
            (kind_at, at) = (at + 2, at + 4);
            kind = short(packet, kind_at)?;
        }
        packet.get(at..).filter(|_| [IPV4, IPV6].contains(&kind))
    }
}

/// Kinds of what a frame holds (`EtherType`).
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const PROVIDER_VLAN: u16 = 0x88a8;

/// VLAN tags of a frame: the provider's and one's own.
const TAGS: usize = 2;
