//! Queries on their way to one socket: a batch that leaves datagram by
//! datagram, or segmented batches that leave as one and are cut apart by the kernel.
//!
//! HOT: every query passes here.

use std::io;

use udp::{SegmentedBatch, SendBatch, SendFailure, SendReport, Socket};

use super::with_context;

/// What waits for the next system call.
#[derive(Debug)]
pub(super) enum Outbox {
    /// One `sendmmsg`.
    Plain(SendBatch),
    /// A `sendmsg` for each length there is.
    Segmented(SegmentedBatches),
}

impl Outbox {
    /// Datagrams leave one by one.
    pub(super) fn plain() -> Self {
        Self::Plain(SendBatch::new(BATCH, MAX_QUERY))
    }

    /// Datagrams leave in segmented batches.
    pub(super) const fn segmented() -> Self {
        Self::Segmented(SegmentedBatches {
            by_len: Vec::new(),
            used: Vec::new(),
            queued: 0,
            unsent: Vec::new(),
        })
    }

    /// Returns room for a query of `len` octets, if there is any before the
    /// next send.
    pub(super) fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        match self {
            Self::Plain(batch) => batch.next_buffer()?.get_mut(..len),
            Self::Segmented(batches) => batches.of(len)?.next_buffer(len),
        }
    }

    /// Queues what was written to [`room`](Self::room) of `len`.
    pub(super) fn commit(&mut self, len: usize) {
        match self {
            Self::Plain(batch) => batch.commit(len, None, None),
            Self::Segmented(batches) => batches.commit(len),
        }
    }

    /// Returns whether nothing is queued.
    pub(super) const fn is_empty(&self) -> bool {
        match self {
            Self::Plain(batch) => batch.is_empty(),
            Self::Segmented(batches) => batches.queued == 0,
        }
    }

    /// Returns whether it is time to send: the next query might have no room.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Plain(batch) => batch.is_full(),
            Self::Segmented(batches) => batches.is_full(),
        }
    }

    /// Sends all that is queued, by `socket`.
    pub(super) fn send(&mut self, socket: &Socket) -> io::Result<SendReport> {
        match self {
            Self::Plain(batch) => socket.send_batch(batch),
            Self::Segmented(batches) => batches.send(socket),
        }
    }

    /// Returns the queries that the last send left behind: each with its place in
    /// the batch, or with its id where queries are sorted by length.
    pub(super) fn unsent(&self) -> Unsent<'_> {
        match self {
            Self::Plain(batch) => Unsent::Places(batch.failures()),
            Self::Segmented(batches) => Unsent::Ids(&batches.unsent),
        }
    }
}

