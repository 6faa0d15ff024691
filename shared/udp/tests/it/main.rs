//! Sockets on the loopback interface, over IPv4 and IPv6.
#![cfg(test)]

mod batches;
mod drops;
mod errors;
mod leaving;
mod metadata;
mod segmented;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use udp::{Options, RecvBatch, Socket};

/// Both loopback addresses, with a port of the kernel's choice.
fn loopbacks() -> [SocketAddr; 2] {
    [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]
}

/// Long enough that only a lost datagram makes a test wait for it.
fn patient() -> Options {
    Options { read_timeout: Some(Duration::from_secs(5)), ..Options::default() }
}

fn bind(addr: SocketAddr) -> Socket {
    Socket::bind(addr, &patient()).unwrap()
}

fn connect(peer: &Socket) -> Socket {
    Socket::connect(None, peer.local_addr().unwrap(), &patient()).unwrap()
}

/// Receives until `n` datagrams are there, and returns what they say.
fn receive(socket: &Socket, n: usize) -> Vec<String> {
    let mut batch = RecvBatch::new(8, 512);
    let mut all = Vec::new();
    while all.len() < n {
        socket.recv_batch(&mut batch, 8).unwrap();
        all.extend(batch.iter().map(|datagram| text(datagram.bytes)));
    }
    all
}

/// Says that nothing is in the socket's queue: loopback delivers before the
/// send returns, so there is nothing to wait for.
fn assert_quiet(socket: &Socket) {
    socket
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    let result = socket.recv_batch(&mut RecvBatch::new(1, 512), 1);
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
