//! A batch of datagrams to be sent.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use crate::LocalAddr;
use crate::control::Control;
use crate::sockaddr::SockAddr;
use crate::storage::Storage;
use crate::sys::Slot;

/// A queue of datagrams that leave together, used again for each batch.
///
/// ```
/// # use std::net::SocketAddr;
/// # fn render(buffer: &mut [u8]) -> usize { buffer[..3].copy_from_slice(b"hey"); 3 }
/// # let peer: SocketAddr = ([127, 0, 0, 1], 53).into();
/// let mut batch = udp::SendBatch::new(32, 1232);
/// if let Some(buffer) = batch.next_buffer() {
///     let len = render(buffer);
///     batch.commit(len, Some(peer), None);
/// }
/// assert_eq!(batch.len(), 1);
/// ```
#[derive(Debug)]
pub struct SendBatch {
    storage: Storage,
    len: usize,
    /// As long as the batch from the start, so that a send allocates nothing.
    failures: Vec<SendFailure>,
}

/// A datagram of the last batch that did not leave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SendFailure {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// The system's error number, such as `libc::EPERM`.
    pub errno: i32,
}

/// A datagram that could not be sent.
#[derive(Clone, Copy, Debug)]
pub struct Unsent<'a> {
    /// Its octets.
    pub octets: &'a [u8],
    /// Who was to have it; `None` on a connected socket.
    pub peer: Option<SocketAddr>,
    /// The system's error number.
    pub errno: i32,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SendReport {
    /// Datagrams that left.
    pub sent: usize,
    /// Datagrams that could not be sent, and are gone.
    pub failed: usize,
    /// The system's error number (`libc::EPERM` and so on) of the first that
    /// failed.
    pub first_errno: Option<i32>,
    /// How often a send met the news that the peer had refused an earlier
    /// datagram (ICMP port unreachable). The kernel reports this once, to the
    /// call that comes next, so no receive will report it again. The send is
    /// repeated: no datagram is lost by it.
    pub refused: usize,
}

impl SendReport {
    /// Returns what kind of error the first failure was.
    pub fn first_error(&self) -> Option<io::ErrorKind> {
        self.first_errno
            .map(|errno| io::Error::from_raw_os_error(errno).kind())
    }
}

impl SendBatch {
    /// Makes room for `capacity` datagrams (1 to 1024, the kernel's bound on
    /// one call) of `buffer` octets (1 to 65,535) each; a number outside is
    /// taken for the nearest inside.
    pub fn new(capacity: usize, buffer: usize) -> Self {
        let storage = Storage::new(capacity, buffer);
        let failures = Vec::with_capacity(storage.capacity());
        Self { storage, len: 0, failures }
    }

    /// Returns which datagrams of the last send did not leave, and why, in the
    /// order of the batch.
    pub fn failures(&self) -> &[SendFailure] {
        &self.failures
    }

