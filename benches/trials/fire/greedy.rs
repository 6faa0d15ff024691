//! The client that takes all it can get.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use dns::Rtype;
use rand::RngExt as _;
use testbed::{Client, http, pace, query};

use super::Case;
use super::world::{EVIL, GOOD, IN_TURN, SILENT, SMALL};
use crate::flood::{Flood, GREEDY, question};
use crate::subject::Subject;

/// At work until it is dropped.
pub(crate) struct Greedy {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    floods: Vec<Flood>,
}

impl Greedy {
    /// Begins with a case.
    ///
    /// # Errors
    ///
    /// When it has no socket.
    pub(crate) fn start(case: Case, subject: &Subject) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut greedy = Self { stop, threads: Vec::new(), floods: Vec::new() };
        let server = subject.addr;
        match case {
            Case::SilentNames => {
                greedy
                    .flood(server, 20_000, |n| question(n, &format!("n{n}.{SILENT}"), Rtype::A))?;
            }
            Case::SlowTcp => {
                let name = |n| format!("n{n}.slow.{IN_TURN}");
                greedy.flood(server, 100, move |n| question(n, &name(n), Rtype::A))?;
            }
            Case::Waiters => {
                let name = |n| format!("w{}.{SILENT}", n / WAITERS);
                greedy.flood(server, 20_000, move |n| question(n, &name(n), Rtype::A))?;
            }
            Case::Garbage => greedy.flood(server, 50_000, |_| garbage())?,
            Case::HostileContent => {
                greedy.flood(server, 40, |n| question(n, &format!("n{n}.{EVIL}"), Rtype::MX))?;
                greedy.flood(server, 600, |n| question(n, &format!("n{n}.{SMALL}"), Rtype::MX))?;
            }
            Case::Connections => greedy.hold(server, 2_048, |stream| {
                stream.write_all(&framed(&question(1, &format!("hit-1.{GOOD}"), Rtype::A)))
            }),
            Case::HalfMessages => greedy.hold(server, 2_048, |stream| {
                stream.write_all(&[&[0xff, 0xff], &[0; 65_500][..]].concat())
            }),
            Case::ProbeConnections => {
                let (probe, _) = subject.probe.context("it has no probes")?;
                greedy.hold(probe, 400, |_| Ok(()));
            }
            Case::LargePages => greedy.read_pages(subject)?,
        }
        Ok(greedy)
    }

    fn flood(
        &mut self,
        server: SocketAddr,
        rate: u64,
        make: impl FnMut(u64) -> Vec<u8> + Send + 'static,
    ) -> Result<()> {
        self.floods.push(Flood::start(server, rate, make)?);
        Ok(())
    }

    /// Holds `count` connections, on each of which `begin` was done.
    fn hold(
        &mut self,
        server: SocketAddr,
        count: usize,
        begin: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + 'static,
    ) {
        let client = Client::new(server)
            .from(GREEDY)
            .timeout(Duration::from_millis(200));
        self.spawn(move |stop| {
            let mut held: Vec<TcpStream> = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                held.retain_mut(is_open);
                while held.len() < count && !stop.load(Ordering::Relaxed) {
                    let Ok(connection) = client.connect() else { break };
                    let mut stream = connection.stream;
                    // Some of it is enough.
                    if stream
                        .set_nonblocking(true)
                        .and_then(|()| begin(&mut stream))
                        .is_ok()
                    {
                        held.push(stream);
                    }
                }
                pace(Duration::from_millis(20));
            }
        });
    }

    /// Reads the longest pages again and again, of a thousand clients.
    fn read_pages(&mut self, subject: &Subject) -> Result<()> {
        let admin = subject.admin.context("it has no API")?;
        for n in 0..1_000_u16 {
            let [high, low] = n.to_be_bytes();
            let client = Client::new(subject.addr).from(Ipv4Addr::new(127, 1, high, low).into());
            client
                .timeout(Duration::from_millis(100))
                .udp(&query(&format!("hit-1.{GOOD}"), "A"))
                .ok();
        }
        for page in ["workloads", "clients"].into_iter().cycle().take(8) {
            self.spawn(move |stop| {
                while !stop.load(Ordering::Relaxed) {
                    let path = format!("/api/v1/{page}?limit=100000");
                    if http::try_get(admin, &path).is_err() {
                        pace(Duration::from_millis(20));
                    }
                }
            });
        }
        Ok(())
    }

    fn spawn(&mut self, work: impl FnOnce(&AtomicBool) + Send + 'static) {
        let stop = Arc::clone(&self.stop);
        self.threads.push(thread::spawn(move || work(&stop)));
    }
}

impl Drop for Greedy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has stopped, too.
            thread.join().ok();
        }
    }
}

/// Whether the other end has not closed a connection; what came over it is thrown away.
fn is_open(stream: &mut TcpStream) -> bool {
    let mut octets = [0; 512];
    match stream.read(&mut octets) {
        Ok(count) => count > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

fn garbage() -> Vec<u8> {
    let mut random = rand::rng();
    let length = random.random_range(0..200);
    (0..length).map(|_| random.random()).collect()
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or_default();
    [&length.to_be_bytes(), message].concat()
}

/// Queries for each name: ten times as many as may wait for one.
const WAITERS: u64 = 10_240;
