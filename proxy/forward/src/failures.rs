//! Failures: why a try at an upstream ended, and how long a question that
//! failed is remembered (RFC 9520, section 3.2): one second at first, twice as
//! long each time it fails again, five at most.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use dns::ExtendedError;
use foldhash::fast::RandomState;

use resolver::{Entry, Head, Key, Moment, Origin};

/// Why a try at an upstream ended without an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UpstreamFailure {
    /// All connections to it are full.
    Busy,
    /// It closed the connection, or a write to it took too long.
    Closed,
    /// No connection within the deadline.
    Connect,
    /// What it was asked came back to us.
    Loop,
    /// The system would not send (EPERM): conntrack is full, or a firewall's
    /// rule.
    NotPermitted,
    /// It answered that it cannot: SERVFAIL, REFUSED and the like.
    Rcode,
    /// Nothing listens there (ICMP, or a reset).
    Refused,
    /// No answer within the deadline.
    Silent,
    /// The system gave us no socket, or would not send.
    Socket,
    /// It did not prove to be the server that was meant (TLS).
    Tls,
    /// It truncated its answer over TCP.
    Truncated,
    /// Something on the way lets nothing through (ICMP).
    Unreachable,
}

impl UpstreamFailure {
    /// All, in the order of their index.
    pub const ALL: &[Self] = &[
        Self::Busy,
        Self::Closed,
        Self::Connect,
        Self::Loop,
        Self::NotPermitted,
        Self::Rcode,
        Self::Refused,
        Self::Silent,
        Self::Socket,
        Self::Tls,
        Self::Truncated,
        Self::Unreachable,
    ];

    /// The place in a table of counters.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Closed => "closed",
            Self::Connect => "connect",
            Self::Loop => "loop",
            Self::NotPermitted => "eperm",
            Self::Rcode => "rcode",
            Self::Refused => "refused",
            Self::Silent => "silent",
            Self::Socket => "socket",
            Self::Tls => "tls",
            Self::Truncated => "truncated",
            Self::Unreachable => "unreachable",
        }
    }

    /// Judges the error number by which the system tells of ICMP.
    pub(crate) fn of_icmp(errno: i32) -> Self {
        match io::Error::from_raw_os_error(errno).kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            _ => Self::Unreachable,
        }
    }

    /// Returns whether it is known from ICMP, which anybody may send.
    pub(crate) const fn is_hint(self) -> bool {
        matches!(self, Self::Refused | Self::Unreachable)
    }
}

impl From<UpstreamFailure> for Origin {
    fn from(reason: UpstreamFailure) -> Self {
        match reason {
            UpstreamFailure::Busy => Self::Limit,
            UpstreamFailure::Closed | UpstreamFailure::Rcode | UpstreamFailure::Tls => {
                Self::UpstreamError
            }
            UpstreamFailure::Truncated => Self::TcpFailed,
            UpstreamFailure::Unreachable => Self::Unreachable,
            UpstreamFailure::Connect | UpstreamFailure::Silent => Self::Timeout,
            UpstreamFailure::Loop => Self::Loop,
            UpstreamFailure::NotPermitted | UpstreamFailure::Socket => Self::SendFailed,
            UpstreamFailure::Refused => Self::ConnectRefused,
        }
    }
}

/// Returns the origin of a failure of which the system said this, a lack of a route being
/// none of the socket, and what of it is told: of hosts and firewalls, the origin says
/// as much.
pub(crate) fn told(origin: Origin, errno: Option<i32>) -> (Origin, Option<i32>) {
    let kind = errno.map(|errno| io::Error::from_raw_os_error(errno).kind());
    match (origin, kind) {
        (Origin::SendFailed | Origin::Unreachable, Some(io::ErrorKind::NetworkUnreachable)) => {
            (Origin::Unreachable, errno)
        }
        (Origin::SendFailed, Some(io::ErrorKind::HostUnreachable)) => (Origin::Unreachable, None),
        (Origin::SendFailed, _) => (origin, errno),
        _ => (origin, None),
    }
}

/// Adds what the system said to the text of a failure, as far as there is room.
pub(crate) fn explain(entry: &mut Entry, errno: i32) {
    let said = io::Error::from_raw_os_error(errno).to_string();
    let said = said.split(" (os error").next().unwrap_or_default();
    let room = ExtendedError::MAX_TEXT.saturating_sub(entry.text.len());
    let text = b": ".iter().chain(said.as_bytes()).take(room);
    entry.text.extend(text);
}

/// Questions that failed lately, and for how long that is believed.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    recent: HashMap<Key, Failed, RandomState>,
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    ttl: Duration,
    at: Moment,
}

impl Failures {
    /// Notes that `key` failed at `now`, and returns how long to believe it.
    fn note(&mut self, key: &Key, now: Moment) -> Duration {
        if let Some(failed) = self.recent.get_mut(key) {
            let forgotten = now.saturating_since(failed.at) > MEMORY;
            let ttl = if forgotten { FIRST } else { (failed.ttl * 2).min(MOST) };
            *failed = Failed { ttl, at: now };
            return ttl;
        }
        if self.recent.len() >= CAPACITY {
            self.recent
                .retain(|_, failed| now.saturating_since(failed.at) <= MEMORY);
        }
        if self.recent.len() < CAPACITY {
            let failed = Failed { ttl: FIRST, at: now };
            self.recent.insert(*key, failed);
        }
        FIRST
    }

    /// Notes that `key` failed at `now`, and returns the head under which the cache
    /// keeps what its clients get: with the same text, and that it is old.
    pub(crate) fn head(&mut self, key: &Key, head: Head, now: Moment) -> Head {
        let expires = now + self.note(key, now);
        Head { ede: Some(ExtendedError::CACHED_ERROR), expires, ..head }
    }

    /// Notes that `key` was answered.
    pub(crate) fn clear(&mut self, key: &Key) {
        if !self.recent.is_empty() {
            self.recent.remove(key);
        }
    }
}

/// The shortest that RFC 9520 allows.
const FIRST: Duration = Duration::from_secs(1);

/// Under glibc's patience: a name that works again is found within it.
const MOST: Duration = Duration::from_secs(5);

/// A failure longer ago than this is no row of failures any more.
const MEMORY: Duration = Duration::from_secs(15);

/// Some 1.5 MiB. When more names fail within seconds, the others are each
/// remembered for the first second only.
const CAPACITY: usize = 4096;

#[cfg(test)]
mod tests;
