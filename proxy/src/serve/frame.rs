//! The frames of a connection: two octets of length, then a message
//! (RFC 1035, section 4.2.2).

use std::sync::{Arc, Mutex, PoisonError};

use dns::get_u16;

use resolver::QueryError;

/// What was received and not yet taken.
#[derive(Debug, Default)]
pub(super) struct Frames {
    octets: Vec<u8>,
    taken: usize,
}

impl Frames {
    /// Takes what was read.
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// Gives back the memory of what was taken, but for the room that one query
    /// needs: most of the time there is nothing to keep.
    pub(super) fn settle(&mut self) {
        self.octets.drain(..self.taken);
        self.taken = 0;
        self.octets.shrink_to(KEPT);
    }

    /// Takes the next message that is complete.
    ///
    /// A frame of length zero is an error: nothing can follow it that we would
    /// understand. One that is too long is an error as soon as its length is read,
    /// or each connection could hold 64 KiB of a message that never ends.
    pub(super) fn take(&mut self) -> Result<Option<&[u8]>, QueryError> {
        let rest = self.octets.get(self.taken..).unwrap_or_default();
        let Some(length) = get_u16(rest, 0).map(usize::from) else { return Ok(None) };
        if length == 0 {
            return Err(QueryError::ZeroLengthTcp);
        }
        if length > LONGEST {
            return Err(QueryError::TooLong);
        }
        let Some(message) = rest.get(LENGTH..LENGTH + length) else { return Ok(None) };
        self.taken += LENGTH + length;
        Ok(Some(message))
    }
}

/// Room for the longest message, in which each is written before it is framed, and
/// into which connections read.
///
/// One for all connections, which take turns on one thread: 64 KiB for each of
/// a thousand would be more than the cache, and clearing as much for each
/// answer cost more than the answer.
#[derive(Clone, Debug)]
pub(super) struct Draft(Arc<Mutex<Vec<u8>>>);

impl Draft {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(vec![0; usize::from(u16::MAX)])))
    }

    /// Appends a frame to `out` whose message `render` writes; nothing if that
    /// returns `None`.
    pub(super) fn append(
        &self,
        out: &mut Vec<u8>,
        render: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<()> {
        self.lend(|room| {
            let len = render(room)?;
            append(out, room.get(..len)?)
        })
    }

    /// Lends the room to read into: what is in it is of no use afterwards.
    pub(super) fn lend<T>(&self, work: impl FnOnce(&mut [u8]) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Appends a frame with this message to `out`.
pub(super) fn append(out: &mut Vec<u8>, message: &[u8]) -> Option<()> {
    let length = u16::try_from(message.len()).ok()?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(message);
    Some(())
}

/// Octets of the length.
const LENGTH: usize = 2;

/// Octets of the longest query: a name, an OPT and padding (RFC 7830) have a
/// quarter of it.
const LONGEST: usize = 4096;

/// Octets that a connection keeps for the next query: nearly all are shorter.
const KEPT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(frames: &mut Frames) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        while let Some(message) = frames.take().unwrap() {
            messages.push(message.to_vec());
        }
        messages
    }

    /// However the stream is cut, the same messages come out.
    #[test]
    fn messages_come_out_whole_wherever_the_stream_is_cut() {
        let stream = [0, 3, 1, 2, 3, 0, 1, 9, 0, 2, 7, 7];
        for cut in 0..=stream.len() {
            let mut frames = Frames::default();
            let mut messages = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                frames.push(part);
                messages.extend(taken(&mut frames));
                frames.settle();
            }
            assert_eq!(messages, [vec![1, 2, 3], vec![9], vec![7, 7]], "cut at {cut}");
            assert!(frames.octets.is_empty(), "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_of_nothing_is_an_error() {
        let mut frames = Frames::default();
        frames.push(&[0, 1, 5, 0, 0]);
        assert_eq!(frames.take(), Ok(Some(&[5][..])));
        assert_eq!(frames.take(), Err(QueryError::ZeroLengthTcp));
    }

    #[test]
    fn a_frame_that_is_too_long_is_an_error_before_it_is_whole() {
        let mut frames = Frames::default();
        frames.push(&[0x10, 0x00, 1]);
        assert_eq!(frames.take(), Ok(None));
        let mut frames = Frames::default();
        frames.push(&[0x10, 0x01, 1]);
        assert_eq!(frames.take(), Err(QueryError::TooLong));
    }

    #[test]
    fn memory_is_given_back_and_half_a_message_kept() {
        let mut frames = Frames::default();
        frames.push(&[&[0x10, 0][..], &[7; 4096], &[0, 9, 1]].concat());
        assert_eq!(frames.take().unwrap().map(<[u8]>::len), Some(4096));
        frames.settle();
        assert_eq!(frames.octets, [0, 9, 1]);
        assert!(frames.octets.capacity() < 1024, "{}", frames.octets.capacity());
    }

    #[test]
    fn a_frame_is_appended_whole_or_not_at_all() {
        let (draft, mut out) = (Draft::new(), vec![0xaa]);
        let two = |buffer: &mut [u8]| {
            buffer[..2].copy_from_slice(&[1, 2]);
            Some(2)
        };
        draft.append(&mut out, two).unwrap();
        assert_eq!(draft.append(&mut out, |_| None), None);
        append(&mut out, &[7]).unwrap();
        assert_eq!(out, [0xaa, 0, 2, 1, 2, 0, 1, 7]);
    }
}