/// Queries that did not leave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unsent<'a> {
    /// By place in the order of sending.
    Places(&'a [SendFailure]),
    /// By id, with the error number.
    Ids(&'a [(u16, i32)]),
}

/// One segmented batch for each length, since all datagrams of one are equally long.
///
/// Queries are sorted by length within what is queued, not padded: each
/// leaves as it would have left alone, at most [`MAX_QUEUED`] places later.
#[derive(Debug)]
pub(super) struct SegmentedBatches {
    /// Indexed by length, made when first needed.
    by_len: Vec<Option<SegmentedBatch>>,
    /// Lengths whose batch is not empty.
    used: Vec<usize>,
    queued: usize,
    /// Ids of queries that did not leave, with the error numbers.
    unsent: Vec<(u16, i32)>,
}

impl SegmentedBatches {
    fn of(&mut self, len: usize) -> Option<&mut SegmentedBatch> {
        if len > MAX_QUERY {
            return None;
        }
        if len >= self.by_len.len() {
            self.by_len.resize_with(len + 1, || None);
        }
        Some(self.by_len.get_mut(len)?.get_or_insert_default())
    }

    fn commit(&mut self, len: usize) {
        let Some(batch) = self.of(len) else { return };
        let is_first = batch.is_empty();
        batch.commit(len);
        if is_first {
            self.used.push(len);
        }
        self.queued += 1;
    }

    fn is_full(&self) -> bool {
        let mut batches = self
            .used
            .iter()
            .filter_map(|&len| self.by_len.get(len)?.as_ref());
        self.queued >= MAX_QUEUED || batches.any(SegmentedBatch::is_full)
    }

    fn send(&mut self, socket: &Socket) -> io::Result<SendReport> {
        let mut sum = SendReport::default();
        self.unsent.clear();
        self.queued = 0;
        for len in self.used.drain(..) {
            let Some(Some(batch)) = self.by_len.get_mut(len) else { continue };
            let report = socket.send_segmented(batch, None)?;
            if let Some(errno @ (EIO | EINVAL)) = report.first_errno {
                let error = io::Error::from_raw_os_error(errno);
                return Err(with_context(&error, CANNOT));
            }
            if let Some(errno) = report.first_errno {
                let ids = batch.iter().filter_map(id_of);
                self.unsent.extend(ids.map(|id| (id, errno)));
            }
            batch.clear();
            sum.sent += report.sent;
            sum.failed += report.failed;
            sum.refused += report.refused;
            sum.first_errno = sum.first_errno.or(report.first_errno);
        }
        Ok(sum)
    }
}

/// The id stands first in every message.
fn id_of(query: &[u8]) -> Option<u16> {
    query.first_chunk().copied().map(u16::from_be_bytes)
}

/// Octets of the longest query: header, name, type, class.
const MAX_QUERY: usize = 12 + 255 + 4;
/// Queries of one `sendmmsg`; 64 gain another 3 % and double the burst.
const BATCH: usize = 32;
/// Queries in all segmented batches together: with many lengths, none may ever
/// be full.
const MAX_QUEUED: usize = 256;

/// The interface computes no checksums, or the query exceeds its MTU: errors
/// of segmentation as such, so that no other query would fare better.
const EIO: i32 = 5;
const EINVAL: i32 = 22;
const CANNOT: &str = "gso: the route to this target takes no segmented batch";

#[cfg(test)]
mod tests {
    use udp::{Options, RecvBatch};

    use super::*;

    const EDESTADDRREQ: i32 = 89;

    fn queue(outbox: &mut Outbox, id: u16, len: usize) {
        let room = outbox.room(len).unwrap();
        room.fill(b'.');
        room[..2].copy_from_slice(&id.to_be_bytes());
        outbox.commit(len);
    }

    #[test]
    fn mixed_lengths_arrive_as_they_were_with_their_ids() {
        let server = Socket::bind("127.0.0.1:0".parse().unwrap(), &Options::default()).unwrap();
        let to = server.local_addr().unwrap();
        let client = Socket::connect(None, to, &Options::default()).unwrap();
        let mut outbox = Outbox::segmented();
        let queries: Vec<_> = (0..60).map(|id| (id, 20 + usize::from(id % 3))).collect();
        for &(id, len) in &queries {
            queue(&mut outbox, id, len);
        }
        assert!(!outbox.is_empty() && !outbox.is_full());
        let report = outbox.send(&client).unwrap();
        assert_eq!((report.sent, report.failed), (60, 0));
        assert!(outbox.is_empty());
        assert_eq!(outbox.unsent(), Unsent::Ids(&[]));

        let mut batch = RecvBatch::new(64, 512);
        let mut found = Vec::new();
        while found.len() < 60 {
            server.recv_batch(&mut batch, 64).unwrap();
            let one = |bytes: &[u8]| (id_of(bytes).unwrap(), bytes.len());
            found.extend(batch.iter().map(|datagram| one(datagram.bytes)));
        }
        found.sort_unstable();
        assert_eq!(found, queries);
    }

    #[test]
    fn a_full_batch_or_many_short_ones_are_to_be_sent() {
        let mut outbox = Outbox::segmented();
        for id in 0..63 {
            queue(&mut outbox, id, 30);
        }
        assert!(!outbox.is_full());
        queue(&mut outbox, 63, 30);
        assert!(outbox.is_full());

        let mut outbox = Outbox::segmented();
        for id in 0..255 {
            queue(&mut outbox, id, 17 + usize::from(id));
        }
        assert!(!outbox.is_full());
        queue(&mut outbox, 255, 17);
        assert!(outbox.is_full());
        assert!(outbox.room(MAX_QUERY + 1).is_none());
    }

    #[test]
    fn what_did_not_leave_is_known_by_its_id() {
        let nowhere = Socket::bind("127.0.0.1:0".parse().unwrap(), &Options::default()).unwrap();
        let mut outbox = Outbox::segmented();
        for (id, len) in [(7, 20), (8, 30), (9, 20)] {
            queue(&mut outbox, id, len);
        }
        let report = outbox.send(&nowhere).unwrap();
        assert_eq!((report.sent, report.failed), (0, 3));
        assert_eq!(outbox.unsent(), Unsent::Ids(&[7, 9, 8].map(|id| (id, EDESTADDRREQ))));
    }
}
