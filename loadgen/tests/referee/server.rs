//! A server that misbehaves on order, on one address for each way to do so.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket_buffer::with_large_queue;

/// What becomes of a query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Answer,
    /// The address is there, the port is not.
    Closed,
    Silent,
    Delay(u64),
    /// Each n-th gets no answer.
    LoseEach(u64),
    Twice,
    AgainAfter(u64),
    WrongId,
    WrongQuestion,
    WrongThenRight,
    Rcode(u8),
    Truncated,
    /// Nothing is read for so many milliseconds, once.
    Stall(u64),
}

/// Answers at `address` until the process ends.
pub(crate) fn serve(address: SocketAddr, mode: Mode) {
    if mode == Mode::Closed {
        return;
    }
    let socket = with_large_queue(address);
    std::thread::spawn(move || Server { socket, mode, count: 0, pending: BTreeMap::new() }.run());
}

struct Server {
    socket: UdpSocket,
    mode: Mode,
    count: u64,
    /// Replies by their time, and a number that tells equal times apart.
    pending: BTreeMap<(Instant, u64), (SocketAddr, Vec<u8>)>,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "the delays are what it plays")]
    fn run(mut self) {
        let mut octets = [0; 512];
        loop {
            let now = Instant::now();
            while let Some(entry) = self.pending.first_entry()
                && entry.key().0 <= now
            {
                let (peer, reply) = entry.remove();
                self.socket.send_to(&reply, peer).ok();
            }
            let next = self.pending.keys().next().map(|(at, _)| *at - now);
            let wait = next.unwrap_or(Duration::from_secs(1));
            self.socket
                .set_read_timeout(Some(wait.max(Duration::from_micros(50))))
                .unwrap();
            let Ok((len, peer)) = self.socket.recv_from(&mut octets) else { continue };
            self.count += 1;
            self.query(&octets[..len], peer, Instant::now());
        }
    }

    fn query(&mut self, query: &[u8], peer: SocketAddr, now: Instant) {
        let right = reply(query, 0, |_| {});
        match self.mode {
            Mode::Answer => self.send(&right, peer),
            Mode::Closed | Mode::Silent => {}
            Mode::Delay(ms) => self.later(ms, right, peer, now),
            Mode::LoseEach(n) if self.count.is_multiple_of(n) => {}
            Mode::LoseEach(_) => self.send(&right, peer),
            Mode::Twice => {
                self.send(&right, peer);
                self.send(&right, peer);
            }
            Mode::AgainAfter(ms) => {
                self.send(&right, peer);
                self.later(ms, right, peer, now);
            }
            Mode::WrongId => self.send(&reply(query, 0, |octets| octets[0] ^= 0x55), peer),
            Mode::WrongQuestion => self.send(&reply(query, 0, |octets| octets[13] ^= 1), peer),
            Mode::WrongThenRight => {
                self.send(&reply(query, 0, |octets| octets[13] ^= 1), peer);
                self.send(&right, peer);
            }
            Mode::Rcode(rcode) => self.send(&reply(query, rcode, |_| {}), peer),
            Mode::Truncated => self.send(&reply(query, 0, |octets| octets[2] |= 2), peer),
            Mode::Stall(ms) => {
                if self.count == STALL_AT {
                    testbed::pace(Duration::from_millis(ms));
                }
                self.send(&right, peer);
            }
        }
    }

    fn send(&self, reply: &[u8], peer: SocketAddr) {
        self.socket.send_to(reply, peer).ok();
    }

    fn later(&mut self, ms: u64, reply: Vec<u8>, peer: SocketAddr, now: Instant) {
        let at = now + Duration::from_millis(ms);
        self.pending.insert((at, self.count), (peer, reply));
    }
}

fn reply(query: &[u8], rcode: u8, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut reply = query.to_vec();
    reply[2] |= 0x80;
    reply[3] = 0x80 | rcode;
    change(&mut reply);
    reply
}

/// The query at which a stall begins.
const STALL_AT: u64 = 300;

mod socket_buffer {
    use super::{SocketAddr, UdpSocket};

    /// A queue that holds what comes during a stall.
    pub(super) fn with_large_queue(address: SocketAddr) -> UdpSocket {
        let socket = UdpSocket::bind(address).unwrap();
        let large = socket2::SockRef::from(&socket).set_recv_buffer_size(8 << 20);
        large.unwrap();
        socket
    }
}
