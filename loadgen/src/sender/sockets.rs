//! The UDP sockets of one sender thread: a pool that stays open, or one for
//! each query.
//!
//! HOT: with a socket per query, opening one is part of sending.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use udp::{Options, Socket};

use super::{Ports, ThreadConfig, with_context};

/// The sockets, by their place; the account calls it the socket's number.
#[derive(Debug)]
pub(super) struct Sockets {
    target: SocketAddr,
    /// The address of the first socket; each further one has the next.
    first_source: Option<IpAddr>,
    /// Queries leave in segmented batches; then answers may be received in them.
    gso: bool,
    open: Vec<Option<Socket>>,
    /// Places without a socket.
    free: Vec<u16>,
    is_per_query: bool,
    /// Sockets of queries that were lost, which stay open for a late answer: the
    /// place, and until when. In the order of time.
    retired: VecDeque<(u16, u64)>,
    /// For each place, until when it stays open, if it is retired.
    retired_until: Vec<u64>,
    /// The place whose turn it is.
    turn: u16,
    /// Tells which have something to read.
    pub(super) poll: Poll,
}

impl Sockets {
    /// Opens the pool, or none yet.
    pub(super) fn new(config: &ThreadConfig, ports: Ports) -> io::Result<Self> {
        let mut sockets = Self {
            target: config.target,
            first_source: config.first_source,
            gso: config.gso,
            open: Vec::new(),
            free: Vec::new(),
            is_per_query: ports == Ports::PerQuery,
            retired: VecDeque::new(),
            retired_until: Vec::new(),
            turn: 0,
            poll: Poll::new()?,
        };
        if let Ports::Pool(count) = ports {
            for place in 0..count.max(1) {
                sockets.open_at(place)?;
            }
        }
        Ok(sockets)
    }

    /// Returns whether each query has a socket of its own.
    pub(super) const fn is_per_query(&self) -> bool {
        self.is_per_query
    }

    /// Returns how many places there are.
    pub(super) fn places(&self) -> u16 {
        u16::try_from(self.open.len()).unwrap_or(u16::MAX)
    }

    pub(super) fn get(&self, place: u16) -> Option<&Socket> {
        self.open.get(usize::from(place))?.as_ref()
    }

    /// Returns the next of the pool; the sockets take turns.
    pub(super) fn next(&mut self) -> u16 {
        self.turn = (self.turn + 1) % self.places().max(1);
        self.turn
    }

    /// Opens a socket for one query and returns its place; `None` when there
    /// are as many as the system or the account can number.
    pub(super) fn open_for_a_query(&mut self) -> io::Result<Option<u16>> {
        loop {
            let place = match self.free.pop() {
                Some(place) => place,
                None if self.places() < u16::MAX => self.places(),
                None if self.close_retired(u64::MAX) => continue,
                None => return Ok(None),
            };
            let Err(error) = self.open_at(place) else { return Ok(Some(place)) };
            if place < self.places() {
                self.free.push(place);
            }
            if !is_shortage(&error) {
                return Err(error);
            }
            // A query that is due comes before an answer that is late.
            if !self.close_retired(u64::MAX) {
                return Ok(None);
            }
        }
    }

    /// Keeps the socket of a query that was lost open until `until`.
    pub(super) fn retire(&mut self, place: u16, until: u64) {
        if !self.is_per_query {
            return;
        }
        let at = usize::from(place);
        if at >= self.retired_until.len() {
            self.retired_until.resize(at + 1, 0);
        }
        if let Some(retired_until) = self.retired_until.get_mut(at) {
            *retired_until = until;
            self.retired.push_back((place, until));
        }
    }

    /// Closes the oldest retired socket whose time is over at `now`; returns
    /// whether there was one.
    pub(super) fn close_retired(&mut self, now: u64) -> bool {
        while let Some((place, until)) = self.retired.front().copied() {
            if until > now {
                return false;
            }
            self.retired.pop_front();
            // One that was answered late has been closed, and may be in use again.
            if self.retired_until.get(usize::from(place)) == Some(&until) {
                self.release(place);
                return true;
            }
        }
        false
    }

    /// Closes the socket of a query that has ended, if it had one of its own.
    pub(super) fn release(&mut self, place: u16) {
        if !self.is_per_query {
            return;
        }
        if let Some(until) = self.retired_until.get_mut(usize::from(place)) {
            *until = 0;
        }
        let socket = self.open.get_mut(usize::from(place)).and_then(Option::take);
        // Closing the descriptor takes it out of epoll too.
        if socket.is_some() {
            self.free.push(place);
        }
    }

    /// Returns the local ports in use.
    pub(super) fn ports(&self) -> Vec<u16> {
        let addrs = self
            .open
            .iter()
            .flatten()
            .filter_map(|socket| socket.local_addr().ok());
        addrs.map(|addr| addr.port()).collect()
    }

    /// The address of the socket at `place`, with a port of the kernel's choice.
    fn source(&self, place: u16) -> Option<SocketAddr> {
        let address = match self.first_source? {
            IpAddr::V4(first) => {
                IpAddr::V4(Ipv4Addr::from_bits(first.to_bits().wrapping_add(u32::from(place))))
            }
            IpAddr::V6(first) => {
                IpAddr::V6(Ipv6Addr::from_bits(first.to_bits().wrapping_add(u128::from(place))))
            }
        };
        Some(SocketAddr::new(address, 0))
    }

    fn open_at(&mut self, place: u16) -> io::Result<()> {
        let options = Options {
            timestamps: true,
            nonblocking: true,
            queue_errors: true,
            recv_buffer: (!self.is_per_query).then_some(RECV_BUFFER),
            gro: self.gso,
            ..Options::default()
        };
        // Connected: only then is a closed port reported.
        let socket = Socket::connect(self.source(place), self.target, &options)
            .map_err(|error| with_context(&error, "cannot open a UDP socket"))?;
        if self.gso {
            socket.check_segmentation().map_err(|error| {
                with_context(&error, "gso: this kernel has no UDP segmentation offload")
            })?;
        }
        let fd = socket.as_raw_fd();
        let token = Token(usize::from(place));
        self.poll
            .registry()
            .register(&mut SourceFd(&fd), token, Interest::READABLE)?;
        match self.open.get_mut(usize::from(place)) {
            Some(free) => *free = Some(socket),
            None => self.open.push(Some(socket)),
        }
        Ok(())
    }
}

/// No more descriptors, ports or memory.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory)
        || matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS | EAGAIN))
}

/// Linux's numbers of the errors that the standard library has no kind for.
const EAGAIN: i32 = 11;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENOBUFS: i32 = 105;

/// Bytes of a socket's receive queue: 5,000 answers that came while this
/// thread had no CPU. The system may give less.
const RECV_BUFFER: usize = 4 << 20;
