//! The queries that the server received.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hickory_proto::rr::RecordType;

use crate::question::{Question, Transport};

/// One query as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// When it was read from the socket.
    pub at: Instant,
    /// Its source address and port.
    pub from: SocketAddr,
    /// Over what it came.
    pub transport: Transport,
    /// The message id.
    pub id: u16,
    /// The name in the case it was asked, with the final dot.
    pub qname: String,
    /// The type asked for.
    pub qtype: RecordType,
    /// The UDP payload size of its OPT; `None` without one.
    pub udp_payload_size: Option<u16>,
    /// RD, recursion desired.
    pub recursion_desired: bool,
    /// CD, checking disabled.
    pub checking_disabled: bool,
    /// AD, the client understands authentic data.
    pub authentic_data: bool,
    /// DO, DNSSEC OK.
    pub dnssec_ok: bool,
    /// The whole message.
    pub octets: Vec<u8>,
}

impl Received {
    pub(crate) fn new(question: &Question, from: SocketAddr, at: Instant) -> Self {
        let metadata = &question.message.metadata;
        let edns = question.message.edns.as_ref();
        Self {
            at,
            from,
            transport: question.transport,
            id: metadata.id,
            qname: question.qname.to_ascii(),
            qtype: question.qtype,
            udp_payload_size: edns.map(|edns| edns.max_payload()),
            recursion_desired: metadata.recursion_desired,
            checking_disabled: metadata.checking_disabled,
            authentic_data: metadata.authentic_data,
            dnssec_ok: edns.is_some_and(|edns| edns.flags().dnssec_ok),
            octets: question.octets.clone(),
        }
    }
}

/// The server's memory.
#[derive(Default)]
pub(crate) struct Log {
    entries: Mutex<Entries>,
    arrived: Condvar,
}

#[derive(Default)]
struct Entries {
    latest: VecDeque<Received>,
    by_name: HashMap<String, u64>,
    total: u64,
    malformed: u64,
}

impl Log {
    pub(crate) fn record(&self, received: Received) {
        let mut entries = self.lock();
        entries.total += 1;
        let name = folded(&received.qname);
        if let Some(count) = entries.by_name.get_mut(&name) {
            *count += 1;
        } else if entries.by_name.len() < NAME_CAPACITY {
            entries.by_name.insert(name, 1);
        }
        if entries.latest.len() == LOG_CAPACITY {
            entries.latest.pop_front();
        }
        entries.latest.push_back(received);
        drop(entries);
        self.arrived.notify_all();
    }

    pub(crate) fn record_malformed(&self) {
        self.lock().malformed += 1;
        self.arrived.notify_all();
    }

    pub(crate) fn latest(&self) -> Vec<Received> {
        self.lock().latest.iter().cloned().collect()
    }

    pub(crate) fn total(&self) -> u64 {
        self.lock().total
    }

    pub(crate) fn malformed(&self) -> u64 {
        self.lock().malformed
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        self.lock().count(name)
    }

    pub(crate) fn wait_for(&self, queries: u64, within: Duration) -> bool {
        self.wait(within, |entries| entries.total >= queries)
    }

    pub(crate) fn wait_for_name(&self, name: &str, queries: u64, within: Duration) -> bool {
        self.wait(within, |entries| entries.count(name) >= queries)
    }

    pub(crate) fn clear(&self) {
        *self.lock() = Entries::default();
    }

    fn wait(&self, within: Duration, done: impl Fn(&Entries) -> bool) -> bool {
        let guard = self.lock();
        let (guard, _) = self
            .arrived
            .wait_timeout_while(guard, within, |entries| !done(entries))
            .unwrap_or_else(PoisonError::into_inner);
        done(&guard)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn count(&self, name: &str) -> u64 {
        self.by_name.get(&folded(name)).copied().unwrap_or(0)
    }
}

fn folded(name: &str) -> String {
    let mut folded = name.to_ascii_lowercase();
    if !folded.ends_with('.') {
        folded.push('.');
    }
    folded
}

/// How many of the latest queries are kept whole; about 30 MiB at most.
pub const LOG_CAPACITY: usize = 100_000;
/// How many different names are counted; later ones only add to the total.
pub const NAME_CAPACITY: usize = 200_000;
