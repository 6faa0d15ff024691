//! Whether this process answers: /livez and /readyz.
//!
//! Alive is a process whose threads all make their rounds; ready one that has
//! answered a query on each of its addresses.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use dns::{Flags, Header};
use intercept::MARK;
use serde::Deserialize;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

use crate::heartbeat::Heartbeats;
use forward::Forwarder;
use forward::LoopEvent;
use observe::{Transport, WorkerStats};
use resolver::{Clock, Moment};

/// What readiness depends on.
///
/// Not on upstreams: without them the cache still answers, and taking every
/// node's cache out of service would spread their outage to all clients.
#[derive(Debug)]
pub struct Health {
    /// Listen addresses that have not answered a query of ours.
    unanswered: AtomicUsize,
    draining: AtomicBool,
    /// Of the threads that must not stop, once they have been started.
    heartbeats: OnceLock<Heartbeats>,
}

impl Health {
    /// Not ready until so many addresses have answered.
    pub const fn new(addresses: usize) -> Self {
        Self {
            unanswered: AtomicUsize::new(addresses),
            draining: AtomicBool::new(false),
            heartbeats: OnceLock::new(),
        }
    }

    /// Not ready from here on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether [`drain`](Self::drain) was called.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Watches these threads from here on.
    pub fn watch(&self, heartbeats: Heartbeats) {
        // Set once, at the start.
        self.heartbeats.set(heartbeats).ok();
    }

    /// Returns a line for each thread that hangs; none when all is well. While
    /// draining, threads end one after the other, and the process with them.
    pub fn hanging(&self) -> Option<String> {
        let is_draining = self.draining.load(Ordering::Relaxed);
        let heartbeats = self.heartbeats.get().filter(|_| !is_draining);
        heartbeats.and_then(Heartbeats::late)
    }

    /// Asks `listening`, over its own socket, until it answers.
    ///
    /// The question is ANY of the root: answered without the cache or an
    /// upstream (RFC 8482), so it proves the sockets and threads, and works
    /// while every upstream is dead. Another process may answer at the same address,
    /// so one of `ours` must have taken a query as well; each question has another
    /// source port, so it will.
    pub async fn ask_ourselves(
        self: Arc<Self>,
        listening: SocketAddr,
        ours: Vec<Arc<WorkerStats>>,
    ) {
        let took = |stats: &Arc<WorkerStats>| stats.queries.get(Transport::Udp.index()) > 0;
        while ask(listening).await.is_err() || !ours.iter().any(took) {
            sleep(RETRY).await;
        }
        self.unanswered.fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns why it is not ready; none when it is.
    pub fn reasons(&self) -> Vec<&'static str> {
        let unanswered = self.unanswered.load(Ordering::Relaxed) > 0;
        let draining = self.draining.load(Ordering::Relaxed);
        let reasons = [
            unanswered.then_some("a listen address has not answered a query yet"),
            draining.then_some("draining"),
        ];
        reasons.into_iter().flatten().collect()
    }
}

/// Returns the routes /livez and /readyz; the latter also lists loops, and upstreams
/// that are not well.
pub fn routes(health: Arc<Health>, forwarder: Forwarder, clock: Clock) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .with_state((health, forwarder, clock))
}

type Known = (Arc<Health>, Forwarder, Clock);

/// Only ever answered late or not at all when the runtime hangs: this runs on it.
async fn livez(
    State((health, ..)): State<Known>,
    Query(params): Query<LivezParams>,
) -> (StatusCode, String) {
    if let Some(hanging) = health.hanging() {
        return (StatusCode::SERVICE_UNAVAILABLE, hanging);
    }
    let threads = health.heartbeats.get().filter(|_| params.verbose.is_some());
    (StatusCode::OK, "ok\n".to_owned() + &threads.map(Heartbeats::all).unwrap_or_default())
}

/// As the API server has it: `/livez?verbose` lists all that was looked at.
#[derive(Debug, Deserialize)]
struct LivezParams {
    verbose: Option<String>,
}

