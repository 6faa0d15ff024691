//! A server that does no DNS: it receives trains of queries as one (`UDP_GRO`),
//! turns each into a response and sends the train back as one (`UDP_SEGMENT`).
//!
//! It costs a fraction of any server, so that what a client reaches against it
//! is the client's own limit.

use std::io;
use std::net::SocketAddr;

use anyhow::Result;
use udp::{Datagram, Options, RecvBatch, Socket, Train};

/// Serves until it is killed, with a socket and a thread for each flow that
/// the kernel's hash leads to it.
///
/// # Errors
///
/// When the address cannot be bound.
pub(crate) fn run(listen: SocketAddr, threads: usize) -> Result<()> {
    let mut workers = Vec::new();
    for _ in 0..threads {
        let socket = bind(listen)?;
        workers.push(std::thread::spawn(move || serve(&socket)));
    }
    crate::output::print_line("serving");
    for worker in workers {
        if let Ok(outcome) = worker.join() {
            outcome?;
        }
    }
    Ok(())
}

fn bind(addr: SocketAddr) -> io::Result<Socket> {
    let options = Options {
        reuse_port: true,
        gro: true,
        recv_buffer: Some(RECV_BUFFER),
        ..Options::default()
    };
    Socket::bind(addr, &options)
}

fn serve(socket: &Socket) -> io::Result<()> {
    let mut received = RecvBatch::new(BATCH, 65_535);
    let mut train = Train::new();
    loop {
        socket.recv_batch(&mut received, BATCH)?;
        for datagram in received.iter() {
            answer(socket, &datagram, &mut train)?;
        }
    }
}

/// Answers a train by a train; one that the kernel joined from more than a
/// train may hold by several.
fn answer(socket: &Socket, queries: &Datagram<'_>, train: &mut Train) -> io::Result<()> {
    for query in queries.segments() {
        let mut is_queued = push(train, query);
        if !is_queued && !train.is_empty() {
            socket.send_train(train, Some(queries.peer))?;
            train.clear();
            is_queued = push(train, query);
        }
        debug_assert!(is_queued || query.is_empty(), "a datagram fits an empty train");
    }
    socket.send_train(train, Some(queries.peer))?;
    train.clear();
    Ok(())
}

/// Queues the query with QR set: an answer without records.
fn push(train: &mut Train, query: &[u8]) -> bool {
    let Some(buffer) = train.next_buffer(query.len()) else { return false };
    buffer.copy_from_slice(query);
    if let Some(flags) = buffer.get_mut(2) {
        *flags |= 0x80;
    }
    train.commit(query.len());
    true
}

/// Trains of one `recvmmsg`.
const BATCH: usize = 16;
/// Bytes of the receive queue.
const RECV_BUFFER: usize = 8 << 20;
