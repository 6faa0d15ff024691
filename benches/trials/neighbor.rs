//! The client that behaves: sixty lookups and six probes, each sent when it is due
//! whatever became of those before.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use testbed::client::{ResponseCode, addresses};
use testbed::{Client, pace, query};
use upstream::synthetic_address;

use crate::subject::{NEIGHBOR, Subject};

/// What is looked up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lookup {
    /// A name that was asked before.
    Hit,
    /// A name that nobody asked before.
    Miss,
    /// A name that was asked before, over a connection of its own.
    Tcp,
}

/// What came of a lookup.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    /// With the right address.
    Answered,
    /// With another.
    Wrong,
    /// SERVFAIL.
    ServFail,
    /// Another RCODE, or no address.
    Other,
    /// Nothing within five seconds, or no connection.
    Lost,
}

/// What came of all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    lookups: Vec<(Lookup, Fate, Duration)>,
    /// Probes that were answered in time, of all; none where there is nothing to
    /// probe.
    pub(crate) probes: Option<(usize, usize)>,
}

impl Seen {
    /// How many lookups came to this.
    pub(crate) fn count(&self, fate: Fate) -> usize {
        self.lookups
            .iter()
            .filter(|(_, found, _)| *found == fate)
            .count()
    }

    /// How many there were.
    pub(crate) const fn len(&self) -> usize {
        self.lookups.len()
    }

    /// The time that `percent` of the lookups of a kind took no longer than.
    pub(crate) fn percentile(&self, kind: Lookup, percent: usize) -> Duration {
        let of_kind = self.lookups.iter().filter(|(lookup, ..)| *lookup == kind);
        let mut times: Vec<Duration> = of_kind.map(|(.., took)| *took).collect();
        times.sort_unstable();
        let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(place).copied().unwrap_or_default()
    }
}

/// Asks for the hits once, so that they are hits.
pub(crate) fn warm(subject: &Subject) {
    let client = Client::new(subject.addr).from(NEIGHBOR);
    for n in 0..HITS {
        // A name that is not there then is a miss later, and counted.
        client.udp(&query(&hit(n), "A")).ok();
    }
}

/// Plays six seconds. Misses are names below `zone` that begin with `tag`.
pub(crate) fn play(subject: &Subject, zone: &str, tag: &str) -> Seen {
    let (addr, probe) = (subject.addr, subject.probe);
    thread::scope(|scope| {
        let mut lookups = Vec::new();
        let mut probes = Vec::new();
        let started = now();
        for n in 0..LOOKUPS {
            pace((started + EVERY * n).saturating_duration_since(now()));
            let (kind, name) = match n % 3 {
                0 => (Lookup::Hit, hit(n / 3 % HITS)),
                1 => (Lookup::Miss, format!("{tag}-{n}.{zone}")),
                _ => (Lookup::Tcp, hit(n / 3 % HITS)),
            };
            lookups.push(scope.spawn(move || look_up(addr, kind, &name)));
            if let Some((addr, path)) = probe.filter(|_| n % (LOOKUPS / PROBES) == 0) {
                probes.push(scope.spawn(move || is_alive(addr, path)));
            }
        }
        // A thread that panics has lost its lookup.
        let lost = (Lookup::Hit, Fate::Lost, TIMEOUT);
        let lookups = lookups
            .into_iter()
            .map(|thread| thread.join().unwrap_or(lost));
        let lookups = lookups.collect();
        let count = probes.len();
        let alive = probes.into_iter().filter_map(|thread| thread.join().ok());
        let alive = alive.filter(|alive| *alive).count();
        Seen { lookups, probes: probe.map(|_| (alive, count)) }
    })
}

fn look_up(addr: SocketAddr, kind: Lookup, name: &str) -> (Lookup, Fate, Duration) {
    let client = Client::new(addr).from(NEIGHBOR).timeout(TIMEOUT);
    let (started, question) = (now(), query(name, "A"));
    let reply = match kind {
        Lookup::Tcp => client.tcp(&question),
        Lookup::Hit | Lookup::Miss => client.udp(&question),
    };
    let took = started.elapsed();
    match reply {
        Ok(reply) if !addresses(&reply).is_empty() => {
            let is_right = addresses(&reply) == [synthetic_address(name)];
            (kind, if is_right { Fate::Answered } else { Fate::Wrong }, took)
        }
        Ok(reply) if reply.metadata.response_code == ResponseCode::ServFail => {
            (kind, Fate::ServFail, took)
        }
        Ok(_) => (kind, Fate::Other, took),
        Err(_) => (kind, Fate::Lost, took.max(TIMEOUT)),
    }
}

/// Whether a probe is answered as the kubelet wants it: 200 within a second.
fn is_alive(addr: SocketAddr, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let started = now();
        let mut stream = TcpStream::connect_timeout(&addr, PROBE)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n")?;
        let left = PROBE
            .saturating_sub(started.elapsed())
            .max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left))?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head.ends_with(b" 200"))
    };
    ask().unwrap_or_default()
}

/// A name that was asked before.
fn hit(n: u32) -> String {
    format!("hit-{n}.{}", crate::fire::GOOD)
}

#[expect(clippy::disallowed_methods, reason = "the times are what is measured")]
fn now() -> Instant {
    Instant::now()
}

const LOOKUPS: u32 = 60;
const PROBES: u32 = 6;
const EVERY: Duration = Duration::from_millis(100);
const HITS: u32 = 10;

/// What glibc waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// `timeoutSeconds` of a probe, unless it is set.
const PROBE: Duration = Duration::from_secs(1);