async fn readyz(State((health, forwarder, clock)): State<Known>) -> (StatusCode, String) {
    let reasons = health.reasons();
    let (status, mut body) = match reasons.is_empty() {
        true => (StatusCode::OK, "ok\n".to_owned()),
        false => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n"),
    };
    // Not a reason to take a node's cache away: other names may well resolve.
    let now = clock.now();
    for event in forwarder.loops().active(now) {
        body += &line(&event, now);
    }
    for (upstream, condition, since) in forwarder.ill() {
        let ago = now.saturating_since(since).as_secs();
        body += &format!("upstream {upstream} {} (for {ago} s)\n", condition.label());
    }
    (status, body)
}

/// One loop: `loop in cluster.local.: us -> 10.96.0.10:53 -> us (...)`.
fn line(event: &LoopEvent, now: Moment) -> String {
    let evidences: Vec<_> = event.evidences.iter().map(|one| one.label()).collect();
    let (below, evidence) = (&event.below, evidences.join(", "));
    let (way, count) = (event.sighting.way(), event.count);
    let ago = now.saturating_since(event.last).as_secs();
    format!("loop in {below}: {way} ({evidence}, seen {count} times, last {ago} s ago)\n")
}

async fn ask(listening: SocketAddr) -> std::io::Result<()> {
    let loopback: IpAddr = if listening.is_ipv4() {
        [127, 0, 0, 1].into()
    } else {
        std::net::Ipv6Addr::LOCALHOST.into()
    };
    let unspecified = listening.ip().is_unspecified();
    let server = if unspecified { SocketAddr::new(loopback, listening.port()) } else { listening };
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // While we do not intercept yet, it would go to CoreDNS, whose answer proves
    // nothing about us. Without NET_ADMIN there is no mark and nothing that needs it.
    SockRef::from(&socket).set_mark(MARK).ok();
    socket.connect(server).await?;
    socket.send(&SELF_QUERY).await?;
    let mut reply = [0; 512];
    let len = timeout(PATIENCE, socket.recv(&mut reply)).await??;
    let header = Header::parse(reply.get(..len).unwrap_or_default());
    let answers = header.is_some_and(|header| header.id == 0x5d5d && header.flags.has(Flags::QR));
    if answers { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}

/// `. IN ANY`, RD clear.
pub(crate) const SELF_QUERY: [u8; 17] = [0x5d, 0x5d, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 1];

/// Our own loopback takes microseconds.
const PATIENCE: Duration = Duration::from_millis(500);

const RETRY: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_says_what_is_missing() {
        let health = Health::new(1);
        assert_eq!(health.reasons(), ["a listen address has not answered a query yet"]);
        health.unanswered.store(0, Ordering::Relaxed);
        assert_eq!(health.reasons(), [""; 0]);
        health.drain();
        assert_eq!(health.reasons(), ["draining"]);
    }

    /// A predecessor at the same address answers first, and again; only a query that
    /// came to us proves our own socket and thread.
    #[tokio::test]
    async fn an_answer_of_another_process_is_no_proof() {
        let health = Arc::new(Health::new(1));
        let ours = Arc::new(WorkerStats::default());
        let predecessor = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let listening = predecessor.local_addr().unwrap();
        let asking = tokio::spawn(Arc::clone(&health).ask_ourselves(listening, vec![ours.clone()]));
        let mut query = [0; 64];
        for _ in 0..3 {
            let (len, peer) = predecessor.recv_from(&mut query).await.unwrap();
            assert_eq!(health.reasons().len(), 1);
            query[2] |= 0x80;
            predecessor.send_to(&query[..len], peer).await.unwrap();
        }
        ours.queries.add(Transport::Udp.index());
        asking.await.unwrap();
        assert_eq!(health.reasons(), [""; 0]);
    }

    #[test]
    fn the_self_query_is_one_that_is_answered_locally() {
        let query = resolver::Query::parse(&SELF_QUERY).unwrap();
        assert_eq!((query.id, query.question.qtype), (observe::Record::CHECK_ID, dns::Rtype::ANY));
    }
}
