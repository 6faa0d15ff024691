//! The way of records from one thread to the observer.
//!
//! One writer and one reader, words instead of octets: atomic words need no
//! `unsafe`, and an ordinary store of the compiler is all that a relaxed one
//! costs. A channel would allocate or lock, and have room for the longest name
//! in each place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::record::{Record, Seen, WORDS};

/// What writer and reader share.
#[derive(Debug)]
pub struct Ring {
    words: Box<[AtomicU64]>,
    /// Words ever written; the writer's.
    written: Line,
    /// Words ever read; the reader's.
    read: Line,
    /// Records for which there was no room; the writer's.
    missed: Line,
}

/// A number on a cache line of its own: two threads never write to the same.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// Leaves records.
#[derive(Debug)]
pub struct Writer {
    ring: Arc<Ring>,
    at: u64,
    /// What was read when it was last looked at: the reader's line is fetched
    /// once per lap instead of once per record.
    read: u64,
}

/// Takes records.
#[derive(Debug)]
pub struct Reader {
    ring: Arc<Ring>,
    at: u64,
}

impl Ring {
    /// Makes a ring of at least `octets`, and its two ends. At 150,000 queries
    /// a second of 40-octet names, a mebibyte holds 75 ms.
    pub fn pair(octets: usize) -> (Writer, Reader) {
        let words = (octets / 8).next_power_of_two().max(LONGEST * 2);
        let ring = Arc::new(Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            written: Line::default(),
            read: Line::default(),
            missed: Line::default(),
        });
        (Writer { ring: Arc::clone(&ring), at: 0, read: 0 }, Reader { ring, at: 0 })
    }

    fn word(&self, at: u64) -> Option<&AtomicU64> {
        let at = usize::try_from(at).unwrap_or_default() & (self.words.len() - 1);
        self.words.get(at)
    }

    fn put(&self, at: u64, word: u64) {
        if let Some(place) = self.word(at) {
            place.store(word, Ordering::Relaxed);
        }
    }

    fn get(&self, at: u64) -> u64 {
        self.word(at)
            .map_or(0, |place| place.load(Ordering::Relaxed))
    }
}

impl Writer {
    /// Leaves a record with its name in wire form, in any case. If there is no
    /// room, it is counted as missed.
    pub fn push(&mut self, record: &Record, qname: &[u8]) {
        // Longer names do not parse, so none is cut.
        let name_len = u8::try_from(qname.len()).unwrap_or(u8::MAX);
        let (chunks, tail) = qname.as_chunks::<8>();
        let words = WORDS + chunks.len() + usize::from(!tail.is_empty());
        if !self.has_room(words) {
            let missed = &self.ring.missed.0;
            missed.store(missed.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            return;
        }
        let mut at = self.at;
        for word in record.pack(name_len) {
            self.ring.put(at, word);
            at += 1;
        }
        for chunk in chunks {
            self.ring.put(at, u64::from_le_bytes(*chunk));
            at += 1;
        }
        if !tail.is_empty() {
            let mut last = [0; 8];
            last.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
            self.ring.put(at, u64::from_le_bytes(last));
            at += 1;
        }
        self.at = at;
        // The words have to be there before their number says so.
        self.ring.written.0.store(at, Ordering::Release);
    }

    fn has_room(&mut self, words: usize) -> bool {
        let capacity = self.ring.words.len();
        let fits = |read: u64, at: u64| {
            usize::try_from(at - read).is_ok_and(|used| used + words <= capacity)
        };
        if !fits(self.read, self.at) {
            self.read = self.ring.read.0.load(Ordering::Acquire);
        }
        fits(self.read, self.at)
    }
}

impl Reader {
    /// Takes what there is, at most `most` records, and returns how many.
    pub fn drain(&mut self, most: usize, mut take: impl FnMut(Seen<'_>)) -> usize {
        let written = self.ring.written.0.load(Ordering::Acquire);
        let mut name = [0; NAME_WORDS * 8];
        let mut taken = 0;
        while self.at < written && taken < most {
            let head = std::array::from_fn(|n| self.ring.get(self.at + n as u64));
            let (record, name_len) = Record::unpack(head);
            self.at += WORDS as u64;
            let words = name_len.div_ceil(8);
            for chunk in name.as_chunks_mut::<8>().0.iter_mut().take(words) {
                *chunk = self.ring.get(self.at).to_le_bytes();
                self.at += 1;
            }
            let qname = name.get_mut(..name_len).unwrap_or_default();
            // Length octets are below 64, so none of them is a letter.
            qname.make_ascii_lowercase();
            take(Seen { record, qname });
            taken += 1;
        }
        // The words are free once they were read.
        self.ring.read.0.store(self.at, Ordering::Release);
        taken
    }

    /// Returns how many records found no room.
    pub fn missed(&self) -> u64 {
        self.ring.missed.0.load(Ordering::Relaxed)
    }
}

/// 255 octets (RFC 1035, section 2.3.4) in words.
const NAME_WORDS: usize = 32;

/// Words of the longest record.
const LONGEST: usize = WORDS + NAME_WORDS;

#[cfg(test)]
mod tests;
