//! A file, one packet after another.

use std::io::Read;

use crate::error::{CaptureError, Wrong};
use crate::interface::Interface;
use crate::link::Link;
use crate::number::Order;
use crate::source::{Got, Source};

/// One packet as it was captured.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Nanoseconds since 1970, by the clock of who captured it.
    pub at: u64,
    /// The kind of link; `None` for one that is not read.
    pub link: Option<Link>,
    /// Its octets, from the header of the link on.
    pub octets: &'a [u8],
}

/// Reads a file. Memory is for one packet, whatever the length of the file.
#[derive(Debug)]
pub struct Reader<R> {
    source: Source<R>,
    format: Format,
    buffer: Vec<u8>,
    cut_at: Option<u64>,
    untimed: u64,
    /// Of sections that ended.
    dropped: u64,
}

#[derive(Debug)]
enum Format {
    Pcap { order: Order, link: Option<Link>, per_unit: u64 },
    Pcapng { order: Order, interfaces: Vec<Interface> },
}

/// Returns whether a file that begins so is a capture.
#[must_use]
pub fn is_capture(start: &[u8]) -> bool {
    let magic = Order::Big.long(start, 0);
    magic.is_some_and(|magic| magic == SECTION || pcap_of(magic).is_some())
}

impl<R: Read> Reader<R> {
    /// Reads the header of a file. Small reads are made: bring a buffer.
    ///
    /// # Errors
    ///
    /// A file that is none, or whose kind of link is not read.
    pub fn new(read: R) -> Result<Self, CaptureError> {
        let mut source = Source::new(read);
        let mut magic = [0; 4];
        match source.fill(&mut magic)? {
            Got::All => {}
            Got::Part => return Err(source.wrong(Wrong::Header)),
            Got::Nothing => return Err(source.wrong(Wrong::Empty)),
        }
        let magic = u32::from_be_bytes(magic);
        let format = match pcap_of(magic) {
            Some((order, per_unit)) => pcap(&mut source, order, per_unit)?,
            None if magic == SECTION => {
                let mut len = [0; 4];
                whole(source.fill(&mut len)?, &source)?;
                let order =
                    section(&mut source, len)?.ok_or_else(|| source.wrong(Wrong::Header))?;
                Format::Pcapng { order, interfaces: Vec::new() }
            }
            None => {
                let packed = PACKED.iter().find(|(start, _)| magic >> 16 == *start);
                let wrong = packed.map_or(Wrong::Magic(magic), |(_, by)| Wrong::Packed(by));
                return Err(CaptureError { at: 0, wrong });
            }
        };
        Ok(Self { source, format, buffer: Vec::new(), cut_at: None, untimed: 0, dropped: 0 })
    }

    /// Reads the next packet; `None` at the end, which may cut the last one short.
    ///
    /// # Errors
    ///
    /// Where the file is damaged, or the system cannot read it.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        match &self.format {
            Format::Pcap { .. } => self.next_of_pcap(),
            Format::Pcapng { .. } => self.next_of_pcapng(),
        }
    }

    /// Returns where the file ends within a packet: whoever wrote it was ended, or is still
    /// writing.
    #[must_use]
    pub const fn cut_at(&self) -> Option<u64> {
        self.cut_at
    }

    /// Returns how many packets have no time, and were passed over.
    #[must_use]
    pub const fn untimed(&self) -> u64 {
        self.untimed
    }

    /// Returns how many packets were dropped while they were captured; pcap files do not
    /// tell.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let Format::Pcapng { interfaces, .. } = &self.format else { return self.dropped };
        let of_section = interfaces.iter().map(|one| one.dropped);
        of_section.fold(self.dropped, u64::saturating_add)
    }

    /// A header of 16 octets, then the packet.
    fn next_of_pcap(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        let Format::Pcap { order, link, per_unit } = self.format else { return Ok(None) };
        let began = self.source.at;
        let mut header = [0; 16];
        let got = self.source.fill(&mut header)?;
        let numbers = [0, 4, 8].map(|at| order.long(&header, at));
        let (Got::All, [Some(seconds), Some(fraction), Some(len)]) = (got, numbers) else {
            return self.end(began, got);
        };
        if len > LONGEST {
            return Err(CaptureError { at: began, wrong: Wrong::Packet(len) });
        }
        let got = self.body(len)?;
        if got != Got::All {
            return self.end(began, Got::Part);
        }
        let at = u64::from(seconds) * SECOND + u64::from(fraction) * per_unit;
        Ok(Some(Packet { at, link, octets: &self.buffer }))
    }

    /// Blocks of a type, their length, what they hold, and their length again.
    fn next_of_pcapng(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        loop {
            let Format::Pcapng { order, .. } = self.format else { return Ok(None) };
            let began = self.source.at;
            let mut header = [0; 8];
            let got = self.source.fill(&mut header)?;
            let numbers = [0, 4].map(|at| order.long(&header, at));
            let (Got::All, [Some(kind), Some(len)]) = (got, numbers) else {
                return self.end(began, got);
            };
            let got = if kind == SECTION {
                let [.., a, b, c, d] = header;
                self.next_section([a, b, c, d])?
            } else {
                let rest = len
                    .checked_sub(8)
                    .filter(|rest| *rest >= 4 && rest % 4 == 0);
                let rest = rest.ok_or(CaptureError { at: began, wrong: Wrong::Block(len) })?;
                self.block(kind, rest, began)?
            };
            match (got, kind) {
                (Got::All, ENHANCED_PACKET) => {
                    let Some((link, at, len)) = self.enhanced(order) else { continue };
                    let octets = self.buffer.get(20..20 + len).unwrap_or_default();
                    return Ok(Some(Packet { at, link, octets }));
                }
                (Got::All, _) => {}
                _ => return self.end(began, Got::Part),
            }
        }
    }

    /// Reads a block that is of use, and passes over any other.
    fn block(&mut self, kind: u32, rest: u32, began: u64) -> Result<Got, CaptureError> {
        let is_read = [INTERFACE, STATISTICS, ENHANCED_PACKET].contains(&kind);
        self.untimed += u64::from(kind == SIMPLE_PACKET);
        if !is_read {
            return self.source.skip(rest);
        }
        let wrong = |wrong| CaptureError { at: began, wrong };
        if rest > LONGEST_BLOCK {
            return Err(wrong(Wrong::Block(rest)));
        }
        let got = self.body(rest)?;
        let Self { buffer, format: Format::Pcapng { order, interfaces }, .. } = self else {
            return Ok(got);
        };
        if got == Got::All && kind == INTERFACE {
            if interfaces.len() == INTERFACES {
                return Err(wrong(Wrong::Interfaces(INTERFACES)));
            }
            interfaces.push(Interface::parse(buffer, *order).map_err(wrong)?);
        } else if got == Got::All && kind == STATISTICS {
            let place = order
                .long(buffer, 0)
                .and_then(|place| usize::try_from(place).ok());
            if let Some(one) = place.and_then(|place| interfaces.get_mut(place)) {
                one.note_statistics(buffer, *order);
            }
        }
        Ok(got)
    }

    /// The link, time and length of the packet in the block that was read.
    fn enhanced(&self, order: Order) -> Option<(Option<Link>, u64, usize)> {
        let Format::Pcapng { interfaces, .. } = &self.format else { return None };
        let number = |at| order.long(&self.buffer, at);
        let interface = interfaces.get(usize::try_from(number(0)?).ok()?)?;
        let units = u64::from(number(4)?) << 32 | u64::from(number(8)?);
        let len = usize::try_from(number(12)?).ok()?;
        Some((interface.link, interface.nanoseconds(units), len))
    }

    /// Begins another section: files of pcapng may be joined by `cat`.
    fn next_section(&mut self, len: [u8; 4]) -> Result<Got, CaptureError> {
        self.dropped = self.dropped();
        let Some(order) = section(&mut self.source, len)? else { return Ok(Got::Part) };
        self.format = Format::Pcapng { order, interfaces: Vec::new() };
        Ok(Got::All)
    }

    fn body(&mut self, len: u32) -> Result<Got, CaptureError> {
        self.buffer
            .resize(usize::try_from(len).unwrap_or_default(), 0);
        self.source.fill(&mut self.buffer)
    }

    fn end(&mut self, began: u64, got: Got) -> Result<Option<Packet<'_>>, CaptureError> {
        if got != Got::Nothing {
            self.cut_at = Some(began);
        }
        Ok(None)
    }
}

