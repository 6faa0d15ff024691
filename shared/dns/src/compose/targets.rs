//! Where names stand in a message, to be pointed to.

use crate::get_u16;

/// Tails of names by hash: one slot each, with some bits of the hash and the offset.
#[derive(Debug)]
pub(super) struct Targets {
    slots: [u32; SLOTS],
    /// Labels that may still be compared.
    comparisons: u16,
}

impl Default for Targets {
    fn default() -> Self {
        Self { slots: [0; SLOTS], comparisons: MAX_COMPARISONS }
    }
}

impl Targets {
    /// Returns where in `out` the name `tail` stands, which has this hash.
    pub(super) fn find(&mut self, hash: u32, out: &[u8], tail: &[u8]) -> Option<u16> {
        let tag = tag(hash);
        let slot = places(hash)
            .filter_map(|place| self.slots.get(place).copied())
            .take_while(|slot| *slot != EMPTY)
            .find(|slot| slot >> OFFSET_BITS == tag)?;
        let target = u16::try_from(slot & OFFSET).ok()?;
        self.is_name_at(out, usize::from(target), tail)
            .then_some(target)
    }

    /// Remembers that a name of this hash stands at `offset`, if it can be pointed to
    /// and there is a slot. The first of two names that are equal stays.
    pub(super) fn remember(&mut self, hash: u32, offset: usize) {
        let Some(offset) = is_target(offset) else { return };
        let (tag, slots) = (tag(hash), &mut self.slots);
        let place = places(hash).find(|place| {
            slots
                .get(*place)
                .is_some_and(|slot| *slot == EMPTY || slot >> OFFSET_BITS == tag)
        });
        let slot = place.and_then(|place| slots.get_mut(place));
        if let Some(slot) = slot.filter(|slot| **slot == EMPTY) {
            *slot = tag << OFFSET_BITS | u32::from(offset);
        }
    }

    /// Compares the name at `at`, which we wrote, with an uncompressed one.
    fn is_name_at(&mut self, out: &[u8], at: usize, wire: &[u8]) -> bool {
        let (mut at, mut rest) = (at, wire);
        loop {
            let Some(&length) = out.get(at) else { return false };
            if length >= 0xc0 {
                // Our own pointers lead backwards.
                match get_u16(out, at) {
                    Some(pointer) => at = usize::from(pointer & 0x3fff),
                    None => return false,
                }
                continue;
            }
            let Some(left) = self.comparisons.checked_sub(1) else { return false };
            self.comparisons = left;
            let label = usize::from(length) + 1;
            let (Some(ours), Some((theirs, tail))) =
                (out.get(at..at + label), rest.split_at_checked(label))
            else {
                return false;
            };
            if !ours.eq_ignore_ascii_case(theirs) {
                return false;
            }
            if length == 0 {
                return tail.is_empty();
            }
            (at, rest) = (at + label, tail);
        }
    }
}

/// Returns an offset as a pointer has it, which is 14 bits (RFC 1035, section 4.1.4).
pub(super) fn is_target(offset: usize) -> Option<u16> {
    u16::try_from(offset)
        .ok()
        .filter(|offset| u32::from(*offset) <= OFFSET)
}

/// The slots at which a hash may stand, in order.
fn places(hash: u32) -> impl Iterator<Item = usize> {
    let first = usize::from(hash.to_le_bytes()[0]);
    (first..first + PROBES).map(|place| place % SLOTS)
}

/// The bits of a hash that a slot has beside its place.
const fn tag(hash: u32) -> u32 {
    hash >> OFFSET_BITS
}

/// As many as one octet of the hash counts. A response of the cluster has less than
/// 20 tails; 256 compress 64 KiB well, and are zeroed in some nanoseconds.
const SLOTS: usize = 256;

/// Slots that are looked at for a tail: bounds the work where the table is full. Less
/// would lose a tail of the first dozens now and then.
const PROBES: usize = 8;

/// No name stands at offset 0, where the header is.
const EMPTY: u32 = 0;
const OFFSET_BITS: u32 = 14;
const OFFSET: u32 = (1 << OFFSET_BITS) - 1;

/// Labels compared for one message: 4,000 pointers to names of twelve labels. Names are
/// written whole after that. Hashes that collide are made on purpose.
const MAX_COMPARISONS: u16 = 50_000;
