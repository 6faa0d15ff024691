//! Many datagrams by one call, and the bounds of a batch.

use udp::{Options, RecvBatch, SendBatch, Socket};

use crate::{assert_quiet, bind, connect, loopbacks, receive, text};

#[test]
fn a_batch_arrives_whole_and_in_order() {
    for addr in loopbacks() {
        let server = bind(addr);
        let client = connect(&server);
        let mut batch = SendBatch::new(20, 64);
        let said: Vec<_> = (0..20).map(|i| format!("datagram {i}")).collect();
        for bytes in &said {
            assert!(batch.push(bytes.as_bytes(), None, None));
        }
        assert!(batch.is_full());

        let report = client.send_batch(&mut batch).unwrap();
        assert_eq!((report.sent, report.failed, report.first_error()), (20, 0, None));
        assert!(batch.is_empty());
        assert_eq!(receive(&server, 20), said, "{addr}");
    }
}

#[test]
fn answers_go_back_to_their_clients() {
    for addr in loopbacks() {
        let server = bind(addr);
        let clients = [connect(&server), connect(&server), connect(&server)];
        for (i, client) in clients.iter().enumerate() {
            client
                .send_to(&[b'0' + u8::try_from(i).unwrap()], server.local_addr().unwrap(), None)
                .unwrap();
        }
        let mut queries = RecvBatch::new(8, 512);
        let mut answers = SendBatch::new(8, 512);
        while answers.len() < 3 {
            server.recv_batch(&mut queries, 8).unwrap();
            for query in queries.iter() {
                let buffer = answers.next_buffer().unwrap();
                buffer[..3].copy_from_slice(b"re:");
                buffer[3] = query.bytes[0];
                answers.commit(4, Some(query.peer), query.local);
            }
        }
        assert_eq!(server.send_batch(&mut answers).unwrap().sent, 3);
        for (i, client) in clients.iter().enumerate() {
            assert_eq!(receive(client, 1), [format!("re:{i}")]);
        }
    }
}

#[test]
fn no_more_is_received_than_wanted() {
    for addr in loopbacks() {
        let server = bind(addr);
        let client = connect(&server);
        for i in 0..10_u8 {
            client
                .send_to(&[b'0' + i], server.local_addr().unwrap(), None)
                .unwrap();
        }
        let mut batch = RecvBatch::new(4, 512);
        assert_eq!(server.recv_batch(&mut batch, 1).unwrap(), 1);
        assert_eq!(text(batch.get(0).unwrap().bytes), "0");
        assert!(batch.get(1).is_none());

        assert_eq!(server.recv_batch(&mut batch, 100).unwrap(), 4, "the capacity bounds it");
        let said: Vec<_> = batch.iter().map(|datagram| text(datagram.bytes)).collect();
        assert_eq!(said, ["1", "2", "3", "4"]);

        assert_eq!(server.recv_batch(&mut batch, 0).unwrap(), 1, "none is no receive");
        assert_eq!(server.recv_batch(&mut batch, 2).unwrap(), 2);
        assert!(batch.get(2).is_none(), "what an earlier batch held is gone");
        assert_eq!(server.recv_batch(&mut batch, 4).unwrap(), 2, "waits for the first only");
    }
}

#[test]
fn a_datagram_longer_than_its_buffer_says_so() {
    for addr in loopbacks() {
        let server = bind(addr);
        let client = connect(&server);
        let mut out = SendBatch::new(3, 64);
        for bytes in [&b"12345"[..], b"123456789", b""] {
            out.push(bytes, None, None);
        }
        assert_eq!(client.send_batch(&mut out).unwrap().sent, 3);
        let mut batch = RecvBatch::new(3, 8);
        assert_eq!(server.recv_batch(&mut batch, 3).unwrap(), 3);
        let seen: Vec<_> = batch.iter().map(|d| (text(d.bytes), d.truncated)).collect();
        let whole = |said: &str| (said.to_owned(), false);
        assert_eq!(seen, [whole("12345"), ("12345678".to_owned(), true), whole("")]);
    }
}

#[test]
fn a_full_batch_takes_nothing_more() {
    let mut batch = SendBatch::new(1, 4);
    assert!(!batch.push(b"12345", None, None), "longer than a buffer");
    assert!(batch.push(b"1234", None, None));
    assert!(batch.next_buffer().is_none());
    batch.commit(4, None, None);
    assert!(!batch.push(b"", None, None));
    assert_eq!(batch.len(), 1);

    batch.clear();
    assert_eq!(batch.next_buffer().unwrap(), b"1234", "a buffer is not wiped");
}

#[test]
fn sizes_stay_within_the_systems_bounds() {
    assert_eq!(SendBatch::new(0, 0).next_buffer().unwrap().len(), 1);
    assert_eq!(SendBatch::new(1, 1 << 20).next_buffer().unwrap().len(), 65_535);
    assert_eq!(SendBatch::new(1 << 20, 1).capacity(), 1024);
    assert_eq!(RecvBatch::new(1 << 20, 1).capacity(), 1024);
    assert_eq!(RecvBatch::new(0, 1).capacity(), 1);
}

#[test]
fn batches_and_sockets_move_between_threads() {
    let server = bind(loopbacks()[0]);
    let client = connect(&server);
    let (mut out, mut into) = (SendBatch::new(1, 8), RecvBatch::new(1, 8));
    out.push(b"moved", None, None);
    let said = std::thread::spawn(move || {
        client.send_batch(&mut out).unwrap();
        server.recv_batch(&mut into, 1).unwrap();
        into
    });
    assert_eq!(said.join().unwrap().get(0).unwrap().bytes, b"moved");
}

#[test]
fn sockets_with_reuse_port_share_an_address() {
    for addr in loopbacks() {
        let options = Options { reuse_port: true, nonblocking: true, ..Options::default() };
        let first = Socket::bind(addr, &options).unwrap();
        let shared = first.local_addr().unwrap();
        let second = Socket::bind(shared, &options).unwrap();
        assert!(Socket::bind(shared, &Options::default()).is_err());

        // One peer always meets the same socket; 64 peers meet both, but for
        // one chance in 2^63.
        for _ in 0..64 {
            let client = Socket::connect(None, shared, &Options::default()).unwrap();
            client.send_to(b"?", shared, None).unwrap();
        }
        let mut batch = RecvBatch::new(64, 8);
        let counts = [&first, &second].map(|socket| socket.recv_batch(&mut batch, 64).unwrap());
        assert_eq!(counts[0] + counts[1], 64);
    }
}

#[test]
fn ipv6_leaves_ipv4_alone() {
    let v6 = bind(([0_u16; 8], 0).into());
    let port = v6.local_addr().unwrap().port();
    let v4 = bind(([0, 0, 0, 0], port).into());
    connect(&v4)
        .send_to(b"v4", ([127, 0, 0, 1], port).into(), None)
        .unwrap();
    assert_eq!(receive(&v4, 1), ["v4"]);
    assert_quiet(&v6);
}
