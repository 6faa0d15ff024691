//! Numbers in octets.

/// The two octets at a place, the highest first, as protocols have them.
pub(crate) fn short(octets: &[u8], at: usize) -> Option<u16> {
    octets
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u16::from_be_bytes)
}

/// The order of the octets in the numbers of a file: that of the machine that wrote it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    Big,
    Little,
}

impl Order {
    pub(crate) fn short(self, octets: &[u8], at: usize) -> Option<u16> {
        let number = short(octets, at)?;
        Some(if self == Self::Little { number.swap_bytes() } else { number })
    }

    pub(crate) fn long(self, octets: &[u8], at: usize) -> Option<u32> {
        let number = u32::from_be_bytes(*octets.get(at..)?.first_chunk()?);
        Some(if self == Self::Little { number.swap_bytes() } else { number })
    }

    /// The halves of 64 bits in the order of the file.
    pub(crate) fn longest(self, octets: &[u8], at: usize) -> Option<u64> {
        let number = u64::from_be_bytes(*octets.get(at..)?.first_chunk()?);
        Some(if self == Self::Little { number.swap_bytes() } else { number })
    }
}
