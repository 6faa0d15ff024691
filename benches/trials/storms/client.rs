//! Clients that look names up as getaddrinfo does.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, Instant};

use testbed::client::{Message, ResponseCode, addresses};
use testbed::{Client, pace, query};

use super::library::Libraries;
use super::tally::{Asked, Names, Outcome, SEEN, Tally};
use crate::subject::Subject;

/// Asks for the names that will have been seen.
pub(crate) fn warm(subject: &Subject) {
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
                        tally.count(by, is_seen, outcome);
                    });
                }
            }
            n += 1;
            pace((started + EVERY * n).saturating_duration_since(now()));
        }
    });
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

const CLIENTS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 4))];
/// Between two lookups.
const EVERY: Duration = Duration::from_millis(80);
/// As in resolv.conf(5).
const ATTEMPTS: u32 = 2;
const TIMEOUT: Duration = Duration::from_secs(5);
