//! Records on their way from the rings to the accounts.

use dns::wire::folded_word;

use super::record::{QueryEvent, Record};

/// Some records in a row, with their names: few enough to lie in the nearest
/// cache of the CPU.
#[derive(Debug)]
pub struct Batch {
    records: Vec<Held>,
    /// In words, each beginning with one.
    names: Vec<[u8; 8]>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    record: Record,
    name: (u32, u8),
}

impl Batch {
    /// Records that it holds at most: their memory is fetched side by side.
    pub const ROOM: usize = 32;

    /// Returns how many there are.
    pub const fn len(&self) -> usize {
        self.records.len()
    }

    /// Says whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Says whether there is no room for more.
    pub const fn is_full(&self) -> bool {
        self.records.len() >= Self::ROOM
    }

    /// Iterates over them in order.
    pub fn iter(&self) -> impl Iterator<Item = QueryEvent<'_>> {
        self.records.iter().map(|held| {
            let Held { record, name: (at, len) } = *held;
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let names = self.names.as_flattened();
            let qname = names.get(at..at.saturating_add(len.into()));
            QueryEvent { record, qname: qname.unwrap_or_default() }
        })
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.records.clear();
        self.names.clear();
    }

    /// Adds a record if there is room, and says whether there was.
    #[must_use]
    pub fn push(&mut self, seen: &QueryEvent<'_>) -> bool {
        if self.is_full() {
            return false;
        }
        let words = seen.qname.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word.iter_mut()
                .zip(chunk)
                .for_each(|(to, from)| *to = *from);
            word
        });
        self.put(seen.record, u8::try_from(seen.qname.len()).unwrap_or(u8::MAX), words);
        true
    }

    /// Adds a record, for which there is room, and its name of `len` octets in any
    /// case, which is in these words.
    pub(crate) fn put(
        &mut self,
        record: Record,
        len: u8,
        words: impl IntoIterator<Item = [u8; 8]>,
    ) {
        let at = self.names.as_flattened().len();
        self.names.extend(words.into_iter().map(folded_word));
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.records.push(Held { record, name: (at, len) });
    }
}

impl Default for Batch {
    fn default() -> Self {
        // Names are longer only where nobody looks them up by hand.
        Self { records: Vec::with_capacity(Self::ROOM), names: Vec::with_capacity(Self::ROOM * 8) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use resolver::Moment;

    use super::*;

    #[test]
    fn it_takes_no_more_than_it_holds() {
        let mut part = Batch::default();
        let peer = SocketAddr::from(([10, 0, 0, 1], 1000));
        let record = Record::unparsed(1, peer, Moment::default());
        let seen = QueryEvent { record, qname: b"\x09Long-Name\x03Abc\0" };
        assert!((0..Batch::ROOM).all(|_| part.push(&seen)));
        assert!(part.is_full() && !part.push(&seen));
        assert_eq!(part.len(), Batch::ROOM);
        assert!(
            part.iter()
                .all(|seen| seen.record == record && seen.qname == b"\x09long-name\x03abc\0")
        );
        part.clear();
        assert!(part.is_empty() && part.iter().next().is_none());
    }

    #[test]
    fn letters_alone_are_folded() {
        for octet in 0..=u8::MAX {
            let octets = [octet, 0xff, octet, 0, b'Z', octet, 0x7f, octet];
            assert_eq!(
                folded_word(octets),
                octets.map(|octet| octet.to_ascii_lowercase()),
                "{octet}"
            );
        }
    }
}
