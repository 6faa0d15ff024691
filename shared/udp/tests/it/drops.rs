//! Datagrams for which there is no room.

use std::net::{Ipv4Addr, UdpSocket};

use udp::{Options, RecvBatch, Socket};

/// What is sent is either received or counted as dropped, also when nothing is
/// received after the drop.
#[test]
fn each_datagram_is_received_or_counted() {
    let options = Options { recv_buffer: Some(16 << 10), nonblocking: true, ..Options::default() };
    let socket = Socket::bind((Ipv4Addr::LOCALHOST, 0).into(), &options).unwrap();
    assert_eq!(socket.recv_buffer().unwrap(), 16 << 10);
    assert_eq!(socket.dropped().unwrap(), 0);
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.connect(socket.local_addr().unwrap()).unwrap();
    let sent = 1000;
    for _ in 0..sent {
        client.send(&[7; 100]).unwrap();
    }
    let dropped = socket.dropped().unwrap();
    assert!(dropped > 0);
    let (mut batch, mut received) = (RecvBatch::new(32, 512), 0);
    while let Ok(more) = socket.recv_batch(&mut batch, 32) {
        received += more;
    }
    assert_eq!(received + usize::try_from(dropped).unwrap(), sent);
}
