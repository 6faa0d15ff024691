//! Datagrams that are sent as one, and datagrams that are received as one.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use udp::{Options, RecvBatch, Socket, Train};

use crate::{assert_quiet, bind, connect, loopbacks, patient, receive, text};

/// What 64 queries look like: an id each, and one length but for the last.
fn train() -> (Train, Vec<String>) {
    let mut said: Vec<_> = (0..63).map(|id| format!("id {id:04} question")).collect();
    said.push("id 0063".to_owned());
    let mut train = Train::new();
    for bytes in &said {
        assert!(train.push(bytes.as_bytes()));
    }
    (train, said)
}

/// The receiver asked for nothing: it is every server there is.
#[test]
fn a_train_arrives_as_datagrams_of_their_own() {
    for addr in loopbacks() {
        let server = bind(addr);
        let client = connect(&server);
        let (train, said) = train();
        let report = client.send_train(&train, None).unwrap();
        assert_eq!((report.sent, report.failed, report.refused), (64, 0, 0), "{addr}");
        assert_eq!(receive(&server, 64), said);
        assert_quiet(&server);
    }
}

#[test]
fn a_receiver_that_wants_them_as_one_can_take_them_apart() {
    for addr in loopbacks() {
        let server = Socket::bind(addr, &Options { gro: true, ..all() }).unwrap();
        let to = server.local_addr().unwrap();
        let client = bind(addr);
        let (train, said) = train();
        client.send_train(&train, Some(to)).unwrap();
        client.send_to(b"alone", to, None).unwrap();
        client.send_to(b"", to, None).unwrap();

        let mut batch = RecvBatch::new(4, 65_535);
        let mut found = Vec::new();
        let mut calls = 0;
        while found.len() < 66 {
            calls += server.recv_batch(&mut batch, 4).unwrap();
            for datagram in batch.iter() {
                assert_eq!(datagram.peer, client.local_addr().unwrap());
                assert!(datagram.local.is_some() && datagram.received.is_some());
                found.extend(datagram.segments().map(text));
            }
        }
        assert_eq!(calls, 3, "the train came as one");
        assert_eq!(found.len(), 66);
        assert_eq!(found[..64], said);
        assert_eq!(found[64..], ["alone", ""]);
    }
}

/// Everything that has a control message of its own.
fn all() -> Options {
    Options { pktinfo: true, timestamps: true, ..patient() }
}

#[test]
fn a_train_of_one_is_a_datagram() {
    let server = bind(loopbacks()[0]);
    let mut train = Train::new();
    train.push(b"alone");
    assert_eq!(connect(&server).send_train(&train, None).unwrap().sent, 1);
    assert_eq!(receive(&server, 1), ["alone"]);
    train.clear();
    let report = connect(&server).send_train(&train, None).unwrap();
    assert_eq!(report, udp::SendReport::default());
    assert_quiet(&server);
}

#[test]
fn a_refused_train_is_told_once_and_the_next_one_leaves() {
    for addr in loopbacks() {
        // Talks to another: the port is closed to us, and nobody else gets it.
        let other = bind(addr).local_addr().unwrap();
        let closed = Socket::connect(Some(addr), other, &patient()).unwrap();
        let client = connect(&closed);
        let (train, _) = train();
        let first = client.send_train(&train, None).unwrap();
        assert_eq!((first.sent, first.refused), (64, 0), "{addr}");
        let second = client.send_train(&train, None).unwrap();
        assert_eq!((second.sent, second.failed, second.refused), (64, 0, 1), "{addr}");
        let error = client.take_error().unwrap().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[test]
fn a_train_that_cannot_leave_fails_as_a_whole() {
    let sender = bind(loopbacks()[0]);
    let (train, said) = train();
    let report = sender.send_train(&train, None).unwrap();
    assert_eq!((report.sent, report.failed), (0, 64));
    assert_eq!(report.first_errno, Some(libc::EDESTADDRREQ));
    let kept: Vec<_> = train.iter().map(text).collect();
    assert_eq!(kept, said, "the caller can tell which");
}

#[test]
fn the_kernel_is_asked_before_a_train_is_sent() {
    bind(loopbacks()[0]).check_trains().unwrap();
    // A socket that knows no segments stands for a kernel that knows none.
    let tcp = OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
    let error = Socket::from_std(UdpSocket::from(tcp))
        .check_trains()
        .unwrap_err();
    assert!(matches!(error.raw_os_error(), Some(libc::ENOPROTOOPT | libc::EOPNOTSUPP)), "{error}");
}
