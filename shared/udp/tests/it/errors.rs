//! What goes wrong on a socket, and that the rest goes on.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use udp::{ErrorBuffer, ErrorOrigin, LocalAddr, Options, RecvBatch, SendBatch, Socket};

use crate::{assert_quiet, bind, connect, loopbacks, patient, receive};

/// A port that was open a moment ago.
fn closed_port(addr: SocketAddr) -> SocketAddr {
    bind(addr).local_addr().unwrap()
}

#[test]
fn a_closed_port_refuses_a_receive() {
    for addr in loopbacks() {
        let peer = closed_port(addr);
        let client = Socket::connect(None, peer, &patient()).unwrap();
        client.send_to(b"?", peer, None).unwrap();
        let mut batch = RecvBatch::new(4, 512);
        let error = client.recv_batch(&mut batch, 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{addr}");
        assert!(batch.is_empty());
        assert_quiet(&client);
    }
}

#[test]
fn a_refusal_met_while_sending_costs_no_datagram() {
    for addr in loopbacks() {
        let peer = closed_port(addr);
        let client = Socket::connect(None, peer, &patient()).unwrap();
        let mut batch = SendBatch::new(3, 8);
        for _ in 0..3 {
            batch.push(b"?", None, None);
        }
        let report = client.send_batch(&mut batch).unwrap();
        assert_eq!((report.sent, report.failed), (3, 0));
        // The answer to the last one is still to be told.
        assert_eq!(report.refused, 2, "{addr}");
        let error = client.take_error().unwrap().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(client.take_error().unwrap().is_none());
    }
}

/// The ICMP message quotes the datagram that met the closed port.
#[test]
fn the_error_queue_has_which_datagram_was_refused() {
    for addr in loopbacks() {
        let peer = closed_port(addr);
        let options = Options { queue_errors: true, nonblocking: true, ..Options::default() };
        let client = Socket::connect(None, peer, &options).unwrap();
        let mut batch = SendBatch::new(3, 8);
        for said in ["one", "two", "three"] {
            batch.push(said.as_bytes(), None, None);
        }
        let report = client.send_batch(&mut batch).unwrap();
        assert_eq!((report.sent, batch.failures().len()), (3, 0), "{addr}");
        let mut buffer = ErrorBuffer::new();
        for said in ["one", "two", "three"] {
            let error = client.recv_error(&mut buffer).unwrap();
            assert_eq!((error.errno, error.bytes), (libc::ECONNREFUSED, said.as_bytes()), "{addr}");
            let (kind, code) = if addr.is_ipv4() { (3, 3) } else { (1, 4) };
            assert_eq!(error.origin, ErrorOrigin::Icmp { kind, code }, "{addr}");
        }
        let end = client.recv_error(&mut buffer).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::WouldBlock);
    }
}

#[test]
fn one_datagram_that_cannot_leave_holds_back_no_other() {
    for addr in loopbacks() {
        let server = bind(addr);
        let to = Some(server.local_addr().unwrap());
        let sender = bind(addr);
        let not_ours = match addr {
            SocketAddr::V4(_) => LocalAddr::new([192, 0, 2, 1].into(), 0),
            SocketAddr::V6(_) => LocalAddr::new("2001:db8::1".parse().unwrap(), 0),
        };
        let mut batch = SendBatch::new(5, 8);
        for (said, local) in
            [("a", None), ("x", Some(not_ours)), ("b", None), ("y", Some(not_ours)), ("c", None)]
        {
            batch.push(said.as_bytes(), to, local);
        }
        let report = sender.send_batch(&mut batch).unwrap();
        assert_eq!((report.sent, report.failed, report.refused), (3, 2, 0));
        assert!(report.first_errno.is_some());
        assert!(report.first_error().is_some());
        let failed: Vec<_> = batch
            .failures()
            .iter()
            .map(|failure| failure.index)
            .collect();
        assert_eq!(failed, [1, 3], "{addr}");
        let first = batch.failures().first().map(|failure| failure.errno);
        assert_eq!(first, report.first_errno);
        assert!(batch.is_empty());
        let unsent: Vec<_> = batch.unsent().map(|one| (one.octets, one.peer)).collect();
        assert_eq!(unsent, [(&b"x"[..], to), (&b"y"[..], to)]);
        assert!(
            batch
                .unsent()
                .all(|one| Some(one.errno) == report.first_errno)
        );
        assert_eq!(receive(&server, 3), ["a", "b", "c"]);
        batch.push(b"d", to, None);
        sender.send_batch(&mut batch).unwrap();
        assert_eq!((batch.unsent().count(), receive(&server, 1)), (0, vec!["d".to_owned()]));
        assert_quiet(&server);
    }
}

