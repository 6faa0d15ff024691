//! Waiting for a descriptor with the precision of the kernel's timers.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use crate::sys;

/// Waits until `source` is readable, at most for `timeout`; says whether it
/// is. A signal ends the wait early.
///
/// An epoll instance is readable when it has events, so this is the wait of
/// one with nanoseconds instead of its own milliseconds: a query that is due
/// in 200 µs can be sent on time. See [`set_timer_slack`](crate::set_timer_slack).
///
/// # Errors
///
/// The system's error.
pub fn wait_readable(source: &impl AsRawFd, timeout: Duration) -> io::Result<bool> {
    sys::wait_readable(source.as_raw_fd(), timeout)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_datagram_ends_the_wait_and_silence_does_not() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(!wait_readable(&socket, Duration::from_micros(200)).unwrap());
        socket
            .send_to(b"hey", socket.local_addr().unwrap())
            .unwrap();
        assert!(wait_readable(&socket, Duration::from_secs(10)).unwrap());
    }
}
