//! A response as it is kept: a whole message and where its TTLs are.

use dns::{ExtendedError, Rcode, get_u16};

use crate::clock::Moment;

/// What kind of answer an entry is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Records of the type asked for.
    Positive,
    /// NXDOMAIN or NODATA (RFC 2308).
    Negative,
    /// The upstream failed (RFC 9520).
    Failure,
}

/// What is known about a response besides its octets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// What kind of answer it is.
    pub kind: Kind,
    /// The response code, extended bits included.
    pub rcode: Rcode,
    /// INFO-CODE of an Extended DNS Error that goes with it (RFC 8914).
    pub ede: Option<u16>,
    /// When it arrived; TTLs count from here.
    pub born: Moment,
    /// When the first of its TTLs is over; of a stale one, until when it is used
    /// without asking again.
    pub expires: Moment,
    /// Its TTL is over, and no upstream had an answer in time (RFC 8767).
    pub stale: bool,
    /// Of a failure that is kept: what failed.
    pub first: Option<FirstFailure>,
}

/// What failed when a failure was kept, as numbers: this module does not know what
/// they stand for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FirstFailure {
    /// The index of its origin.
    pub origin: u8,
    /// The number of the upstream.
    pub upstream: Option<u8>,
}

/// A composed response: compressed under its question, without OPT.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is known besides the octets.
    pub head: Head,
    /// Header, question and records; at most 65,535 octets.
    pub message: Vec<u8>,
    /// Offsets of the TTL fields, one for each record in order, as pairs of
    /// big-endian octets: the form they are stored in.
    pub ttls: Vec<u8>,
    /// EXTRA-TEXT that goes with [`Head::ede`]; at most 255 octets.
    pub text: Vec<u8>,
}

impl Entry {
    /// Borrows the entry.
    pub fn view(&self) -> EntryView<'_> {
        let Self { head, message, ttls, text } = self;
        EntryView { head: *head, message, ttls, text, refresh: false }
    }
}

/// An [`Entry`] where it lies in the cache.
#[derive(Clone, Copy, Debug)]
pub struct EntryView<'a> {
    /// What is known besides the octets.
    pub head: Head,
    /// Header, question and records.
    pub message: &'a [u8],
    /// Offsets of the TTL fields, in pairs of big-endian octets.
    pub ttls: &'a [u8],
    /// EXTRA-TEXT that goes with [`Head::ede`].
    pub text: &'a [u8],
    /// It is asked for often and expires soon: the finder is to ask for it anew.
    /// One look-up of each stored answer finds this.
    pub refresh: bool,
}

impl<'a> EntryView<'a> {
    /// Copies the entry.
    pub fn to_entry(&self) -> Entry {
        Entry {
            head: self.head,
            message: self.message.to_vec(),
            ttls: self.ttls.to_vec(),
            text: self.text.to_vec(),
        }
    }

    /// Returns the offset of the TTL field of each record, in order.
    pub fn ttl_offsets(&self) -> impl Iterator<Item = usize> + Clone + use<'a> {
        self.ttls
            .chunks_exact(2)
            .map(|pair| usize::from(get_u16(pair, 0).unwrap_or_default()))
    }

    /// Returns the Extended DNS Error that goes with it (RFC 8914).
    pub fn extended_error(&self) -> Option<ExtendedError<'a>> {
        let code = self.head.ede?;
        Some(ExtendedError { code, text: self.text })
    }
}
