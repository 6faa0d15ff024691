//! What every thread gets to count and to note with.

use std::sync::{Arc, Mutex, PoisonError};

use super::ring_buffer::{Reader, RingBuffer, Writer};
use crate::config::ObserveConfig;
use crate::counters::{Stats, WorkerStats};

/// Hands out counters and rings, and keeps the other ends.
#[derive(Debug)]
pub struct Recorders {
    /// The counters of all threads.
    pub stats: Arc<Stats>,
    buffer_octets: usize,
    // Grows by one per thread at start, and is emptied by the observer.
    readers: Mutex<Vec<Reader>>,
}

impl Default for Recorders {
    fn default() -> Self {
        Self::new(ObserveConfig::default().buffer_octets)
    }
}

impl Recorders {
    /// Rings will have room for `buffer_octets` each; see [`RingBuffer::pair`].
    pub fn new(buffer_octets: usize) -> Self {
        Self { stats: Arc::default(), buffer_octets, readers: Mutex::default() }
    }

    /// Makes counters and a ring for one more thread.
    pub fn open(&self) -> (Arc<WorkerStats>, Writer) {
        let (writer, reader) = RingBuffer::pair(self.buffer_octets);
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.push(reader);
        (self.stats.register(), writer)
    }

    /// Takes the reading ends of all rings handed out since the last call.
    pub fn take_readers(&self) -> Vec<Reader> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut readers)
    }
}
