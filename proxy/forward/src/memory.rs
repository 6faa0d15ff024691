//! The most memory that forwarding takes.

use crate::flights::{QUESTION, WAITING};
use crate::inbox::QUEUE;
use crate::{Ask, ForwardConfig};

impl ForwardConfig {
    /// Returns the octets that questions in flight and those who wait for them take at
    /// most.
    pub const fn memory(&self) -> usize {
        let waiters = (WAITING * self.max_inflight + QUEUE) * size_of::<Ask>();
        self.max_inflight * QUESTION + waiters
    }
}
