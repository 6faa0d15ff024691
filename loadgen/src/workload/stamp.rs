//! Names that are asked once: no cache has them.
//!
//! The first label of such a name is a number: the due time of its query, which no other
//! has, and a part of the seed. So the name of a query can be written again when its
//! answer comes, and nothing has to be remembered.

use dns::Name;

use crate::random::SplitMix;

/// Which queries have a number, and the part of it that is of the seed.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    first: u32,
    seed: u64,
}

impl Stamp {
    /// None has.
    pub const NONE: Self = Self { first: u32::MAX, seed: 0 };

    /// All have.
    pub(super) const fn all(seed: u64) -> Self {
        Self { first: 0, seed }
    }

    /// Those from this one on have.
    pub(super) const fn from(first: u32, seed: u64) -> Self {
        Self { first, seed }
    }

    /// Returns whether this query has a number.
    pub(super) const fn is_on(self, query: u32) -> bool {
        query >= self.first
    }

    /// Writes the number of a query that is due at `due` over the placeholder.
    pub(super) fn put(self, query: u32, due: u64, out: &mut [u8]) {
        if !self.is_on(query) {
            return;
        }
        let seed = SplitMix::of_item(self.seed, STREAM, 0).next();
        // 12 digits are three days of nanoseconds.
        let number = (seed << 48) | (due & 0xffff_ffff_ffff);
        let Some(place) = out.get_mut(AT..AT + PLACEHOLDER.len()) else { return };
        for (n, digit) in (0_u32..).zip(place) {
            let nibble = (number >> (60 - 4 * n)) & 0xf;
            *digit = DIGITS
                .get(usize::try_from(nibble).unwrap_or(0))
                .copied()
                .unwrap_or(b'0');
        }
    }
}

/// A name with a number below a domain that exists nowhere (RFC 6761, section 6.4).
pub(super) fn nowhere() -> Option<Name> {
    Name::from_text(&format!("{PLACEHOLDER}.invalid")).ok()
}

/// The label that a number is written over.
pub const PLACEHOLDER: &str = "0000000000000000";
/// Octets of the longest query: header, name, type, class, OPT.
pub const MAX_QUERY_LEN: usize = 12 + 255 + 4 + 11;
/// After the header and the length of the first label.
const AT: usize = dns::HEADER_LEN + 1;
const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// Keeps this use of the seed apart from the others.
const STREAM: u64 = 0x7374_616d_7000;
