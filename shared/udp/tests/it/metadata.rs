//! What comes beside a datagram: the address that was asked, and when.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime};

use udp::{ClockPair, Datagram, LocalAddr, Options, RecvBatch, SendBatch, Socket};

use crate::{bind, connect, loopbacks, patient, receive};

fn wildcard(like: SocketAddr) -> Socket {
    let ip: IpAddr = match like {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let options = Options { pktinfo: true, timestamps: true, ..patient() };
    Socket::bind((ip, 0).into(), &options).unwrap()
}

/// A connected socket drops whatever another address sends, so an answer that
/// arrives came from the one that was asked.
#[test]
fn a_wildcard_socket_answers_from_the_address_that_was_asked() {
    for ip in ["127.0.0.1", "127.0.0.2", "127.9.9.9", "::1"] {
        let asked: IpAddr = ip.parse().unwrap();
        let server = wildcard((asked, 0).into());
        let to = SocketAddr::new(asked, server.local_addr().unwrap().port());
        let client = Socket::connect(None, to, &patient()).unwrap();
        client.send_to(b"query", to, None).unwrap();

        let mut batch = RecvBatch::new(4, 512);
        server.recv_batch(&mut batch, 4).unwrap();
        let query = batch.get(0).unwrap();
        let local = query.local.unwrap();
        assert_eq!(local.address(), asked);
        assert_ne!(local.interface(), 0);

        let mut answers = SendBatch::new(4, 512);
        answers.push(b"now", Some(query.peer), Some(local));
        assert_eq!(server.send_batch(&mut answers).unwrap().sent, 1);
        server.send_to(b"late", query.peer, Some(local)).unwrap();
        assert_eq!(receive(&client, 2), ["now", "late"], "{ip}");
    }
}

#[test]
fn one_batch_answers_from_several_addresses() {
    let server = wildcard(loopbacks()[0]);
    let port = server.local_addr().unwrap().port();
    let clients: Vec<_> = (1..=4)
        .map(|last| Socket::connect(None, ([127, 0, 0, last], port).into(), &patient()).unwrap())
        .collect();
    let mut answers = SendBatch::new(4, 8);
    for (client, last) in clients.iter().zip(1..) {
        let local = LocalAddr::new([127, 0, 0, last].into(), 0);
        answers.push(&[b'0' + last], Some(client.local_addr().unwrap()), Some(local));
    }
    assert_eq!(server.send_batch(&mut answers).unwrap().sent, 4);
    for (client, last) in clients.iter().zip(1..) {
        assert_eq!(receive(client, 1), [format!("{last}")]);
    }
}

#[test]
fn kernel_stamps_lie_between_send_and_receive_and_never_go_back() {
    for addr in loopbacks() {
        let server = wildcard(addr);
        let to = SocketAddr::new(addr.ip(), server.local_addr().unwrap().port());
        let client = Socket::connect(None, to, &patient()).unwrap();
        let mut batch = SendBatch::new(16, 8);
        while batch.push(b"?", None, None) {}

        let before = ClockPair::sample();
        assert_eq!(client.send_batch(&mut batch).unwrap().sent, 16);
        let mut into = RecvBatch::new(16, 8);
        let mut stamps: Vec<SystemTime> = Vec::new();
        while stamps.len() < 16 {
            server.recv_batch(&mut into, 16).unwrap();
            stamps.extend(into.iter().map(|datagram| datagram.received.unwrap()));
        }
        let after = ClockPair::sample();

        assert!(stamps.is_sorted(), "{stamps:?}");
        // As much as the clocks may have been slewed and read apart.
        let slack = Duration::from_millis(1);
        for stamp in stamps {
            let instant = before.instant_of(stamp);
            assert!(instant + slack >= before.monotonic, "{addr} too early");
            assert!(instant <= after.monotonic + slack, "{addr} too late");
        }
    }
}

#[test]
fn without_the_options_there_is_neither_address_nor_stamp() {
    for addr in loopbacks() {
        let server = bind(addr);
        let client = connect(&server);
        client
            .send_to(b"?", server.local_addr().unwrap(), None)
            .unwrap();
        let mut batch = RecvBatch::new(1, 8);
        server.recv_batch(&mut batch, 1).unwrap();
        let Datagram { peer, local, received, .. } = batch.get(0).unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!((local, received), (None, None));
    }
}

#[test]
fn a_socket_can_be_taken_over_from_std() {
    let server = Socket::from_std(UdpSocket::bind(loopbacks()[0]).unwrap());
    server
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    connect(&server)
        .send_to(b"std", server.local_addr().unwrap(), None)
        .unwrap();
    assert_eq!(receive(&server, 1), ["std"]);
}

#[test]
fn connect_can_choose_the_local_address() {
    let server = bind(loopbacks()[0]);
    let to = server.local_addr().unwrap();
    let local = SocketAddr::from(([127, 0, 0, 3], 0));
    let client = Socket::connect(Some(local), to, &patient()).unwrap();
    assert_eq!(client.local_addr().unwrap().ip(), local.ip());
    assert_ne!(client.local_addr().unwrap().port(), 0);
}

#[test]
fn the_kernel_gives_connected_sockets_random_ports() {
    let server = bind(loopbacks()[0]);
    let sockets: Vec<_> = (0..16).map(|_| connect(&server)).collect();
    let ports: Vec<_> = sockets
        .iter()
        .map(|s| s.local_addr().unwrap().port())
        .collect();
    assert!(!ports.is_sorted(), "{ports:?}");
    assert!(!ports.iter().rev().is_sorted(), "{ports:?}");
}

#[test]
fn buffers_grow_to_what_was_asked() {
    let options =
        Options { recv_buffer: Some(100_000), send_buffer: Some(90_000), ..Options::default() };
    for addr in loopbacks() {
        let socket = Socket::bind(addr, &options).unwrap();
        let socket = socket2::SockRef::from(&socket);
        // The kernel doubles the number, for its own overhead.
        assert_eq!(socket.recv_buffer_size().unwrap(), 200_000);
        assert_eq!(socket.send_buffer_size().unwrap(), 180_000);
    }
}

/// Over IPv6 the header's 40 octets are what makes the largest datagram exceed
/// loopback's MTU of 65,536; over IPv4, with 20, the length field ends first.
#[test]
fn without_fragments_what_exceeds_the_interface_is_an_error() {
    let server = bind(loopbacks()[1]);
    let to = server.local_addr().unwrap();
    let largest = vec![b'x'; 65_527];
    let options = Options { dont_fragment: true, ..patient() };
    let whole = Socket::connect(None, to, &options).unwrap();
    let error = whole.send_to(&largest, to, None).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    whole.send_to(b"fits", to, None).unwrap();
    connect(&server).send_to(&largest, to, None).unwrap();

    let mut batch = RecvBatch::new(2, 65_535);
    let mut sizes = Vec::new();
    while sizes.len() < 2 {
        server.recv_batch(&mut batch, 2).unwrap();
        sizes.extend(batch.iter().map(|datagram| datagram.bytes.len()));
    }
    assert_eq!(sizes, [4, 65_527]);
}

#[test]
fn without_fragments_ipv4_leaves_as_before() {
    let server = bind(loopbacks()[0]);
    let to = server.local_addr().unwrap();
    let options = Options { dont_fragment: true, ..patient() };
    Socket::connect(None, to, &options)
        .unwrap()
        .send_to(b"whole", to, None)
        .unwrap();
    assert_eq!(receive(&server, 1), ["whole"]);
}
