//! What an entry is found by.

use std::hash::{BuildHasher, Hash, Hasher};

use dns::{Class, Flags, Name, Rtype};
use foldhash::quality::RandomState;

use crate::query::{Query, Retained};

/// An owned key: everything an answer depends on.
///
/// DO and CD belong to it, as an upstream answers differently to them.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The qname in lower case.
    pub qname: Name,
    /// The type asked for.
    pub qtype: Rtype,
    /// The class asked for.
    pub qclass: Class,
    /// DNSSEC records were asked for.
    pub dnssec_ok: bool,
    /// The client validates by itself.
    pub checking_disabled: bool,
    /// Of all the above, by the [`KeyHasher`] of the process.
    pub hash: u64,
}

impl Key {
    /// Returns the key of a query.
    pub fn of(query: &Query<'_>, hasher: &KeyHasher) -> Self {
        Self::with_hash(&query.retain(), KeyView::of(query, hasher).hash)
    }

    /// Returns the key of a query whose [`KeyView`] had this hash.
    pub fn with_hash(query: &Retained, hash: u64) -> Self {
        let view = KeyView::with_hash(&query.as_query(), hash);
        Self {
            qname: query.qname.folded(),
            qtype: view.qtype,
            qclass: view.qclass,
            dnssec_ok: view.dnssec_ok,
            checking_disabled: view.checking_disabled,
            hash,
        }
    }

    /// Borrows the key.
    pub fn view(&self) -> KeyView<'_> {
        KeyView {
            qname: self.qname.as_wire(),
            qtype: self.qtype,
            qclass: self.qclass,
            dnssec_ok: self.dnssec_ok,
            checking_disabled: self.checking_disabled,
            hash: self.hash,
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.view().matches(&other.view())
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// A key that borrows its name from the query, in whatever case: a hit needs
/// no copy of 256 octets.
#[derive(Clone, Copy, Debug)]
pub struct KeyView<'a> {
    /// The qname, any case.
    pub qname: &'a [u8],
    /// The type asked for.
    pub qtype: Rtype,
    /// The class asked for.
    pub qclass: Class,
    /// DNSSEC records were asked for.
    pub dnssec_ok: bool,
    /// The client validates by itself.
    pub checking_disabled: bool,
    /// Of all the above, the name folded.
    pub hash: u64,
}

impl<'a> KeyView<'a> {
    /// A key that nothing is stored under; fills arrays.
    pub const NONE: Self = Self {
        qname: &[],
        qtype: Rtype(0),
        qclass: Class(0),
        dnssec_ok: false,
        checking_disabled: false,
        hash: 0,
    };

    /// Returns the key of a query.
    pub fn of(query: &Query<'a>, hasher: &KeyHasher) -> Self {
        let key = Self::with_hash(query, 0);
        Self { hash: hasher.hash(&key), ..key }
    }

    /// Returns the key of a query of which this hash was taken before.
    pub fn with_hash(query: &Query<'a>, hash: u64) -> Self {
        Self {
            qname: query.question.qname,
            qtype: query.question.qtype,
            qclass: query.question.qclass,
            dnssec_ok: query.dnssec_ok(),
            checking_disabled: query.flags.has(Flags::CD),
            hash,
        }
    }

    /// Returns whether both find the same entry.
    pub fn matches(&self, other: &KeyView<'_>) -> bool {
        self.hash == other.hash
            && self.qtype == other.qtype
            && self.qclass == other.qclass
            && self.bits() == other.bits()
            && self.qname.eq_ignore_ascii_case(other.qname)
    }

    /// Returns DO and CD as one octet.
    pub(super) fn bits(&self) -> u8 {
        u8::from(self.dnssec_ok) | u8::from(self.checking_disabled) << 1
    }
}

/// Hashes keys, seeded per process: no client can aim at one shard.
#[derive(Clone, Debug, Default)]
pub struct KeyHasher(RandomState);

impl KeyHasher {
    pub(super) fn hash(&self, key: &KeyView<'_>) -> u64 {
        let mut hasher = self.0.build_hasher();
        // Piece by piece: a folded copy of the whole would be a buffer that is
        // cleared first. Length octets are below 64, so none of them is a letter.
        let (pieces, rest) = key.qname.as_chunks::<16>();
        for piece in pieces {
            hasher.write_u128(folded(*piece));
        }
        if !rest.is_empty() {
            // The last piece of a longer name overlaps the one before it.
            let last = key.qname.last_chunk().copied();
            hasher.write_u128(folded(last.unwrap_or_else(|| padded(rest))));
        }
        let [t1, t2] = key.qtype.0.to_be_bytes();
        let [c1, c2] = key.qclass.0.to_be_bytes();
        // The length keeps apart what differs only in the zeros behind it.
        let len = u8::try_from(key.qname.len()).unwrap_or(u8::MAX);
        hasher.write_u64(u64::from_be_bytes([0, 0, len, key.bits(), c1, c2, t1, t2]));
        hasher.finish()
    }
}

fn padded(octets: &[u8]) -> [u8; 16] {
    let mut piece = [0; 16];
    piece
        .iter_mut()
        .zip(octets)
        .for_each(|(to, from)| *to = *from);
    piece
}

const fn folded(mut octets: [u8; 16]) -> u128 {
    octets.make_ascii_lowercase();
    u128::from_le_bytes(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retained(name: &str, flags: u16, qtype: Rtype) -> Retained {
        Retained {
            id: 1,
            flags: Flags(flags),
            qname: Name::from_text(name).unwrap(),
            qtype,
            qclass: Class::IN,
            edns: None,
        }
    }

    #[test]
    fn case_does_not_matter_and_everything_else_does() {
        let hasher = KeyHasher::default();
        let key = |query: Retained| Key::of(&query.as_query(), &hasher);
        let base = key(retained("www.example.", 0, Rtype::A));
        assert_eq!(base, key(retained("WwW.eXample.", Flags::RD, Rtype::A)));
        let opt =
            dns::Opt { udp_payload_size: 1232, extended_rcode: 0, version: 0, dnssec_ok: true };
        for other in [
            retained("www.example.", 0, Rtype::AAAA),
            retained("ww.example.", 0, Rtype::A),
            retained("www.example.", Flags::CD, Rtype::A),
            Retained { edns: Some(opt), ..retained("www.example.", 0, Rtype::A) },
        ] {
            assert_ne!(base, key(other), "{other:?}");
        }
    }
}
