//! A forwarder that closes a ring: what it gets it sends to the server that sent it.
//!
//! Each name is counted as it passes. One that has passed too often is refused, so that
//! a query cannot go round for ever; and the ring keeps the limit on queries per second
//! as the load does.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use dns::{Flags, Header, Question, Rcode, put_u16};

use super::{CauseLimits, LOOK, Ring, cannot};
use crate::plan::nanos;
use crate::sender::Cap;

/// The ring while it is closed; it is open again when this is dropped.
pub(super) struct Relay {
    counts: Arc<Counts>,
    taken: [u64; 3],
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Counts {
    /// Queries that passed, that had passed before, and that were refused.
    sums: [AtomicU64; 3],
    stop: AtomicBool,
}

impl Relay {
    /// Closes the ring.
    pub(super) fn start(ring: &Ring, limits: CauseLimits) -> io::Result<Self> {
        let failed = |error: io::Error| cannot("ring: cannot listen on", ring.listen, &error);
        let socket = UdpSocket::bind(ring.listen).map_err(failed)?;
        socket.set_read_timeout(Some(LOOK)).map_err(failed)?;
        let counts = Arc::new(Counts::default());
        let mut turn = Turn {
            socket,
            target: limits.target,
            laps: ring.laps,
            names: HashMap::new(),
            waiting: vec![None; IDS],
            next: 0,
            cap: Cap::new(limits.max_qps),
            counts: Arc::clone(&counts),
        };
        let thread = thread::Builder::new()
            .name("ring".to_owned())
            .spawn(move || turn.run())?;
        Ok(Self { counts, taken: [0; 3], thread: Some(thread) })
    }

    /// Returns how many queries passed, had passed before, and were refused, since the
    /// last call.
    pub(super) fn take(&mut self) -> [u64; 3] {
        let now = self
            .counts
            .sums
            .each_ref()
            .map(|sum| sum.load(Ordering::Relaxed));
        let before = std::mem::replace(&mut self.taken, now);
        let mut new = now;
        for (new, before) in new.iter_mut().zip(before) {
            *new -= before;
        }
        new
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.counts.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// The thread of the ring.
struct Turn {
    socket: UdpSocket,
    target: SocketAddr,
    laps: u32,
    /// How often each question has passed.
    names: HashMap<Vec<u8>, u32>,
    /// Who waits for the answer with this ID, and the ID that he gave it.
    waiting: Vec<Option<(SocketAddr, u16)>>,
    next: u16,
    cap: Cap,
    counts: Arc<Counts>,
}

impl Turn {
    #[expect(clippy::disallowed_methods, reason = "the clock of the ring's only thread")]
    fn run(&mut self) {
        let start = Instant::now();
        let mut buffer = [0; MESSAGE_LEN];
        while !self.counts.stop.load(Ordering::Relaxed) {
            // A peer that refuses is no reason to end.
            let Ok((len, from)) = self.socket.recv_from(&mut buffer) else { continue };
            let Some(message) = buffer.get_mut(..len) else { continue };
            let now = nanos(start.elapsed());
            self.pass(message, from, now);
        }
    }

    fn pass(&mut self, message: &mut [u8], from: SocketAddr, now: u64) {
        let Some(header) = Header::parse(message) else { return };
        if header.flags.has(Flags::QR) {
            return self.bring_back(message, &header);
        }
        let Ok(question) = Question::parse(message) else { return };
        let key = message.get(dns::HEADER_LEN..question.end());
        let key = key.unwrap_or_default().to_ascii_lowercase();
        // Names beyond the bound have passed too often.
        let is_known = self.names.contains_key(&key) || self.names.len() < NAMES;
        let passed =
            if is_known { self.names.entry(key).or_default() } else { &mut self.laps.clone() };
        if *passed >= self.laps {
            self.count(REFUSED);
            return self.refuse(message, header, from);
        }
        if self.cap.allowed_at() > now {
            return;
        }
        *passed += 1;
        let is_back = *passed > 1;
        self.cap.queue();
        self.cap.flushed(now);
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        if let Some(place) = self.waiting.get_mut(usize::from(id)) {
            *place = Some((from, header.id));
        }
        put_u16(message, 0, id);
        if self.socket.send_to(message, self.target).is_ok() {
            self.count(PASSED);
            if is_back {
                self.count(RETURNED);
            }
        }
    }

    fn bring_back(&mut self, message: &mut [u8], header: &Header) {
        let place = self.waiting.get_mut(usize::from(header.id));
        let Some((from, id)) = place.and_then(Option::take) else { return };
        put_u16(message, 0, id);
        self.socket.send_to(message, from).unwrap_or_default();
    }

    fn refuse(&self, message: &mut [u8], header: Header, from: SocketAddr) {
        let flags = header.flags.with(Flags::QR).with_rcode(Rcode::REFUSED);
        if (Header { flags, ..header }).patch(message).is_some() {
            self.socket.send_to(message, from).unwrap_or_default();
        }
    }

    fn count(&self, what: usize) {
        if let Some(sum) = self.counts.sums.get(what) {
            sum.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Places of `Counts::sums`.
const PASSED: usize = 0;
const RETURNED: usize = 1;
const REFUSED: usize = 2;
/// All there are.
const IDS: usize = 1 << 16;
/// Questions that are counted: some 30 MB.
const NAMES: usize = 200_000;
/// Octets of the longest message that passes.
const MESSAGE_LEN: usize = 4096;
