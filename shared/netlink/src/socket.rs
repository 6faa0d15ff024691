//! A netlink socket: the only file with I/O here.

use std::io::{self, Read as _, Write as _};
use std::ops::RangeInclusive;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::message::{ACK, DUMP, Message, Reply};

/// Why the kernel did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {source}")]
pub struct NetlinkError {
    what: &'static str,
    source: io::Error,
}

impl NetlinkError {
    /// The number of the error (errno(3)); 0 if it has none.
    #[must_use]
    pub fn number(&self) -> i32 {
        self.source.raw_os_error().unwrap_or(0)
    }
}

impl From<NetlinkError> for io::Error {
    fn from(error: NetlinkError) -> Self {
        Self::new(error.source.kind(), error)
    }
}

/// A socket of one protocol of netlink.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// For links and addresses.
    ///
    /// # Errors
    ///
    /// Those of socket(2).
    pub fn route() -> Result<Self, NetlinkError> {
        Self::open(ROUTE)
    }

    /// For rules and the connection table.
    ///
    /// # Errors
    ///
    /// Those of socket(2).
    pub fn netfilter() -> Result<Self, NetlinkError> {
        Self::open(NETFILTER)
    }

    fn open(protocol: i32) -> Result<Self, NetlinkError> {
        let failed = |source| NetlinkError { what: "open a netlink socket", source };
        // The kernel binds it when it is first used, and it needs no peer.
        let socket =
            Socket::new(Domain::from(AF_NETLINK), Type::RAW, Some(Protocol::from(protocol)))
                .map_err(failed)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Has the kernel do all of these; `what` completes "cannot …".
    ///
    /// # Errors
    ///
    /// The first error that it has.
    pub fn request(
        &mut self,
        what: &'static str,
        messages: &[Message],
    ) -> Result<(), NetlinkError> {
        self.talk(messages, |_| ())
            .map_err(|source| NetlinkError { what, source })
    }

    /// Asks for what the kernel has; returns what `read` makes of it.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub fn ask<T>(
        &mut self,
        what: &'static str,
        message: Message,
        mut read: impl FnMut(&Reply<'_>) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        let mut found = Vec::new();
        self.talk(&[message], |reply| found.extend(read(reply)))
            .map_err(|source| NetlinkError { what, source })?;
        Ok(found)
    }

    /// Has the kernel do each of these by itself, also after one that it refuses; returns
    /// the numbers of the errors (errno(3)).
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub fn attempt(
        &mut self,
        what: &'static str,
        messages: &[Message],
    ) -> Result<Vec<i32>, NetlinkError> {
        let mut errors = Vec::new();
        for some in messages.chunks(AT_ONCE) {
            let numbers = self.send(some, some.len().saturating_sub(1));
            let answered = numbers.and_then(|numbers| {
                self.receive(&numbers, |reply| {
                    errors.extend(reply.error().filter(|error| *error != 0));
                    reply.sequence == *numbers.end() && reply.error().is_some()
                })
            });
            answered.map_err(|source| NetlinkError { what, source })?;
        }
        Ok(errors)
    }

    fn talk(&mut self, messages: &[Message], mut take: impl FnMut(&Reply<'_>)) -> io::Result<()> {
        // The end of a batch is not acknowledged by every kernel; what is before it is.
        let last = if is_batch(messages) { messages.len().saturating_sub(2) } else { 0 };
        let numbers = self.send(messages, last)?;
        let mut end = None;
        self.receive(&numbers, |reply| {
            match reply.error() {
                None if !reply.is_done() => take(reply),
                error => end = error,
            }
            reply.is_done() || reply.error().is_some()
        })?;
        match end {
            None | Some(0) => Ok(()),
            Some(error) => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Sends them, and has the one at `last` acknowledged; returns the sequence numbers up
    /// to that.
    fn send(&mut self, messages: &[Message], last: usize) -> io::Result<RangeInclusive<u32>> {
        let first = self.sequence.wrapping_add(1);
        let mut octets = Vec::new();
        for (n, message) in messages.iter().enumerate() {
            self.sequence = self.sequence.wrapping_add(1);
            let acknowledged = n == last && message.flags & DUMP != DUMP;
            let message = message.clone();
            let message = if acknowledged { message.with(ACK) } else { message };
            message.write(self.sequence, &mut octets);
        }
        (&self.socket).write_all(&octets)?;
        Ok(first..=first.wrapping_add(u32::try_from(last).unwrap_or(0)))
    }

    /// Passes the replies to these numbers, until one is the last.
    fn receive(
        &self,
        numbers: &RangeInclusive<u32>,
        mut take: impl FnMut(&Reply<'_>) -> bool,
    ) -> io::Result<()> {
        let (first, last) = (*numbers.start(), *numbers.end());
        let mut buffer = vec![0; BUFFER];
        loop {
            let len = (&self.socket).read(&mut buffer)?;
            for reply in Reply::all(buffer.get(..len).unwrap_or_default()) {
                // An earlier request may have been given up.
                let is_other = reply.sequence.wrapping_sub(first) > last.wrapping_sub(first);
                if !is_other && take(&reply) {
                    return Ok(());
                }
            }
        }
    }
}

/// Whether there are others than the first, which begins it.
const fn is_batch(messages: &[Message]) -> bool {
    messages.len() > 1
}

const AF_NETLINK: i32 = 16;
/// `NETLINK_ROUTE` and `NETLINK_NETFILTER` (Linux `netlink.h`).
const ROUTE: i32 = 0;
const NETFILTER: i32 = 12;
/// The kernel answers while it is asked, but for a machine out of memory.
const PATIENCE: Duration = Duration::from_secs(2);
/// What the kernel puts into one datagram of a list at most.
const BUFFER: usize = 32 << 10;
/// Messages after which the replies are read: as many errors, each of which takes up to
/// 1.3 kB with the kernel's own part, fit into a receive queue (`net.core.rmem_default`).
const AT_ONCE: usize = 128;
