//! The way of records from one thread to the observer.
//!
//! One writer and one reader, words instead of octets: atomic words need no
//! `unsafe`, and an ordinary store of the compiler is all that a relaxed one
//! costs. A channel would allocate or lock, and have room for the longest name
//! in each place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use resolver::Moment;

use super::batch::Batch;
use super::record::{DONE, Record, WORDS};

/// What writer and reader share.
#[derive(Debug)]
pub struct RingBuffer {
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
    ring: Arc<RingBuffer>,
    at: u64,
    /// What was read when it was last looked at: the reader's line is fetched
    /// once per lap instead of once per record.
    read: u64,
}

/// Takes records.
#[derive(Debug)]
pub struct Reader {
    ring: Arc<RingBuffer>,
    at: u64,
    /// How far it was written at the last look.
    written: u64,
}

impl RingBuffer {
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
        (Writer { ring: Arc::clone(&ring), at: 0, read: 0 }, Reader { ring, at: 0, written: 0 })
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
    /// Looks how far the ring is written: what comes later is not read before
    /// the next look.
    pub fn look(&mut self) {
        self.written = self.ring.written.0.load(Ordering::Acquire);
    }

    /// Returns when the next record was answered, if there is one.
    pub fn head(&self) -> Option<Moment> {
        (self.at < self.written).then(|| {
            let [arrived, took] = DONE.map(|word| self.ring.get(self.at + word));
            Moment::from_micros(arrived.saturating_add(took))
        })
    }

    /// Says whether it was at least half full at the last look.
    pub fn is_crowded(&self) -> bool {
        let used = usize::try_from(self.written - self.at);
        used.is_ok_and(|used| used >= self.ring.words.len() / 2)
    }

    /// Adds the next record to `part`, if there is one.
    pub fn read(&mut self, part: &mut Batch) {
        if self.at >= self.written {
            return;
        }
        let head = std::array::from_fn(|n| self.ring.get(self.at + n as u64));
        let (record, name_len) = Record::unpack(head);
        let start = self.at + WORDS as u64;
        let words = u64::from(name_len.div_ceil(8));
        let name = (start..start + words).map(|at| self.ring.get(at).to_le_bytes());
        part.put(record, name_len, name);
        self.at = start + words;
    }

    /// Gives the room of what was read back to the writer.
    pub fn give_back(&mut self) {
        self.ring.read.0.store(self.at, Ordering::Release);
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
