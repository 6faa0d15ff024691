//! Ports that are the caller's alone.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};

/// Returns an address of `ip` whose port is free for UDP and for TCP, and is
/// given out once only until this process ends.
///
/// It lies below the ports that the kernel chooses from, so no socket without
/// a port of its own takes it; and it is reserved by the name of an abstract
/// Unix socket, which another test process then cannot take. So a program may
/// bind it later, or rely on no program listening there.
///
/// # Errors
///
/// When `ip` is not an address of this machine, or all ports are in use.
pub fn free(ip: impl Into<IpAddr>) -> io::Result<SocketAddr> {
    let ip = ip.into();
    let ports = below_ephemeral();
    // Processes start at different ports: they seldom meet.
    let offset = std::process::id().wrapping_mul(SPREAD) % u32::from(ports.end - ports.start);
    let start = ports.start + u16::try_from(offset).unwrap_or(0);
    let mut last = io::ErrorKind::AddrInUse.into();
    for port in (start..ports.end).chain(ports.start..start) {
        let addr = SocketAddr::new(ip, port);
        match reserve(port).and_then(|socket| bind(addr).map(|()| socket)) {
            Ok(socket) => {
                RESERVED
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(socket);
                return Ok(addr);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Takes the name of a port; it is given back when the socket is closed.
fn reserve(port: u16) -> io::Result<UnixDatagram> {
    UnixDatagram::bind_addr(&UnixAddr::from_abstract_name(format!("fivedots-test-port-{port}"))?)
}

fn bind(addr: SocketAddr) -> io::Result<()> {
    UdpSocket::bind(addr)?;
    TcpListener::bind(addr)?;
    Ok(())
}

/// The ports from [`LOWEST`] on that the kernel does not choose from.
fn below_ephemeral() -> Range<u16> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let first = text
        .ok()
        .and_then(|text| text.split_ascii_whitespace().next()?.parse().ok());
    let first: u16 = first.unwrap_or(LINUX_DEFAULT);
    // A machine that leaves no room there has all ports in the kernel's range.
    if first > LOWEST + ROOM { LOWEST..first } else { LOWEST..LINUX_DEFAULT }
}

/// Names taken by this process.
static RESERVED: Mutex<Vec<UnixDatagram>> = Mutex::new(Vec::new());

/// Above the ports that our programs listen on by default.
const LOWEST: u16 = 12_000;
/// Fewer ports than this are not worth the search.
const ROOM: u16 = 1_000;
/// The first port that Linux chooses from, unless configured otherwise.
const LINUX_DEFAULT: u16 = 32_768;
/// A prime, so that process ids in a row start far apart.
const SPREAD: u32 = 7_919;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_port_is_given_once_and_below_those_of_the_kernel() {
        let ports: HashSet<_> = (0..50)
            .map(|_| free(Ipv4Addr::LOCALHOST).unwrap().port())
            .collect();
        assert_eq!(ports.len(), 50);
        let own = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert!(ports.iter().all(|port| *port < own.port()), "{ports:?}");
    }

    #[test]
    fn a_port_in_use_is_not_given() {
        let given = free(Ipv4Addr::LOCALHOST).unwrap();
        assert_eq!(reserve(given.port()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let _listener = TcpListener::bind(given).unwrap();
        assert!(bind(given).is_err());
    }

    #[test]
    fn an_address_of_another_machine_is_an_error() {
        assert!(free(Ipv4Addr::new(192, 0, 2, 1)).is_err());
    }
}