    /// Returns the octets and the peers of those, until others are queued.
    pub fn unsent(&self) -> impl Iterator<Item = Unsent<'_>> {
        let Storage { slots, buffers, buffer_len, .. } = &self.storage;
        self.failures
            .iter()
            .filter_map(|SendFailure { index, errno }| {
                let slot = slots.get(*index)?;
                let octets = buffers.chunks_exact(*buffer_len).nth(*index)?;
                let octets = octets.get(..slot.len)?;
                Some(Unsent { octets, peer: slot.peer.addr(), errno: *errno })
            })
    }

    /// Returns how many datagrams the batch has room for.
    pub const fn capacity(&self) -> usize {
        self.storage.capacity()
    }

    /// Returns how many datagrams are queued.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether nothing is queued.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns whether there is no room left.
    pub const fn is_full(&self) -> bool {
        self.len == self.storage.capacity()
    }

    /// Forgets what is queued.
    pub const fn clear(&mut self) {
        self.len = 0;
    }

    /// Returns the buffer of the next datagram, to be written to and then
    /// [committed](Self::commit); `None` when the batch is full. It holds what
    /// was there before.
    pub fn next_buffer(&mut self) -> Option<&mut [u8]> {
        if self.is_full() {
            return None;
        }
        let Storage { buffers, buffer_len, .. } = &mut self.storage;
        buffers.chunks_exact_mut(*buffer_len).nth(self.len)
    }

    /// Queues the first `len` octets of [`next_buffer`](Self::next_buffer), to
    /// `peer` (`None` on a connected socket) and, if given, from `local`.
    ///
    /// A full batch takes nothing, and `len` ends at the buffer's end.
    pub fn commit(&mut self, len: usize, peer: Option<SocketAddr>, local: Option<LocalAddr>) {
        let Storage { slots, buffer_len, .. } = &mut self.storage;
        debug_assert!(len <= *buffer_len, "{len} octets in {buffer_len}");
        if let Some(slot) = slots.get_mut(self.len) {
            slot.len = len.min(*buffer_len);
            slot.peer = peer.map_or(SockAddr::NONE, SockAddr::new);
            slot.control = local.map_or(Control::EMPTY, Control::from);
            self.len += 1;
        }
    }

    /// Queues a copy of `bytes`. Returns false, and queues nothing, when the
    /// batch is full or `bytes` are more than its buffers hold.
    pub fn push(
        &mut self,
        bytes: &[u8],
        peer: Option<SocketAddr>,
        local: Option<LocalAddr>,
    ) -> bool {
        let buffer = self
            .next_buffer()
            .and_then(|buffer| buffer.get_mut(..bytes.len()));
        let Some(buffer) = buffer else { return false };
        buffer.copy_from_slice(bytes);
        self.commit(bytes.len(), peer, local);
        true
    }

    pub(crate) fn send(&mut self, fd: BorrowedFd<'_>) -> io::Result<SendReport> {
        let mut report = SendReport::default();
        self.failures.clear();
        let result = self.send_from(fd, &mut report);
        self.clear();
        result.map(|()| report)
    }

    /// `sendmmsg` stops at the first datagram that fails, and returns how many
    /// went before it. The next call begins with that one: it fails again and
    /// says why, or it leaves, if what stopped it was a pending refusal, of
    /// which the kernel then says nothing more.
    fn send_from(&mut self, fd: BorrowedFd<'_>, report: &mut SendReport) -> io::Result<()> {
        let Storage { headers, slots, buffers, buffer_len } = &mut self.storage;
        let mut at = 0;
        let mut stopped = false;
        // A peer that refuses as fast as we send must not keep us here.
        let mut retries_left = self.len;
        while at < self.len {
            let slots = slots.get(at..self.len).unwrap_or_default();
            let buffers = buffers.get(at * *buffer_len..).unwrap_or_default();
            let error = match headers.send(fd, slots, buffers, *buffer_len) {
                Ok(sent) => {
                    report.refused += usize::from(stopped && is_connected(slots));
                    report.sent += sent;
                    at += sent;
                    stopped = true;
                    continue;
                }
                Err(error) => error,
            };
            stopped = false;
            if error.kind() == io::ErrorKind::ConnectionRefused {
                report.refused += 1;
                // Not about this datagram, which has not been tried yet.
                if retries_left > 0 {
                    retries_left -= 1;
                    continue;
                }
            }
            if is_fatal(&error) {
                return Err(error);
            }
            // A full send queue will not empty within microseconds.
            let lost = if error.kind() == io::ErrorKind::WouldBlock { self.len - at } else { 1 };
            let errno = error.raw_os_error();
            report.first_errno = report.first_errno.or(errno);
            let failed = (at..at + lost).zip(errno.into_iter().cycle());
            self.failures
                .extend(failed.map(|(index, errno)| SendFailure { index, errno }));
            report.failed += lost;
            at += lost;
        }
        Ok(())
    }
}

/// Returns whether the next datagram goes to the socket's own peer: a socket
/// without one never gets a refusal.
fn is_connected(slots: &[Slot]) -> bool {
    slots
        .first()
        .is_some_and(|slot| slot.peer.octets().is_empty())
}

/// Returns whether an error is about the socket, and so about every datagram.
pub(crate) fn is_fatal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK | libc::EPIPE))
}
