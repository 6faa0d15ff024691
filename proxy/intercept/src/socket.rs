//! A netlink socket: the only file with I/O.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::netlink::{ACK, DUMP, Message, Reply};

/// Why the kernel did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {source}")]
pub struct NetlinkError {
    what: &'static str,
    source: io::Error,
}

impl NetlinkError {
    /// The number of the error (errno(3)); 0 if it has none.
    pub(crate) fn number(&self) -> i32 {
        self.source.raw_os_error().unwrap_or(0)
    }
}

/// A socket of one protocol of netlink.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// For links and addresses.
    pub(crate) fn route() -> Result<Self, NetlinkError> {
        Self::open(0)
    }

    /// For rules.
    pub(crate) fn netfilter() -> Result<Self, NetlinkError> {
        Self::open(12)
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
    pub(crate) fn request(
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
    pub(crate) fn ask<T>(
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

    fn talk(&mut self, messages: &[Message], mut take: impl FnMut(&Reply<'_>)) -> io::Result<()> {
        let first = self.sequence.wrapping_add(1);
        // The end of a batch is not acknowledged by every kernel; what is before it is.
        let last = if is_batch(messages) { messages.len().saturating_sub(2) } else { 0 };
        let mut octets = Vec::new();
        for (n, message) in messages.iter().enumerate() {
            self.sequence = self.sequence.wrapping_add(1);
            let acknowledged = n == last && message.flags & DUMP != DUMP;
            let message = message.clone();
            let message = if acknowledged { message.with(ACK) } else { message };
            message.write(self.sequence, &mut octets);
        }
        let last = first.wrapping_add(u32::try_from(last).unwrap_or(0));
        (&self.socket).write_all(&octets)?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let len = (&self.socket).read(&mut buffer)?;
            for reply in Reply::all(buffer.get(..len).unwrap_or_default()) {
                // An earlier request may have been given up.
                if reply.sequence.wrapping_sub(first) > last.wrapping_sub(first) {
                    continue;
                }
                match reply.error() {
                    Some(0) => return Ok(()),
                    Some(error) => return Err(io::Error::from_raw_os_error(error)),
                    None if reply.is_done() => return Ok(()),
                    None => take(&reply),
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
/// The kernel answers while it is asked, but for a machine out of memory.
const PATIENCE: Duration = Duration::from_secs(2);
/// What the kernel puts into one datagram of a list at most.
const BUFFER: usize = 32 << 10;
