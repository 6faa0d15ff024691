//! An upstream that says anything before, and sometimes instead of, the right
//! answer.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use testbed::client::parse;

use crate::attackers::tamper;

/// Names below are answered, after noise; all others as it happens.
pub(crate) const GOOD: &str = "good.test.";

/// The running upstream; it ends when it is dropped.
pub(crate) struct Hostile {
    addr: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    sent: AtomicU64,
}

impl Hostile {
    pub(crate) fn start() -> Self {
        let addr = testbed::port::free(Ipv4Addr::LOCALHOST).unwrap();
        let (socket, listener) = (UdpSocket::bind(addr).unwrap(), TcpListener::bind(addr).unwrap());
        let shared = Arc::new(Shared::default());
        let threads = vec![
            std::thread::spawn({
                let shared = Arc::clone(&shared);
                move || shared.answer_datagrams(&socket)
            }),
            std::thread::spawn({
                let shared = Arc::clone(&shared);
                move || shared.take_connections(&listener)
            }),
        ];
        Self { addr, shared, threads }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Messages sent, right and wrong.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(self.addr));
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

impl Shared {
    fn answer_datagrams(&self, socket: &UdpSocket) {
        let mut random = StdRng::seed_from_u64(1);
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let mut buffer = [0; 4096];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
            for reply in replies(&mut random, &buffer[..length]) {
                // Its port may be closed by now.
                if socket.send_to(&reply, from).is_ok() {
                    self.sent.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    fn take_connections(&self, listener: &TcpListener) {
        std::thread::scope(|scope| {
            for (seed, stream) in (2..).zip(listener.incoming()) {
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                scope.spawn(move || self.answer_frames(stream, seed));
            }
        });
    }

    /// Ends the connection by itself now and then, in the middle of a frame.
    fn answer_frames(&self, mut stream: TcpStream, seed: u64) -> Option<()> {
        let mut random = StdRng::seed_from_u64(seed);
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        loop {
            let mut length = [0; 2];
            stream.read_exact(&mut length).ok()?;
            let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut octets).ok()?;
            for reply in replies(&mut random, &octets) {
                let length = u16::try_from(reply.len()).ok()?;
                let mut frame = [&length.to_be_bytes()[..], &reply].concat();
                let cut = random.random_ratio(1, 200);
                if cut {
                    frame.truncate(random.random_range(0..=frame.len()));
                }
                stream.write_all(&frame).ok()?;
                self.sent.fetch_add(1, Ordering::Relaxed);
                if cut {
                    return None;
                }
            }
        }
    }
}

/// Up to three wrong messages, and mostly the right one.
fn replies(random: &mut StdRng, query: &[u8]) -> Vec<Vec<u8>> {
    let Ok(mut message) = parse(query) else { return Vec::new() };
    let Some(question) = message.queries.first() else { return Vec::new() };
    let name = question.name().clone();
    let good = name.to_ascii().to_lowercase().ends_with(GOOD);
    message.metadata.message_type = hickory_proto::op::MessageType::Response;
    message.add_answer(Record::from_rdata(name, 60, RData::A(A::new(10, 9, 9, 9))));
    let right = message.to_vec().unwrap();
    let mut replies = Vec::new();
    for _ in 0..random.random_range(0..4) {
        let mut wrong = tamper(random, right.clone());
        if good && let Some(octet) = wrong.first_mut() {
            // A flip in the address alone is an answer like any other, so a
            // wrong id has to tell this one apart.
            *octet = !right[0];
        }
        replies.push(wrong);
    }
    if good {
        replies.push(right);
    } else {
        replies.extend(sometimes(random, message));
    }
    replies
}

/// An answer, one of many shapes, or none.
fn sometimes(random: &mut StdRng, mut message: Message) -> Option<Vec<u8>> {
    match random.random_range(0..10) {
        0 => return None,
        1 => message.metadata.truncation = true,
        2 => message.metadata.response_code = ResponseCode::ServFail,
        3 => message.metadata.response_code = ResponseCode::NXDomain,
        4 => {
            let owner = message.queries[0].name().clone();
            for n in 0..random.random_range(1..60) {
                let record =
                    Record::from_rdata(owner.clone(), n.into(), RData::A(A::new(10, 1, 1, n)));
                message.add_answer(record);
            }
        }
        _ => {}
    }
    message.to_vec().ok()
}
