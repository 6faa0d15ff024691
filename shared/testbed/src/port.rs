//! Ports nobody uses.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

/// Returns an address of `ip` whose port is free for UDP and for TCP.
///
/// It is not held: another process may take it before its user does. The
/// kernel hands out ports in a random order, so that is rare.
///
/// # Errors
///
/// When `ip` is not an address of this machine.
pub fn free(ip: impl Into<IpAddr>) -> io::Result<SocketAddr> {
    let ip = ip.into();
    let mut last = io::ErrorKind::AddrInUse.into();
    for _ in 0..TRIES {
        let addr = UdpSocket::bind((ip, 0))?.local_addr()?;
        match TcpListener::bind(addr) {
            Ok(_) => return Ok(addr),
            Err(error) => last = error,
        }
    }
    Err(last)
}

const TRIES: u32 = 64;
