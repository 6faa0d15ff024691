//! An interface of a pcapng file: its kind of link, its clock, and what it lost.

use crate::error::Wrong;
use crate::link::Link;
use crate::number::Order;

/// An interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface {
    /// `None` for a kind that is not read.
    pub(crate) link: Option<Link>,
    /// Units of its clock in a second.
    per_second: u64,
    /// Packets that were dropped while it was captured, as far as that is told.
    pub(crate) dropped: u64,
}

impl Interface {
    /// Reads the body of an interface description block.
    pub(crate) fn parse(body: &[u8], order: Order) -> Result<Self, Wrong> {
        let link = order.short(body, 0).unwrap_or(u16::MAX);
        let mut interface =
            Self { link: Link::of(link.into()), per_second: MICROSECONDS, dropped: 0 };
        if let Some(&resolution) = option(body, 8, RESOLUTION, order).and_then(<[u8]>::first) {
            let power = u32::from(resolution & 0x7f);
            let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
            let units = base.checked_pow(power);
            interface.per_second = units.ok_or(Wrong::Resolution(resolution))?;
        }
        Ok(interface)
    }

    /// Nanoseconds since 1970 of so many units.
    pub(crate) fn nanoseconds(&self, units: u64) -> u64 {
        let nanoseconds = u128::from(units) * SECOND / u128::from(self.per_second);
        u64::try_from(nanoseconds).unwrap_or(u64::MAX)
    }

    /// Takes the counts of an interface statistics block, which are since the start.
    pub(crate) fn note_statistics(&mut self, body: &[u8], order: Order) {
        let count = |code| {
            let value = option(body, 12, code, order).and_then(|value| order.longest(value, 0));
            value.unwrap_or_default()
        };
        self.dropped = self
            .dropped
            .max(count(DROPPED_BY_INTERFACE).saturating_add(count(DROPPED_BY_SYSTEM)));
    }
}

/// The value of an option of a block; they begin at `at`.
fn option(body: &[u8], mut at: usize, wanted: u16, order: Order) -> Option<&[u8]> {
    loop {
        let (code, len) = (order.short(body, at)?, usize::from(order.short(body, at + 2)?));
        match code {
            END => return None,
            code if code == wanted => return body.get(at + 4..at + 4 + len),
            _ => at += 4 + len.next_multiple_of(4),
        }
    }
}

/// Options (pcapng, sections 4.2 and 4.6).
const END: u16 = 0;
const RESOLUTION: u16 = 9;
const DROPPED_BY_INTERFACE: u16 = 5;
const DROPPED_BY_SYSTEM: u16 = 7;

/// Of a clock without a resolution.
const MICROSECONDS: u64 = 1_000_000;
const SECOND: u128 = 1_000_000_000;