/// The order of the octets, and the nanoseconds of a unit of the fraction of a second.
const fn pcap_of(magic: u32) -> Option<(Order, u64)> {
    Some(match magic {
        0xa1b2_c3d4 => (Order::Big, 1_000),
        0xd4c3_b2a1 => (Order::Little, 1_000),
        0xa1b2_3c4d => (Order::Big, 1),
        0x4d3c_b2a1 => (Order::Little, 1),
        _ => return None,
    })
}

/// The other 20 octets of the header; the last four have the kind of link.
fn pcap<R: Read>(
    source: &mut Source<R>,
    order: Order,
    per_unit: u64,
) -> Result<Format, CaptureError> {
    let mut header = [0; 20];
    whole(source.fill(&mut header)?, source)?;
    // The other bits are about a checksum at the end of frames.
    let number = order.long(&header, 16).unwrap_or_default() & 0xffff;
    let link = Link::of(number).ok_or(CaptureError { at: 20, wrong: Wrong::Link(number) })?;
    Ok(Format::Pcap { order, link: Some(link), per_unit })
}

/// What follows the type of a section header and its length, which is in the order of
/// the section. `None` if the file ends within it.
fn section<R: Read>(source: &mut Source<R>, len: [u8; 4]) -> Result<Option<Order>, CaptureError> {
    let mut magic = [0; 4];
    if source.fill(&mut magic)? != Got::All {
        return Ok(None);
    }
    let order = match u32::from_be_bytes(magic) {
        0x1a2b_3c4d => Order::Big,
        0x4d3c_2b1a => Order::Little,
        other => return Err(source.wrong(Wrong::Order(other))),
    };
    let len = order.long(&len, 0).unwrap_or_default();
    let rest = len
        .checked_sub(12)
        .filter(|rest| *rest >= 16 && rest % 4 == 0);
    let rest = rest.ok_or_else(|| source.wrong(Wrong::Block(len)))?;
    Ok((source.skip(rest)? == Got::All).then_some(order))
}

fn whole<R: Read>(got: Got, source: &Source<R>) -> Result<(), CaptureError> {
    match got {
        Got::All => Ok(()),
        _ => Err(source.wrong(Wrong::Header)),
    }
}

/// Types of blocks of pcapng.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

/// How packed files begin, and by what they are packed.
const PACKED: [(u32, &str); 3] = [(0x1f8b, "gzip"), (0x28b5, "zstd"), (0xfd37, "xz")];

/// Octets of a packet: `MAXIMUM_SNAPLEN` of tcpdump, and of Wireshark.
const LONGEST: u32 = 262_144;

/// Octets of a block with such a packet, and its options.
const LONGEST_BLOCK: u32 = 1 << 20;

/// Interfaces of a section: more than a node has pods.
const INTERFACES: usize = 4_096;

const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests;
