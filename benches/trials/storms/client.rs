//! Clients that look names up as getaddrinfo does.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use testbed::client::{Message, ResponseCode, addresses};
use testbed::{Client, pace, query};

use super::library::Libraries;
use crate::subject::Subject;

/// By how many clients a name is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    Once,
    Twice,
}

/// The names that are asked.
#[derive(Debug, Default)]
pub(crate) struct Names {
    fresh: AtomicU64,
}

impl Names {
    /// One of those that `who` will have seen.
    pub(crate) fn seen(by: Asked, who: &str, n: u64) -> String {
        format!("seen-{by:?}-{who}-{}.{ZONE}", n % SEEN).to_lowercase()
    }

    /// One that no client has seen.
    pub(crate) fn fresh_of(by: Asked, who: &str, n: u32) -> String {
        format!("new-{by:?}-{who}-{n}.{ZONE}").to_lowercase()
    }

    fn fresh(&self) -> String {
        format!("new-{}.{ZONE}", self.fresh.fetch_add(1, Ordering::Relaxed))
    }
}

/// What clients got.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Got {
    /// Lookups of names seen before.
    pub(crate) seen: u64,
    /// Those of them that failed.
    pub(crate) failed: u64,
    /// Lookups of names never asked before.
    pub(crate) fresh: u64,
    /// Those of them that failed.
    pub(crate) fresh_failed: u64,
    /// The longest that one query waited for its response.
    pub(crate) longest: Duration,
    /// Queries sent.
    pub(crate) queries: u64,
}

/// Lookups of each library, and how many of them failed.
pub(crate) type Seen = BTreeMap<&'static str, (u64, u64)>;

/// What clients got, by how many asked.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    got: Mutex<[Got; 2]>,
    /// Of those, lookups of real libraries for names seen before: how many, and how many
    /// failed.
    libraries: Mutex<Seen>,
}

impl Tally {
    pub(crate) fn of(&self, by: Asked) -> Got {
        self.change(by, |got| *got)
    }

    /// Counts the lookup of a library: what it was for is in its name.
    pub(crate) fn library(&self, library: &'static str, name: &str, got: (Duration, bool)) {
        let (took, is_good) = got;
        let is_seen = name.starts_with("seen-");
        let by = if name.contains("-once-") { Asked::Once } else { Asked::Twice };
        // A name that no client has seen may take all attempts.
        let longest = if is_seen { took } else { Duration::ZERO };
        let outcome = if is_good { Ok((longest, 2)) } else { Err((longest, 2)) };
        self.change(by, |all| all.count(is_seen, outcome));
        if is_seen {
            let mut libraries = self
                .libraries
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let (all, failed) = libraries.entry(library).or_default();
            *all += 1;
            *failed += u64::from(!is_good);
        }
    }

    /// Counts a lookup of which nothing is known.
    pub(crate) fn lost(&self, library: &'static str) {
        self.library(library, "seen-once-", (Duration::ZERO, false));
    }

    /// The lookups of each library for names seen before, and those that failed.
    pub(crate) fn libraries(&self) -> Seen {
        self.libraries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn change<T>(&self, by: Asked, change: impl FnOnce(&mut Got) -> T) -> T {
        let mut got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
        let [once, twice] = &mut *got;
        change(if by == Asked::Once { once } else { twice })
    }
}

/// Asks for the names that will have been seen.
pub(crate) fn warm(subject: &Subject, _names: &Names) {
    for by in [Asked::Once, Asked::Twice] {
        for n in 0..SEEN {
            // One that fails now will be seen to fail later.
            for who in Libraries::all().chain([MODEL]) {
                look_up(subject, CLIENTS[0], &Names::seen(by, who, n)).ok();
            }
        }
    }
}

/// Looks names up for so long; returns when the last lookup has ended.
pub(crate) fn ask(
    (subject, names): (&Subject, &Names),
    mut libraries: Option<&mut Libraries>,
    length: Duration,
    tally: &Tally,
) {
    thread::scope(|scope| {
        let started = now();
        let mut n: u32 = 0;
        while started.elapsed() < length {
            for by in [Asked::Once, Asked::Twice] {
                let is_seen = !n.is_multiple_of(4);
                let number = u64::from(n) / 4 * 3 + u64::from(n % 4);
                let name = if is_seen { Names::seen(by, MODEL, number) } else { names.fresh() };
                if let Some(libraries) = &mut libraries {
                    libraries.ask(by, is_seen.then_some(number));
                }
                let clients = if by == Asked::Once { 1 } else { 2 };
                for client in CLIENTS.into_iter().take(clients) {
                    let name = name.clone();
                    scope.spawn(move || {
                        let outcome = look_up(subject, client, &name);
                        tally.change(by, |got| got.count(is_seen, outcome));
                    });
                }
            }
            n += 1;
            pace((started + EVERY * n).saturating_duration_since(now()));
        }
    });
}

/// What came of one lookup: the longest wait and the queries, and whether it failed.
type Outcome = Result<(Duration, u64), (Duration, u64)>;

impl Got {
    fn count(&mut self, is_seen: bool, outcome: Outcome) {
        let failed = u64::from(outcome.is_err());
        let (Ok((longest, queries)) | Err((longest, queries))) = outcome;
        if is_seen {
            self.seen += 1;
            self.failed += failed;
        } else {
            self.fresh += 1;
            self.fresh_failed += failed;
        }
        self.longest = self.longest.max(longest);
        self.queries += queries;
    }
}

/// Asks for A and AAAA as glibc does: from one socket, twice, five seconds each time.
fn look_up(subject: &Subject, from: IpAddr, name: &str) -> Outcome {
    let client = Client::new(subject.addr).from(from).timeout(TIMEOUT);
    let (mut longest, mut queries) = (Duration::ZERO, 0);
    for _ in 0..ATTEMPTS {
        let started = now();
        let questions = ["A", "AAAA"].map(|qtype| query(name, qtype));
        queries += 2;
        let both = thread::scope(|scope| {
            let [one, other] = questions.each_ref().map(|question| {
                scope.spawn(move || {
                    client
                        .udp(question)
                        .and_then(|reply| whole(&client, question, reply))
                })
            });
            [one, other].map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
            })
        });
        longest = longest.max(started.elapsed());
        let [one, other] = &both;
        let is_good = |reply: &io::Result<Message>| {
            reply
                .as_ref()
                .is_ok_and(|reply| reply.metadata.response_code == ResponseCode::NoError)
        };
        if is_good(one)
            && is_good(other)
            && one.as_ref().is_ok_and(|one| !addresses(one).is_empty())
        {
            return Ok((longest, queries));
        }
    }
    Err((longest, queries))
}

/// The answer over TCP, where the one over UDP was cut.
fn whole(client: &Client, question: &testbed::Query, reply: Message) -> io::Result<Message> {
    if reply.metadata.truncation { client.tcp(question) } else { Ok(reply) }
}

#[expect(clippy::disallowed_methods, reason = "waits are what is measured")]
fn now() -> Instant {
    Instant::now()
}

/// Whose names those of the model are.
const MODEL: &str = "model";

/// The zone of all names.
pub(crate) const ZONE: &str = "storm.test.";
/// Names of each kind that were seen before; they have expired when they are asked
/// again, but for a storm of a second.
const SEEN: u64 = 20;
const CLIENTS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 4))];
/// Between two lookups.
const EVERY: Duration = Duration::from_millis(80);
/// As in resolv.conf(5).
const ATTEMPTS: u32 = 2;
const TIMEOUT: Duration = Duration::from_secs(5);
