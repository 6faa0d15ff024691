//! Datagrams of one length for one peer, which the kernel takes as one and
//! cuts apart late (UDP generic segmentation offload, `UDP_SEGMENT`,
//! Linux 4.18; udp(7)).
//!
//! On the wire, or in the receiver's queue, they are what single sends would
//! have made; the way through the socket layer is taken once for all of them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use crate::SendReport;
use crate::control::Control;
use crate::send::is_fatal;
use crate::sockaddr::SockAddr;
use crate::sys::{self, Slot};

/// Up to 64 datagrams that leave by one `sendmsg`, used again for each.
///
/// All have the length of the first; one that is shorter ends the batch.
#[derive(Debug)]
pub struct SegmentedBatch {
    octets: Vec<u8>,
    /// Where the last datagram ends.
    end: usize,
    /// Octets of the first datagram.
    segment: usize,
    count: usize,
}

impl SegmentedBatch {
    /// Makes room for a batch; the system backs it with memory as it is used.
    pub fn new() -> Self {
        Self { octets: vec![0; MAX_OCTETS], end: 0, segment: 0, count: 0 }
    }

    /// Returns how many datagrams are queued.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Returns whether nothing is queued.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns whether no datagram of the first one's length has room.
    pub const fn is_full(&self) -> bool {
        !self.is_empty() && !self.takes(self.segment)
    }

    /// Returns the buffer of the next datagram, of exactly `len` octets, to be
    /// written to and then [committed](Self::commit). `None` when the batch
    /// cannot take it: it is full or ended, or `len` is zero or more than the
    /// first datagram's.
    pub fn next_buffer(&mut self, len: usize) -> Option<&mut [u8]> {
        if !self.takes(len) {
            return None;
        }
        self.octets.get_mut(self.end..self.end + len)
    }

    /// Queues what was written to [`next_buffer`](Self::next_buffer) of `len`;
    /// a length that would have had no buffer is not taken.
    pub const fn commit(&mut self, len: usize) {
        if !self.takes(len) {
            return;
        }
        if self.count == 0 {
            self.segment = len;
        }
        self.end += len;
        self.count += 1;
    }

    /// Queues a copy of `bytes`; returns false when the batch cannot take it.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let Some(buffer) = self.next_buffer(bytes.len()) else { return false };
        buffer.copy_from_slice(bytes);
        self.commit(bytes.len());
        true
    }

    /// Goes through the datagrams that are queued.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.queued().chunks(self.segment.max(1))
    }

    /// Forgets what is queued.
    pub const fn clear(&mut self) {
        (self.end, self.count) = (0, 0);
    }

    /// Sends all, or none.
    pub(crate) fn send(
        &self,
        fd: BorrowedFd<'_>,
        peer: Option<SocketAddr>,
    ) -> io::Result<SendReport> {
        let mut report = SendReport::default();
        let slot = Slot {
            peer: peer.map_or(SockAddr::NONE, SockAddr::new),
            control: if self.count > 1 { self.control() } else { Control::EMPTY },
            ..Slot::EMPTY
        };
        while !self.is_empty() {
            let Err(error) = sys::send_slot(fd, self.queued(), &slot) else {
                report.sent = self.count;
                break;
            };
            // News of an earlier datagram: this batch has not been tried yet.
            // A peer that refuses as fast as we send must not keep us here.
            if error.kind() == io::ErrorKind::ConnectionRefused && report.refused < MAX_REFUSALS {
                report.refused += 1;
                continue;
            }
            if is_fatal(&error) {
                return Err(error);
            }
            report.first_errno = error.raw_os_error();
            report.failed = self.count;
            break;
        }
        Ok(report)
    }

    const fn takes(&self, len: usize) -> bool {
        let is_ended = self.end < self.count * self.segment;
        let fits = self.end + len <= MAX_OCTETS && self.count < MAX_SEGMENTS;
        len > 0 && fits && !is_ended && (self.count == 0 || len <= self.segment)
    }

    fn queued(&self) -> &[u8] {
        self.octets.get(..self.end).unwrap_or_default()
    }

    fn control(&self) -> Control {
        Control::segment(u16::try_from(self.segment).unwrap_or(u16::MAX))
    }
}

impl Default for SegmentedBatch {
    fn default() -> Self {
        Self::new()
    }
}

/// The kernel's `UDP_MAX_SEGMENTS` up to Linux 6.8; later ones take 128.
const MAX_SEGMENTS: usize = 64;

/// What one IPv4 packet holds beside its headers, and so one `sendmsg`.
const MAX_OCTETS: usize = 65_507;

/// Refusals of earlier datagrams that one send reads past.
const MAX_REFUSALS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lengths: &[usize]) -> (SegmentedBatch, Vec<bool>) {
        let mut batch = SegmentedBatch::new();
        let taken = lengths
            .iter()
            .map(|&len| batch.push(&vec![b'x'; len]))
            .collect();
        (batch, taken)
    }

    #[test]
    fn only_the_last_may_be_shorter() {
        let (batch, taken) = of(&[5, 5, 6, 0, 3, 3, 5]);
        assert_eq!(taken, [true, true, false, false, true, false, false]);
        let lengths: Vec<_> = batch.iter().map(<[u8]>::len).collect();
        assert_eq!(lengths, [5, 5, 3]);
        assert!(batch.is_full());
    }

    #[test]
    fn segments_and_octets_are_bounded() {
        let (batch, taken) = of(&[10; 65]);
        assert_eq!((batch.len(), taken.last()), (64, Some(&false)));
        assert!(batch.is_full());
        let (batch, taken) = of(&[30_000, 30_000, 5_508, 5_507]);
        assert_eq!(taken, [true, true, false, true]);
        assert_eq!(batch.iter().map(<[u8]>::len).sum::<usize>(), 65_507);
    }

    #[test]
    fn a_cleared_batch_takes_another_length() {
        let (mut batch, _) = of(&[5, 4]);
        batch.clear();
        assert!(batch.is_empty() && !batch.is_full());
        assert!(batch.push(b"longer than before"));
        assert_eq!(batch.iter().count(), 1);
    }
}
