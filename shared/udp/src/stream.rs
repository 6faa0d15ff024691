//! Octets of a stream with the moment the kernel received them.
//!
//! TCP has time stamps too: `recvmsg` gives that of the last segment whose octets
//! it returns (socket(7), `SO_TIMESTAMPNS`).

use std::io;
use std::os::fd::AsFd;
use std::time::SystemTime;

use crate::sys::{self, Slot};

/// What one read of a stream brought.
#[derive(Clone, Copy, Debug)]
pub struct Streamed {
    /// Octets read; none at the stream's end.
    pub len: usize,
    /// When the last of them came, after [`stamp_stream`].
    pub received: Option<SystemTime>,
}

/// Asks for time stamps on a stream.
///
/// # Errors
///
/// The system's error; none for a TCP socket.
pub fn stamp_stream(stream: &impl AsFd) -> io::Result<()> {
    sys::set_option(stream.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)
}

/// Reads from a stream as [`io::Read`] does, with the time stamp.
///
/// # Errors
///
/// As a read; `WouldBlock` when a stream that does not wait has nothing.
pub fn recv_stamped(stream: &impl AsFd, into: &mut [u8]) -> io::Result<Streamed> {
    let mut slot = Slot::EMPTY;
    let len = sys::receive_one(stream.as_fd(), into, &mut slot, 0)?;
    Ok(Streamed { len, received: slot.control.received().at })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;
    use crate::ClockPair;

    #[test]
    fn a_stream_tells_when_its_octets_came() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        stamp_stream(&stream).unwrap();
        let mut octets = [0; 64];
        let started = ClockPair::sample();
        // The first socket that asks turns stamping on, which the kernel does later.
        let received = loop {
            peer.write_all(b"hello").unwrap();
            let streamed = recv_stamped(&stream, &mut octets).unwrap();
            assert_eq!(&octets[..streamed.len], b"hello");
            if let Some(received) = streamed.received {
                break received;
            }
            assert!(started.monotonic.elapsed() < Duration::from_secs(10));
        };
        assert!(received >= started.realtime);
        drop(peer);
        assert_eq!(recv_stamped(&stream, &mut octets).unwrap().len, 0);
    }
}
