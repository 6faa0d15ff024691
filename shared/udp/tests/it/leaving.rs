//! A socket that leaves a port which it shares.

use udp::{Options, RecvBatch, Socket};

use crate::{bind, connect, loopbacks, patient, text};

fn queued(socket: &Socket) -> Vec<String> {
    let mut batch = RecvBatch::new(8, 512);
    let mut all = Vec::new();
    while socket.recv_batch(&mut batch, 8).is_ok() {
        all.extend(batch.iter().map(|datagram| text(datagram.bytes)));
    }
    all
}

/// No datagram is lost on the way from the old sockets to the new one.
#[test]
fn what_was_queued_stays_and_what_comes_goes_to_the_others() {
    for addr in loopbacks() {
        let options = Options { reuse_port: true, nonblocking: true, ..Options::default() };
        let old = Socket::bind(addr, &options).unwrap();
        let new = Socket::bind(old.local_addr().unwrap(), &options).unwrap();
        let send = |text: &str| {
            // Each from another port, so that both sockets get some.
            let client = connect(&old);
            client
                .send_to(text.as_bytes(), old.local_addr().unwrap(), None)
                .unwrap();
            client
        };
        // Open until they are counted.
        let mut clients = Vec::new();
        clients.extend((0..64).map(|n| send(&format!("early {n}"))));
        old.leave_port().unwrap();
        clients.extend((0..64).map(|n| send(&format!("late {n}"))));
        let (old_got, new_got) = (queued(&old), queued(&new));
        assert_eq!(old_got.len() + new_got.len(), clients.len());
        assert!(old_got.iter().all(|text| text.starts_with("early")), "{old_got:?}");
        assert!(!old_got.is_empty(), "the kernel spreads 64 clients over two sockets");
        // It can still answer.
        let client = bind(addr);
        old.send_to(b"answer", client.local_addr().unwrap(), None)
            .unwrap();
        assert_eq!(crate::receive(&client, 1), ["answer"]);
    }
}

/// Where it was the last one, clients learn at once that nothing listens.
#[test]
fn a_port_that_all_have_left_is_closed() {
    for addr in loopbacks() {
        let socket = Socket::bind(addr, &patient()).unwrap();
        let client = connect(&socket);
        socket.leave_port().unwrap();
        client
            .send_to(b"query", socket.local_addr().unwrap(), None)
            .unwrap();
        let refused = client
            .recv_batch(&mut RecvBatch::new(1, 512), 1)
            .unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}
