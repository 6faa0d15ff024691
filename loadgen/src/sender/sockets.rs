//! The UDP sockets of one sender thread: a pool that stays open, or one for
//! each query.
//!
//! HOT: with a socket per query, opening one is part of sending.

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
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.places() < u16::MAX => self.places(),
            None => return Ok(None),
        };
        match self.open_at(place) {
            Ok(()) => Ok(Some(place)),
            Err(error) if is_shortage(&error) => {
                if place < self.places() {
                    self.free.push(place);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Closes the socket of a query that has ended, if it had one of its own.
    pub(super) fn release(&mut self, place: u16) {
        if !self.is_per_query {
            return;
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
fn is_shortage(error: &io::Error) -> bool {
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
