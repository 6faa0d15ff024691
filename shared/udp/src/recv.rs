//! A batch of datagrams that were received.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use crate::LocalAddr;
use crate::storage::Storage;

/// Room for a batch of received datagrams, used again for each batch.
///
/// Filled by [`Socket::recv_batch`](crate::Socket::recv_batch).
#[derive(Debug)]
pub struct RecvBatch {
    storage: Storage,
    len: usize,
}

/// One received datagram, lent from its batch.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Its octets; cut at the buffer's end if it is `truncated`.
    pub bytes: &'a [u8],
    /// Who sent it.
    pub peer: SocketAddr,
    /// The address it was sent to, with [`Options::pktinfo`](crate::Options).
    pub local: Option<LocalAddr>,
    /// When the kernel received it, with
    /// [`Options::timestamps`](crate::Options).
    pub received: Option<SystemTime>,
    /// It was longer than the buffer, and the rest is lost.
    pub truncated: bool,
    /// With [`Options::gro`](crate::Options), when it is several datagrams in
    /// one: the octets of each but the last, which may be shorter.
    pub segment: Option<usize>,
}

impl<'a> Datagram<'a> {
    /// Goes through what the peer sent: the datagram itself, or each of those
    /// that the kernel handed over as one.
    pub fn segments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        let segment = self.segment.unwrap_or(bytes.len()).max(1);
        // An empty datagram is one too, though `chunks` has none of it.
        let empty = bytes.is_empty().then_some(bytes);
        bytes.chunks(segment).chain(empty)
    }
}

impl RecvBatch {
    /// Makes room for `capacity` datagrams (1 to 1024, the kernel's bound on
    /// one call) of `buffer` octets (1 to 65,535) each; a number outside is
    /// taken for the nearest inside.
    pub fn new(capacity: usize, buffer: usize) -> Self {
        Self { storage: Storage::new(capacity, buffer), len: 0 }
    }

    /// Returns how many datagrams the batch has room for.
    pub const fn capacity(&self) -> usize {
        self.storage.capacity()
    }

    /// Returns how many datagrams the last receive brought.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the last receive brought none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the datagram at `index`, in the order of arrival.
    pub fn get(&self, index: usize) -> Option<Datagram<'_>> {
        let Storage { slots, buffers, buffer_len, .. } = &self.storage;
        let slot = slots.get(..self.len)?.get(index)?;
        let buffer = buffers.get(index * buffer_len..)?;
        let about = slot.control.received();
        Some(Datagram {
            bytes: buffer.get(..slot.len)?,
            peer: slot.peer.addr()?,
            local: about.local,
            received: about.at,
            truncated: slot.truncated,
            segment: about.segment,
        })
    }

    /// Goes through the datagrams in the order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        (0..self.len).filter_map(|index| self.get(index))
    }

    pub(crate) fn receive(&mut self, fd: BorrowedFd<'_>, want: usize) -> io::Result<usize> {
        self.len = 0;
        let want = want.clamp(1, self.capacity());
        let Storage { headers, slots, buffers, buffer_len } = &mut self.storage;
        let slots = slots.get_mut(..want).unwrap_or_default();
        self.len = headers.receive(fd, slots, buffers, *buffer_len)?;
        Ok(self.len)
    }
}
