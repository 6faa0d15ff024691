//! The UDP sockets to upstreams: opened, read and written in batches. Which
//! query leaves from which is not decided here.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::flights::SentFrom;

/// The sockets by their numbers, each connected to an upstream, and what leaves
/// from them in this round.
#[derive(Debug)]
pub(crate) struct Sockets {
    registry: Registry,
    upstreams: Vec<SocketAddr>,
    /// By upstream.
    marks: Vec<Option<u32>>,
    /// None where one could not be opened.
    sockets: Vec<Option<udp::Socket>>,
    outbox: Vec<Outgoing>,
    /// The messages of the outbox, one after the other.
    messages: Vec<u8>,
    batch: udp::SendBatch,
}

/// Queries that did not get as far as the upstream.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    /// Sockets for which ICMP came after what was sent before, with the system's
    /// error number.
    pub(crate) refused: Vec<(usize, i32)>,
    /// Queries that the system would not send (EPERM).
    pub(crate) not_permitted: Vec<SentFrom>,
    /// Sockets that are of no use any more, with the system's error number.
    pub(crate) dead: Vec<(usize, i32)>,
}

#[derive(Clone, Copy, Debug)]
struct Outgoing {
    from: SentFrom,
    /// Its place among the messages.
    start: usize,
    len: usize,
}

impl Sockets {
    /// Starts without any socket and any upstream. `longest` is the octets of the
    /// longest query.
    pub(crate) fn new(registry: Registry, longest: usize) -> Self {
        Self {
            registry,
            upstreams: Vec::new(),
            marks: Vec::new(),
            sockets: Vec::new(),
            outbox: Vec::new(),
            messages: Vec::new(),
            batch: udp::SendBatch::new(BATCH, longest),
        }
    }

    /// Takes these for the upstreams by number, with the marks of what is sent there.
    pub(crate) fn replace(&mut self, upstreams: &[SocketAddr], marks: Vec<Option<u32>>) {
        (self.upstreams, self.marks) = (upstreams.to_vec(), marks);
    }

    /// Connects the socket of this number to an upstream, and returns our end's
    /// address. The one that had the number is closed.
    ///
    /// # Errors
    ///
    /// When there is no descriptor or no port left; the old socket stays then.
    pub(crate) fn open(
        &mut self,
        number: usize,
        upstream: usize,
    ) -> io::Result<Option<SocketAddr>> {
        let addr = self
            .upstreams
            .get(upstream)
            .ok_or(io::ErrorKind::NotFound)?;
        let mark = self.marks.get(upstream).copied().flatten();
        let socket = connect(*addr, mark)?;
        // Token 0 is the waker's.
        let token = Token(number + 1);
        self.registry
            .register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)?;
        if self.sockets.len() <= number {
            self.sockets.resize_with(number + 1, || None);
        }
        let local = socket.local_addr().ok();
        if let Some(place) = self.sockets.get_mut(number)
            && let Some(old) = place.replace(socket)
        {
            self.close(&old);
        }
        Ok(local)
    }

    /// Closes the socket of this number.
    pub(crate) fn shut(&mut self, number: usize) {
        if let Some(old) = self.sockets.get_mut(number).and_then(Option::take) {
            self.close(&old);
        }
    }

    /// Closing a descriptor takes it out of epoll; this keeps mio's bookkeeping
    /// in step.
    fn close(&self, old: &udp::Socket) {
        if let Err(error) = self.registry.deregister(&mut SourceFd(&old.as_raw_fd())) {
            tracing::debug!(%error, "cannot deregister a socket");
        }
    }

    /// Returns the socket of this number.
    pub(crate) fn get(&self, number: usize) -> Option<&udp::Socket> {
        self.sockets.get(number)?.as_ref()
    }

    /// Empties the queue of errors of a socket. The last of them comes from a receive or
    /// a send; the datagrams that they quote would fill its receive queue.
    pub(crate) fn drop_errors(&self, number: usize) {
        let Some(socket) = self.get(number) else { return };
        let mut buffer = udp::ErrorBuffer::new();
        let most = 0..MAX_ERRORS;
        most.take_while(|_| socket.recv_error(&mut buffer).is_ok())
            .for_each(drop);
    }

    /// Queues a query until [`flush`](Self::flush).
    pub(crate) fn queue(&mut self, from: SentFrom, message: &[u8]) {
        let (start, len) = (self.messages.len(), message.len());
        self.messages.extend_from_slice(message);
        self.outbox.push(Outgoing { from, start, len });
    }

    /// Sends all that is queued, one call per socket; what turned out not to
    /// arrive is put into `unsent`.
    pub(crate) fn flush(&mut self, unsent: &mut Unsent) {
        self.outbox
            .sort_unstable_by_key(|outgoing| outgoing.from.socket);
        for group in self.outbox.chunk_by(|a, b| a.from.socket == b.from.socket) {
            let Some(number) = group.first().map(|first| first.from.socket) else { continue };
            let socket = self.sockets.get(number).and_then(Option::as_ref);
            let Some(socket) = socket else { continue };
            for part in group.chunks(BATCH) {
                for Outgoing { start, len, .. } in part {
                    let octets = self.messages.get(*start..start + len);
                    self.batch.push(octets.unwrap_or_default(), None, None);
                }
                let errno = match socket.send_batch(&mut self.batch) {
                    Ok(report) => {
                        let refused = (report.refused > 0).then_some((number, ECONNREFUSED));
                        unsent.refused.extend(refused);
                        report.first_errno
                    }
                    Err(error) => error.raw_os_error(),
                };
                match errno.map(|errno| (errno, udp::Trouble::of(errno))) {
                    Some((errno, udp::Trouble::Dead)) => unsent.dead.push((number, errno)),
                    Some((errno, udp::Trouble::Unreachable)) => {
                        unsent.refused.push((number, errno));
                    }
                    // Which of them failed is not told; a second look at one that
                    // left costs nothing but its name in the statistics.
                    Some((_, udp::Trouble::NotPermitted)) => {
                        let froms = part.iter().map(|outgoing| outgoing.from);
                        unsent.not_permitted.extend(froms);
                    }
                    // What found no room is as good as lost: the next try follows.
                    Some((_, udp::Trouble::Momentary)) | None => {}
                }
            }
        }
        self.outbox.clear();
        self.messages.clear();
    }
}

/// The number of the socket of an event.
pub(crate) const fn socket_of(token: Token) -> usize {
    token.0.saturating_sub(1)
}

/// The kernel picks a random port at connect; we could pick no better.
fn connect(addr: SocketAddr, mark: Option<u32>) -> io::Result<udp::Socket> {
    let options = udp::Options {
        nonblocking: true,
        dont_fragment: true,
        // Without it the system keeps to itself that a host or a network is away, even
        // that nobody answers ARP for it (Linux `icmp_err_convert`: not fatal).
        queue_errors: true,
        mark,
        ..Default::default()
    };
    udp::Socket::connect(None, addr, &options)
}

/// Errors that are dropped at once: more than queries are open on a socket.
const MAX_ERRORS: usize = 1024;

/// More than the 1232 octets that we ask for, for upstreams that do not look.
pub(crate) const RECEIVE_LEN: usize = 4096;

/// What the system says of a port where nothing listens.
const ECONNREFUSED: i32 = 111;

/// Queries in one call.
const BATCH: usize = 32;
