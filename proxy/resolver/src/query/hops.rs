//! Our own EDNS option: which proxies a question has passed.

use dns::{Opt, get_u16, put_octets, put_u16};

/// The proxies that a question has passed, each by its mark of the question.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Hops {
    len: usize,
    ids: [u64; Self::MAX],
}

impl Hops {
    /// Proxies of one question: more in a row than any cluster has.
    pub const MAX: usize = 4;

    /// The option's code, from the range for local use (RFC 6891, section 9).
    pub const OPTION: u16 = 65_053;

    /// Octets of the longest option.
    pub const MAX_LEN: usize = 4 + 8 * Self::MAX;

    /// Reads them from the options of a query; none where they have another
    /// form than ours.
    pub fn of(options: &[u8]) -> Self {
        let mut hops = Self::default();
        let Some(octets) = Opt::option(options, Self::OPTION) else { return hops };
        let (ids, rest) = octets.as_chunks::<8>();
        if rest.is_empty() {
            for (place, id) in hops.ids.iter_mut().zip(ids) {
                *place = u64::from_be_bytes(*id);
                hops.len += 1;
            }
        }
        hops
    }

    /// The marks, the first proxy's first.
    pub fn ids(&self) -> &[u64] {
        self.ids.get(..self.len).unwrap_or_default()
    }

    /// Adds one; the first gives way if there is no room.
    #[must_use]
    pub fn with(mut self, id: u64) -> Self {
        if self.len >= Self::MAX {
            self.ids.rotate_left(1);
            self.len = Self::MAX - 1;
        }
        if let Some(place) = self.ids.get_mut(self.len) {
            *place = id;
            self.len += 1;
        }
        self
    }

    /// Appends the option to an OPT record without any, which is at the start
    /// of `out`; returns the octets of both.
    pub fn append(&self, out: &mut [u8]) -> Option<usize> {
        let len = u16::try_from(8 * self.len).ok()?;
        debug_assert_eq!(get_u16(out, Opt::LEN - 2), Some(0), "an OPT without options");
        put_u16(out, Opt::LEN - 2, len + 4)?;
        put_u16(out, Opt::LEN, Self::OPTION)?;
        put_u16(out, Opt::LEN + 2, len)?;
        let mut at = Opt::LEN + 4;
        for id in self.ids() {
            put_octets(out, at, &id.to_be_bytes())?;
            at += 8;
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(octets: &[u8]) -> Vec<u8> {
        let len = u16::try_from(octets.len()).unwrap();
        [&[0, 10, 0, 1, 7][..], &Hops::OPTION.to_be_bytes(), &len.to_be_bytes(), octets].concat()
    }

    #[test]
    fn hops_are_read_as_they_are_written() {
        let opt = Opt { udp_payload_size: 1232, extended_rcode: 0, version: 0, dnssec_ok: false };
        let mut hops = Hops::default();
        for id in [7, u64::MAX, 9, 1, 2] {
            hops = hops.with(id);
            let mut out = [0; Opt::LEN + Hops::MAX_LEN];
            opt.patch(&mut out, None).unwrap();
            let len = hops.append(&mut out).unwrap();
            assert_eq!(Hops::of(&out[Opt::LEN..len]), hops);
        }
        assert_eq!(hops.ids(), [u64::MAX, 9, 1, 2]);
    }

    #[test]
    fn what_others_write_there_is_none() {
        for octets in [&[][..], &[1], &[0; 15]] {
            assert_eq!(Hops::of(&options(octets)), Hops::default());
        }
        assert_eq!(Hops::of(&options(&[0; 64])).ids(), [0; 4]);
        assert_eq!(Hops::of(&[0, 10, 0, 9, 1]), Hops::default());
    }
}
