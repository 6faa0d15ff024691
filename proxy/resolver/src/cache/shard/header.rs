//! The header of an entry in a log: everything about it but the message.

use std::time::Duration;

use dns::{ExtendedError, Rcode};

use super::UNIT;
use crate::cache::entry::{EntryView, FirstFailure, Head, Kind};
use crate::cache::key::KeyView;
use crate::clock::Moment;

/// The fixed octets before each entry in a log.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntryHeader {
    pub(super) hash: u64,
    pub(super) head: Head,
    pub(super) message_len: u16,
    pub(super) ttls: u16,
    pub(super) text_len: u8,
    /// DO and CD of the key.
    bits: u8,
    /// Look-ups since it last passed the tail, up to [`OFTEN`].
    uses: u8,
    /// A look-up has found that it is to be asked for anew.
    refreshing: bool,
}

impl EntryHeader {
    /// Octets before the message.
    pub(super) const LEN: usize = 40;

    /// `None` for messages that can not be.
    pub(super) fn new(key: &KeyView<'_>, entry: &EntryView<'_>) -> Option<Self> {
        Some(Self {
            hash: key.hash,
            head: entry.head,
            message_len: u16::try_from(entry.message.len())
                .ok()
                .filter(|&len| len > 0)?,
            ttls: u16::try_from(entry.ttls.len() / 2).ok()?,
            text_len: u8::try_from(entry.text.len()).ok()?,
            bits: key.bits(),
            uses: 0,
            refreshing: false,
        })
    }

    pub(super) fn size(&self) -> usize {
        let octets = Self::LEN + usize::from(self.message_len) + usize::from(self.ttls) * 2;
        (octets + usize::from(self.text_len)).next_multiple_of(UNIT)
    }

    pub(super) fn is_negative(&self) -> bool {
        self.head.kind == Kind::Negative
    }

    /// Returns whether it is for queries with DO, and with CD.
    pub(super) const fn options(&self) -> [bool; 2] {
        [self.bits & 1 != 0, self.bits & 2 != 0]
    }

    /// Returns whether it was looked up since it last passed the tail.
    pub(super) const fn used(&self) -> bool {
        self.uses > 0
    }

    /// Returns whether it may be used at `now`, as it is or stale.
    pub(super) fn is_usable(&self, now: Moment, max_stale: Duration) -> bool {
        self.head.expires > now
            || self.head.kind != Kind::Failure && now < self.head.born + max_stale
    }

    /// Returns whether a name that is asked for again and again should be asked for
    /// anew before it expires: in the last eighth to sixteenth of its time. Which
    /// part, its hash decides, so that names that were stored together are not all
    /// asked for together.
    pub(super) fn wants_refresh(&self, now: Moment) -> bool {
        if self.uses < OFTEN || self.refreshing || self.head.stale {
            return false;
        }
        let life = self.head.expires.saturating_since(self.head.born);
        let spread = u32::from(self.hash.to_be_bytes()[0]);
        let lead = life / 16 + life / (16 * 256) * spread;
        self.head.kind != Kind::Failure
            && life >= WORTH_A_REFRESH
            && self.head.expires.saturating_since(now) <= lead
    }

    /// Writes header and entry.
    pub(super) fn write(&self, place: &mut [u8], entry: &EntryView<'_>) -> Option<()> {
        let kind = match self.head.kind {
            Kind::Positive => 0,
            Kind::Negative => 1,
            Kind::Failure => 2,
        };
        let ede = self.head.ede.unwrap_or(NO_EDE);
        let first = self
            .head
            .first
            .map_or([NONE; 2], |first| [first.origin, first.upstream.unwrap_or(NONE)]);
        dns::put_u16(place, 0, self.message_len)?;
        dns::put_u16(place, 2, self.ttls)?;
        dns::put_octets(place, 4, &[kind, self.bits, self.uses, self.text_len])?;
        dns::put_octets(place, 8, &self.hash.to_be_bytes())?;
        dns::put_octets(place, 16, &self.head.born.as_micros().to_be_bytes())?;
        dns::put_octets(place, 24, &self.head.expires.as_micros().to_be_bytes())?;
        dns::put_u16(place, 32, self.head.rcode.0)?;
        dns::put_u16(place, 34, ede)?;
        dns::put_octets(place, 36, &first)?;
        dns::put_octets(place, Self::LEN, entry.message)?;
        let ttls = Self::LEN + entry.message.len();
        dns::put_octets(place, ttls, entry.ttls)?;
        dns::put_octets(place, ttls + entry.ttls.len(), entry.text)
    }