#[test]
fn a_datagram_without_a_destination_fails_alone() {
    let server = bind(loopbacks()[0]);
    let sender = bind(loopbacks()[0]);
    let mut batch = SendBatch::new(2, 8);
    batch.push(b"nowhere", None, None);
    batch.push(b"here", Some(server.local_addr().unwrap()), None);
    let report = sender.send_batch(&mut batch).unwrap();
    assert_eq!((report.sent, report.failed), (1, 1));
    assert_eq!(report.first_errno, Some(libc::EDESTADDRREQ));
    assert_eq!(receive(&server, 1), ["here"]);
}

#[test]
fn an_empty_batch_sends_nothing() {
    let server = bind(loopbacks()[0]);
    let report = connect(&server)
        .send_batch(&mut SendBatch::new(1, 8))
        .unwrap();
    assert_eq!(report, udp::SendReport::default());
}

#[test]
fn a_receive_waits_for_the_read_timeout() {
    for addr in loopbacks() {
        let timeout = Duration::from_millis(30);
        let options = Options { read_timeout: Some(timeout), ..Options::default() };
        let socket = Socket::bind(addr, &options).unwrap();
        let (elapsed, kind) = time_receive(&socket);
        assert_eq!(kind, io::ErrorKind::WouldBlock);
        // The kernel counts in ticks and may round a partial one away.
        assert!(elapsed >= timeout / 2, "{elapsed:?}");
    }
}

#[test]
fn a_nonblocking_receive_does_not_wait() {
    let options = Options { nonblocking: true, ..patient() };
    let (elapsed, kind) = time_receive(&Socket::bind(loopbacks()[0], &options).unwrap());
    assert_eq!(kind, io::ErrorKind::WouldBlock);
    assert!(elapsed < Duration::from_secs(4), "{elapsed:?}");
}

#[expect(clippy::disallowed_methods, reason = "it is the socket's own waiting that is tested")]
fn time_receive(socket: &Socket) -> (Duration, io::ErrorKind) {
    let started = Instant::now();
    let error = socket.recv_batch(&mut RecvBatch::new(2, 8), 2).unwrap_err();
    (started.elapsed(), error.kind())
}

#[test]
fn a_read_timeout_of_zero_is_refused() {
    let options = Options { read_timeout: Some(Duration::ZERO), ..Options::default() };
    let error = Socket::bind(loopbacks()[0], &options).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let socket = bind(loopbacks()[0]);
    assert_eq!(
        socket
            .set_read_timeout(Some(Duration::ZERO))
            .unwrap_err()
            .kind(),
        io::ErrorKind::InvalidInput
    );
}

#[test]
fn a_taken_or_foreign_address_is_an_error() {
    let socket = bind(loopbacks()[0]);
    let taken = Socket::bind(socket.local_addr().unwrap(), &Options::default()).unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    let foreign = Socket::bind(([192, 0, 2, 1], 0).into(), &Options::default()).unwrap_err();
    assert_eq!(foreign.kind(), io::ErrorKind::AddrNotAvailable);
}

#[test]
fn a_second_handle_shares_the_queue() {
    let server = bind(loopbacks()[0]);
    let twin = server.try_clone().unwrap();
    assert_ne!(server.as_raw_fd(), twin.as_raw_fd());
    connect(&server)
        .send_to(b"one", server.local_addr().unwrap(), None)
        .unwrap();
    assert_eq!(receive(&twin, 1), ["one"]);
    assert_quiet(&server);
}

#[test]
fn only_a_connected_socket_has_a_peer() {
    let server = bind(loopbacks()[1]);
    let client = connect(&server);
    assert_eq!(client.peer().unwrap(), server.local_addr().unwrap());
    assert_eq!(server.peer().unwrap_err().kind(), io::ErrorKind::NotConnected);
    assert_eq!(client.local_addr().unwrap().ip(), server.local_addr().unwrap().ip());
}
