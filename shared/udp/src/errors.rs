//! The error queue of a socket: what happened to earlier datagrams.
//!
//! An error that a send or a receive returns says that some datagram met it.
//! The queue has the datagram too, so each can be told apart.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use crate::sys::{self, Slot};

/// Room for one error and the octets of its datagram, used again for each.
#[derive(Debug)]
pub struct ErrorBuffer {
    octets: [u8; QUOTED],
    slot: Slot,
}

/// An error about a datagram that was sent before.
#[derive(Clone, Copy, Debug)]
pub struct QueuedError<'a> {
    /// The system's error number, such as `libc::ECONNREFUSED`.
    pub errno: i32,
    /// Where it comes from.
    pub origin: ErrorOrigin,
    /// The datagram's first octets, as far as the message quotes it.
    pub bytes: &'a [u8],
    /// When the message came, with [`Options::timestamps`](crate::Options).
    pub received: Option<SystemTime>,
}

/// Where an error comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorOrigin {
    /// An ICMP message of this type and code. Anybody may send one.
    Icmp {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
    /// This host, such as for a datagram longer than the path's MTU.
    Local,
}

impl ErrorBuffer {
    /// Makes room.
    pub const fn new() -> Self {
        Self { octets: [0; QUOTED], slot: Slot::EMPTY }
    }

    pub(crate) fn receive(&mut self, fd: BorrowedFd<'_>) -> io::Result<QueuedError<'_>> {
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        let len = sys::receive_one(fd, &mut self.octets, &mut self.slot, flags)?;
        let about = self.slot.control.received();
        // The kernel gives no entry of the queue without it.
        let error = about.error.ok_or(io::ErrorKind::InvalidData)?;
        let origin = match error.origin {
            ICMP | ICMP6 => ErrorOrigin::Icmp { kind: error.kind, code: error.code },
            _ => ErrorOrigin::Local,
        };
        let bytes = self.octets.get(..len).unwrap_or_default();
        Ok(QueuedError { errno: error.errno, origin, bytes, received: about.at })
    }
}

impl Default for ErrorBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// Octets kept of a datagram: RFC 1812 lets a message quote 576 of a packet.
const QUOTED: usize = 576;

/// `SO_EE_ORIGIN_ICMP` and `SO_EE_ORIGIN_ICMP6` of linux/errqueue.h.
const ICMP: u8 = 2;
const ICMP6: u8 = 3;