    /// Reads the header at the start of `place`; `None` for a hole.
    pub(super) fn read(place: &[u8]) -> Option<Self> {
        let message_len = dns::get_u16(place, 0).filter(|&len| len > 0)?;
        let place = place.get(..Self::LEN)?;
        let &[kind, bits, uses, text_len] = place.get(4..8)? else { return None };
        let stale = kind & STALE != 0;
        let kind = match kind & !STALE {
            0 => Kind::Positive,
            1 => Kind::Negative,
            _ => Kind::Failure,
        };
        let &[origin, upstream] = place.get(36..38)? else { return None };
        let upstream = (upstream != NONE).then_some(upstream);
        let head = Head {
            kind,
            rcode: Rcode(dns::get_u16(place, 32)?),
            ede: dns::get_u16(place, 34).filter(|&ede| ede != NO_EDE),
            born: Moment::from_micros(read_u64(place, 16)?),
            expires: Moment::from_micros(read_u64(place, 24)?),
            stale,
            first: (origin != NONE).then_some(FirstFailure { origin, upstream }),
        };
        let (hash, ttls) = (read_u64(place, 8)?, dns::get_u16(place, 2)?);
        let (uses, refreshing) = (uses & !REFRESHING, uses & REFRESHING != 0);
        Some(Self { hash, head, message_len, ttls, text_len, bits, uses, refreshing })
    }
}

fn read_u64(octets: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(octets.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// Returns whether the entry at the start of `place` is kept under a key of this
/// hash and these bits, without reading the rest of its header.
pub(super) fn is_of(place: &[u8], hash: u64, bits: u8) -> bool {
    read_u64(place, HASH_AT) == Some(hash) && place.get(BITS_AT) == Some(&bits)
}

/// Reads the hash of the entry at `at`.
pub(super) fn hash(octets: &[u8], at: usize) -> Option<u64> {
    read_u64(octets, at + HASH_AT)
}

/// Counts a look-up of the entry at the start of `place`.
pub(super) fn mark_used(place: &mut [u8]) {
    // Beyond that nothing is written: a write would take the cache line from
    // other threads.
    if let Some(mark) = place.get_mut(USES_AT)
        && *mark & !REFRESHING < OFTEN
    {
        *mark += 1;
    }
}

/// Begins to count anew.
pub(super) fn mark_unused(place: &mut [u8]) {
    if let Some(mark) = place.get_mut(USES_AT) {
        *mark &= REFRESHING;
    }
}

/// Notes that the entry at the start of `place` is being asked for anew.
pub(super) fn mark_refreshing(place: &mut [u8]) {
    if let Some(mark) = place.get_mut(USES_AT) {
        *mark |= REFRESHING;
    }
}

/// Makes the entry at the start of `place`, of which `head` is known, a stale one
/// that is used until `until`, and returns what is known of it then.
pub(super) fn mark_stale(place: &mut [u8], head: Head, until: Moment) -> Option<Head> {
    let code = match head.rcode {
        Rcode::NXDOMAIN => ExtendedError::STALE_NXDOMAIN_ANSWER,
        _ => ExtendedError::STALE_ANSWER,
    };
    *place.get_mut(KIND_AT)? |= STALE;
    dns::put_octets(place, 24, &until.as_micros().to_be_bytes())?;
    dns::put_u16(place, 34, code)?;
    Some(Head { ede: Some(code), expires: until, stale: true, ..head })
}

/// Marks the entry at the start of `place`, which the index no longer leads to,
/// as one that is not negative.
pub(super) fn mark_positive(place: &mut [u8]) {
    if let Some(kind) = place.get_mut(KIND_AT) {
        *kind &= STALE;
    }
}

/// Makes a hole of `place`, which may be shorter than a header: it is known by
/// its first octets.
pub(super) fn mark_hole(place: &mut [u8]) {
    place.iter_mut().take(UNIT).for_each(|octet| *octet = 0);
}

/// Look-ups that make a name one that is asked for often.
const OFTEN: u8 = 3;

/// An answer that is gone sooner would be asked for all the time: CoreDNS gives those
/// of the cluster 5 s, or 30.
const WORTH_A_REFRESH: Duration = Duration::from_secs(5);

/// Beside the count of look-ups, and beside the kind.
const REFRESHING: u8 = 0x80;
const STALE: u8 = 0x80;

/// Where in a header the kind, the bits, the count of uses and the hash are.
const KIND_AT: usize = 4;
const BITS_AT: usize = 5;
const USES_AT: usize = 6;
const HASH_AT: usize = 8;

/// Stands for no origin, and for no upstream: there are fewer of both.
const NONE: u8 = u8::MAX;

/// Stands for no Extended DNS Error; private use ends below it (RFC 8914).
const NO_EDE: u16 = u16::MAX;
