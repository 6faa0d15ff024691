//! Datagrams that are sent as one, and datagrams that are received as one.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use udp::{Options, RecvBatch, SegmentedBatch, Socket};

use crate::{assert_quiet, bind, connect, loopbacks, patient, receive, text};

/// What 64 queries look like: an id each, and one length but for the last.
fn batch() -> (SegmentedBatch, Vec<String>) {
    let mut said: Vec<_> = (0..63).map(|id| format!("id {id:04} question")).collect();
    said.push("id 0063".to_owned());
    let mut batch = SegmentedBatch::new();
    for bytes in &said {
        assert!(batch.push(bytes.as_bytes()));
    }
    (batch, said)
}

/// The receiver asked for nothing: it is every server there is.
#[test]
fn a_segmented_batch_arrives_as_datagrams_of_their_own() {
    for addr in loopbacks() {
        let server = bind(addr);
        let client = connect(&server);
        let (batch, said) = batch();
        let report = client.send_segmented(&batch, None).unwrap();
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
        let (batch, said) = batch();
        client.send_segmented(&batch, Some(to)).unwrap();
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
        assert_eq!(calls, 3, "the batch came as one");
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
fn a_segmented_batch_of_one_is_a_datagram() {
    let server = bind(loopbacks()[0]);
    let mut batch = SegmentedBatch::new();
    batch.push(b"alone");
    assert_eq!(connect(&server).send_segmented(&batch, None).unwrap().sent, 1);
    assert_eq!(receive(&server, 1), ["alone"]);
    batch.clear();
    let report = connect(&server).send_segmented(&batch, None).unwrap();
    assert_eq!(report, udp::SendReport::default());
    assert_quiet(&server);
}

#[test]
fn a_refusal_is_reported_once_and_the_next_batch_leaves() {
    for addr in loopbacks() {
        // Talks to another: the port is closed to us, and no other program gets it.
        let other = bind(addr).local_addr().unwrap();
        let closed = Socket::connect(Some(addr), other, &patient()).unwrap();
        let client = connect(&closed);
        let (batch, _) = batch();
        let first = client.send_segmented(&batch, None).unwrap();
        assert_eq!((first.sent, first.refused), (64, 0), "{addr}");
        let second = client.send_segmented(&batch, None).unwrap();
        assert_eq!((second.sent, second.failed, second.refused), (64, 0, 1), "{addr}");
        let error = client.take_error().unwrap().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[test]
fn a_segmented_batch_that_cannot_leave_fails_as_a_whole() {
    let sender = bind(loopbacks()[0]);
    let (batch, said) = batch();
    let report = sender.send_segmented(&batch, None).unwrap();
    assert_eq!((report.sent, report.failed), (0, 64));
    assert_eq!(report.first_errno, Some(libc::EDESTADDRREQ));
    let kept: Vec<_> = batch.iter().map(text).collect();
    assert_eq!(kept, said, "the caller can tell which");
}

#[test]
fn support_is_checked_before_a_segmented_batch_is_sent() {
    bind(loopbacks()[0]).check_segmentation().unwrap();
    // A socket that knows no segments stands for a kernel that knows none.
    let tcp = OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
    let error = Socket::from_std(UdpSocket::from(tcp))
        .check_segmentation()
        .unwrap_err();
    assert!(matches!(error.raw_os_error(), Some(libc::ENOPROTOOPT | libc::EOPNOTSUPP)), "{error}");
}
