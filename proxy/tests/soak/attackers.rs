//! Clients that send anything.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use testbed::query;

/// What was sent, and how often something came back.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    datagrams: AtomicU64,
    replies: AtomicU64,
    connections: AtomicU64,
}

impl Tally {
    pub(crate) fn is_busy(&self) -> bool {
        [&self.datagrams, &self.replies, &self.connections]
            .iter()
            .all(|count| count.load(Ordering::Relaxed) > 100)
    }
}

/// Sends datagrams in bursts until `stop`.
pub(crate) fn over_udp(server: SocketAddr, seed: u64, stop: &AtomicBool, tally: &Tally) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut reply = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(PACE)).unwrap();
        for _ in 0..100 {
            for _ in 0..20 {
                let octets = anything(&mut random);
                // A datagram that the kernel has no room for is not sent.
                if socket.send(&octets).is_ok() {
                    tally.datagrams.fetch_add(1, Ordering::Relaxed);
                }
            }
            while socket.recv(&mut reply).is_ok() {
                tally.replies.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Opens connections, sends into each and lets it go, until `stop`.
pub(crate) fn over_tcp(server: SocketAddr, seed: u64, stop: &AtomicBool, tally: &Tally) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut reply = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(server) else { continue };
        stream.set_read_timeout(Some(PACE * 5)).unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        tally.connections.fetch_add(1, Ordering::Relaxed);
        for _ in 0..random.random_range(1..20) {
            let message = anything(&mut random);
            let length = match random.random_range(0..8) {
                0 => random.random(),
                _ => u16::try_from(message.len()).unwrap(),
            };
            let mut frame = [&length.to_be_bytes()[..], &message].concat();
            if random.random_ratio(1, 8) {
                frame.truncate(random.random_range(0..=frame.len()));
            }
            if stream.write_all(&frame).is_err() {
                break;
            }
        }
        // Some wait for an answer, the others are gone when it comes.
        if random.random() {
            while matches!(stream.read(&mut reply), Ok(1..)) {
                tally.replies.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// A proper query one time in four, else one that was tampered with, or noise.
fn anything(random: &mut StdRng) -> Vec<u8> {
    let name = format!("n{}.bad.test.", random.random_range(0..5000));
    let qtype = ["A", "AAAA", "TXT", "SRV", "ANY", "HTTPS"][random.random_range(0..6)];
    let mut question = query(&name, qtype);
    if random.random() {
        question = question.edns(random.random());
    }
    if random.random_ratio(1, 4) {
        question = question.edns_option(random.random_range(0..20), &[7; 9]);
    }
    let octets = question.octets();
    if random.random_ratio(1, 4) { octets } else { tamper(random, octets) }
}

/// Cuts, flips, lengthens or replaces a message.
pub(crate) fn tamper(random: &mut StdRng, mut octets: Vec<u8>) -> Vec<u8> {
    match random.random_range(0..6) {
        0 => octets.truncate(random.random_range(0..=octets.len())),
        1 => {
            for _ in 0..random.random_range(1..9) {
                let at = random.random_range(0..octets.len());
                octets[at] ^= 1 << random.random_range(0..8);
            }
        }
        // Counts that lie.
        2 => octets[4 + random.random_range(0..8)] = random.random(),
        // A compression pointer to anywhere.
        3 => {
            let at = random.random_range(12..octets.len() - 1);
            octets[at] = 0xc0 | random.random::<u8>();
            octets[at + 1] = random.random();
        }
        4 => octets.extend((0..random.random_range(1..600)).map(|_| random.random::<u8>())),
        _ => {
            octets = (0..random.random_range(0..700))
                .map(|_| random.random())
                .collect()
        }
    }
    octets
}

/// How long to listen before the next burst.
const PACE: Duration = Duration::from_millis(2);
