//! A server that does no DNS: it receives segmented batches of queries
//! (`UDP_GRO`), turns each into a response and sends the batch back with one call
//! (`UDP_SEGMENT`).
//!
//! It costs a fraction of any server, so that what a client reaches against it
//! is the client's own limit.

use std::io;
use std::net::SocketAddr;

use anyhow::Result;
use udp::{Datagram, Options, RecvBatch, SegmentedBatch, Socket};

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
    let mut batch = SegmentedBatch::new();
    loop {
        socket.recv_batch(&mut received, BATCH)?;
        for datagram in received.iter() {
            answer(socket, &datagram, &mut batch)?;
        }
    }
}

/// Answers a segmented batch with one; with several where the kernel joined
/// more datagrams than one batch may hold.
fn answer(socket: &Socket, queries: &Datagram<'_>, batch: &mut SegmentedBatch) -> io::Result<()> {
    for query in queries.segments() {
        let mut is_queued = push(batch, query);
        if !is_queued && !batch.is_empty() {
            socket.send_segmented(batch, Some(queries.peer))?;
            batch.clear();
            is_queued = push(batch, query);
        }
        debug_assert!(is_queued || query.is_empty(), "a datagram fits an empty batch");
    }
    socket.send_segmented(batch, Some(queries.peer))?;
    batch.clear();
    Ok(())
}

/// Queues the query with QR set: an answer without records.
fn push(batch: &mut SegmentedBatch, query: &[u8]) -> bool {
    let Some(buffer) = batch.next_buffer(query.len()) else { return false };
    buffer.copy_from_slice(query);
    if let Some(flags) = buffer.get_mut(2) {
        *flags |= 0x80;
    }
    batch.commit(query.len());
    true
}

/// Segmented batches of one `recvmmsg`.
const BATCH: usize = 16;
/// Bytes of the receive queue.
const RECV_BUFFER: usize = 8 << 20;
