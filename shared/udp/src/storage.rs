//! The memory of a batch, allocated once.

use crate::sys::{Headers, Slot};

/// Room for a number of datagrams: for each a header for the kernel, a slot for
/// what lies beside its octets, and a buffer for the octets.
#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) headers: Headers,
    pub(crate) slots: Vec<Slot>,
    /// The buffers, one after the other.
    pub(crate) buffers: Vec<u8>,
    /// Octets of each buffer.
    pub(crate) buffer_len: usize,
}

impl Storage {
    /// Makes room for `capacity` datagrams (1 to [`MAX_CAPACITY`]) of `buffer`
    /// octets (1 to [`MAX_DATAGRAM`]); a number outside is taken for the
    /// nearest inside.
    pub(crate) fn new(capacity: usize, buffer: usize) -> Self {
        let capacity = capacity.clamp(1, MAX_CAPACITY);
        let buffer_len = buffer.clamp(1, MAX_DATAGRAM);
        Self {
            headers: Headers::new(capacity),
            slots: vec![Slot::EMPTY; capacity],
            buffers: vec![0; capacity * buffer_len],
            buffer_len,
        }
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.slots.len()
    }
}

/// The kernel takes no more messages than this in one call (`UIO_MAXIOV`).
const MAX_CAPACITY: usize = 1024;

/// A UDP datagram's length field has 16 bits.
const MAX_DATAGRAM: usize = 65_535;
