//! Records in the order of their answers, whichever thread gave them.

use resolver::Moment;

use super::batch::Batch;
use super::ring_buffer::Reader;

/// Reads the rings of all threads side by side, each time from the one whose
/// next record was answered first.
///
/// A resolver asks its next name once the last was answered, so the time of the
/// answer is what orders the names of a walk. Each ring is in that order by
/// itself. So records wait where they are until it is their turn: nothing is
/// sorted, and nothing copied before it is looked at.
#[derive(Debug)]
pub struct Merge {
    readers: Vec<Reader>,
    /// When the next record of each was answered, if there is one.
    heads: Vec<Option<Moment>>,
}

impl Merge {
    /// Takes the reading ends of all rings.
    pub fn new(readers: Vec<Reader>) -> Self {
        let heads = vec![None; readers.len()];
        Self { readers, heads }
    }

    /// Looks how far each ring is written, and returns the moment before which
    /// all that was answered can be read: a while before `now`, which is from
    /// before this look, but hardly before where a ring is half full.
    pub fn look(&mut self, now: Moment) -> Moment {
        let mut crowded = false;
        for (reader, head) in self.readers.iter_mut().zip(&mut self.heads) {
            reader.look();
            *head = reader.head();
            crowded |= reader.is_crowded();
        }
        let micros = if crowded { LEAST_TOLERANCE } else { TOLERANCE };
        Moment::from_micros(now.as_micros().saturating_sub(micros))
    }

    /// Fills `part` with the next records that were answered before `until`; it
    /// is empty if there are no more of them.
    pub fn fill(&mut self, part: &mut Batch, until: Moment) {
        part.clear();
        while !part.is_full()
            && let Some((first, next)) = self.first(until)
            && let Some(reader) = self.readers.get_mut(first)
            && let Some(head) = self.heads.get_mut(first)
        {
            // What a thread answered in one batch has one time.
            while head.is_some_and(|done| done < until && done <= next) && !part.is_full() {
                reader.read(part);
                *head = reader.head();
            }
        }
        self.readers.iter_mut().for_each(Reader::give_back);
    }

    /// Returns how many records found no room in their rings.
    pub fn missed(&self) -> u64 {
        self.readers.iter().map(Reader::missed).sum()
    }

    /// Finds the ring whose next record was answered first, if that was before
    /// `until`, and when the first of all others was.
    fn first(&self, until: Moment) -> Option<(usize, Moment)> {
        let mut first: Option<(usize, Moment)> = None;
        let mut next = until;
        for (at, head) in self.heads.iter().enumerate() {
            let Some(done) = *head else { continue };
            match first {
                Some((_, least)) if least <= done => next = next.min(done),
                _ => {
                    next = first.map_or(next, |(_, least)| next.min(least));
                    first = Some((at, done));
                }
            }
        }
        first
            .filter(|(_, done)| *done < until)
            .map(|(at, _)| (at, next))
    }
}

/// Microseconds that a thread may be late to note what it answered: it reads the
/// clock, and may lose its processor before it notes the record. For the names
/// of one walk nothing depends on it: a datagram is noted before it is sent, so
/// all that came before a query is in the rings before that query is.
const TOLERANCE: u64 = 50_000;

/// The same where waiting would cost records.
const LEAST_TOLERANCE: u64 = 5_000;

#[cfg(test)]
mod tests;
