//! The accounts that a proxy would keep of the same traffic, in the time of the capture.

use std::net::SocketAddr;
use std::time::Duration;

use console::api::evidence::window_of;
use diagnose::{Evidence, SCHEMA, judge};
use dns::{Flags, Name, Rcode};
use observe::{
    BOUNDS_MICROS, Figures, ObserveConfig, Observer, QueryEvent, QueryFlags, Record, Window,
    Windows, quantile_ms,
};
use resolver::{Moment, Origin};

use super::matcher::{End, Ended, Matcher};
use super::message::Message;
use super::servers::{Outcome, Question, Servers};
use super::view::{ClientRow, rows};

/// The accounts of a capture.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) matcher: Matcher,
    pub(super) servers: Servers,
    observer: Observer,
    /// Answers to clients by how long they took, as in [`BOUNDS_MICROS`].
    answers: Windows<WAITS>,
    cluster_domain: Name,
    started: Moment,
    settled: Moment,
    /// When ten seconds are over again.
    next_look: Moment,
    worst: Option<Look>,
    /// Answers to clients that were truncated, and to whom, since they were taken.
    pub(super) truncated: Vec<std::net::IpAddr>,
    /// Queries of servers, which are on no client's account.
    pub(super) forwarded: u64,
    out: Vec<Ended>,
}

/// What was seen in a window.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) evidence: Evidence,
    pub(super) rows: Vec<ClientRow>,
    /// When the window ends.
    pub(super) until: Moment,
    /// How grave its first finding is, and how many queries failed.
    badness: (usize, std::cmp::Reverse<u64>),
}

impl Watch {
    /// Begins with the first packet.
    pub(super) fn new(cluster_domain: &Name, started: Moment) -> Self {
        let config = ObserveConfig {
            clients: CLIENTS,
            names_per_client: NAMES_PER_CLIENT,
            cluster_domain: *cluster_domain,
            ..ObserveConfig::default()
        };
        let zones = [*cluster_domain, Name::ROOT];
        Self {
            matcher: Matcher::default(),
            servers: Servers::default(),
            observer: Observer::new(config, &zones, 0, started),
            answers: Windows::new(started),
            cluster_domain: *cluster_domain,
            started,
            settled: started,
            next_look: ten_after(started),
            worst: None,
            truncated: Vec::new(),
            forwarded: 0,
            out: Vec::new(),
        }
    }

    /// Takes a message; those before it were captured before it.
    pub(super) fn take(&mut self, message: Message) {
        let mut out = std::mem::take(&mut self.out);
        self.matcher.take(message, &mut out);
        self.note_all(out);
    }

    fn note_all(&mut self, mut ended: Vec<Ended>) {
        ended.drain(..).for_each(|one| self.note(&one));
        self.out = ended;
    }

    /// Ends all at the last packet, in nanoseconds, and returns the window to be judged: the
    /// whole, or the worst minute where that has the graver finding.
    pub(super) fn finish(mut self, last: u64) -> (Self, Look) {
        let mut out = std::mem::take(&mut self.out);
        self.matcher.finish(last, &mut out);
        self.note_all(out);
        let last = moment(last);
        let end = ten_after(last);
        self.advance(last);
        // A minute has an end of its own where the file is longer.
        if last.saturating_since(self.started) > MINUTE {
            self.advance(end);
        }
        self.observer.finish();
        let whole = self.look(Window::Start, last);
        let worst = self.worst.take();
        let judged = worst.filter(|worst| worst.badness.0 < whole.badness.0);
        (self, judged.unwrap_or(whole))
    }

    /// Whether there are queries alone, and none is sent again: nobody goes without an answer
    /// so calmly. What answered them was not captured.
    pub(super) const fn is_one_way(&self) -> bool {
        let counts = self.matcher.counts;
        let any_response = counts.responses + counts.strays > 0;
        !any_response && counts.repeats * CALM < counts.queries
    }

    fn note(&mut self, ended: &Ended) {
        let now = moment(ended.done);
        self.advance(now);
        let took = Duration::from_nanos(ended.done.saturating_sub(ended.arrived));
        let (rcode, origin, flags) = judged(ended, took);
        let is_end = !matches!(ended.end, End::Repeats);
        if is_end {
            let name = Name::from_wire(&ended.key.qname);
            let is_of_cluster = name.is_ok_and(|name| name.is_within(&self.cluster_domain));
            let question = Question { is_of_cluster, is_forwarded: ended.is_forwarded };
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let outcome = Outcome { rcode, origin, took_ms };
            self.servers.note(ended.server, question, outcome, now);
        }
        if ended.is_forwarded {
            self.forwarded += 1;
            return;
        }
        if flags.has(QueryFlags::ANSWERED) {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let place = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
            self.answers.add(place, 1, now);
        }
        if flags.has(QueryFlags::TC) {
            self.truncated.push(ended.key.client.ip());
        }
        let record = record(ended, took, (rcode, origin, flags));
        self.observer
            .take(&QueryEvent { record, qname: &ended.key.qname });
    }

    /// Goes on to `now`, and looks at each minute that ends with full ten seconds.
    fn advance(&mut self, now: Moment) {
        while self.next_look <= now {
            let until = self.next_look;
            self.settle(until);
            if until.saturating_since(self.started) >= MINUTE {
                self.look_at_minute(until);
            }
            self.next_look = ten_after(until);
            // After a long silence there is nothing to look at.
            if now.saturating_since(until) > 2 * MINUTE {
                self.next_look = ten_after(now);
            }
        }
        if now.saturating_since(self.settled) >= TICK {
            self.settle(now);
        }
    }

    fn settle(&mut self, now: Moment) {
        self.settled = now;
        self.observer.advance(now);
        self.observer.settle(now);
    }

    fn look_at_minute(&mut self, until: Moment) {
        let figures = Figures::of(self.observer.node(), Window::Minute);
        if figures.queries == 0 {
            return;
        }
        let look = self.look(Window::Minute, until);
        let is_worse = self
            .worst
            .as_ref()
            .is_none_or(|worst| look.badness < worst.badness);
        if is_worse {
            self.worst = Some(look);
        }
    }

    fn look(&mut self, window: Window, until: Moment) -> Look {
        self.answers.advance(until);
        self.servers.advance(until);
        let mut evidence = Evidence { schema: SCHEMA, ..Evidence::default() };
        let mut seen = window_of(&self.observer, window, &self.cluster_domain);
        seen.p99_ms = quantile_ms(&self.answers.sum(window), 0.99);
        if window == Window::Start {
            let span = until.saturating_since(self.started).as_secs_f64();
            seen.seconds = Duration::from_secs_f64(span.ceil()).as_secs();
        }
        let failed = seen.internal.failed + seen.external.failed;
        if seen.internal.queries + seen.external.queries > 0 {
            evidence.window = Some(seen);
        }
        let servers = self
            .servers
            .seen(window, |addr| self.matcher.is_service(addr));
        evidence.coredns = Some(servers.coredns).filter(|all| !all.is_empty());
        evidence.upstreams = Some(servers.upstreams).filter(|all| !all.is_empty());
        let first = judge(&evidence)
            .findings
            .first()
            .map(|finding| finding.cause);
        let rank = diagnose::Cause::ALL
            .iter()
            .position(|cause| Some(*cause) == first);
        let badness = (rank.unwrap_or(usize::MAX), std::cmp::Reverse(failed));
        Look { evidence, rows: rows(&self.observer, window), until, badness }
    }

    /// Queries that were lost at the rules of a Service, which were seen to send others
    /// on: by the address of the Service.
    pub(super) fn lost_at_services(&self) -> Vec<(SocketAddr, u64)> {
        let services = self.matcher.services();
        let lost = services.map(|addr| (addr, self.servers.silences(addr, Window::Start)));
        let mut lost: Vec<_> = lost.filter(|(_, count)| *count > 0).collect();
        lost.sort_unstable();
        lost
    }
}

/// What the client was told, where it came from, and what else is known.
fn judged(ended: &Ended, took: Duration) -> (Rcode, Origin, QueryFlags) {
    // Each query in a capture has reached a server, or was to.
    let flags = QueryFlags::ASKED
        .with_if(QueryFlags::EDNS, ended.edns)
        .with_if(QueryFlags::AD, ended.flags.has(Flags::AD));
    match ended.end {
        End::Repeats => (Rcode::NOERROR, Origin::Upstream, flags | QueryFlags::REPEATED),
        End::Silence => (Rcode::SERVFAIL, Origin::Timeout, flags),
        End::Answered { flags: of_response, has_records } => {
            let rcode = of_response.rcode();
            let origin = match rcode {
                Rcode::NOERROR | Rcode::NXDOMAIN => Origin::Upstream,
                _ => Origin::of_failure(rcode, of_response, took),
            };
            let flags = (flags | QueryFlags::ANSWERED)
                .with_if(QueryFlags::DATA, rcode == Rcode::NOERROR && has_records)
                .with_if(QueryFlags::TC, of_response.has(Flags::TC))
                .with_if(QueryFlags::AA, of_response.has(Flags::AA));
            (rcode, origin, flags)
        }
    }
}

fn record(
    ended: &Ended,
    took: Duration,
    (rcode, origin, flags): (Rcode, Origin, QueryFlags),
) -> Record {
    let key = &ended.key;
    let unparsed = Record::unparsed(key.id, key.client, moment(ended.arrived));
    Record { took, qtype: key.qtype, rcode, origin, flags, ..unparsed }
}

/// Nanoseconds since 1970 as the accounts count time.
pub(super) const fn moment(nanoseconds: u64) -> Moment {
    Moment::from_micros(nanoseconds / 1_000)
}

/// The next end of full ten seconds, where the windows of accounts end.
const fn ten_after(now: Moment) -> Moment {
    Moment::from_micros((now.as_secs() / 10 + 1) * 10_000_000)
}

/// Buckets of how long an answer took.
const WAITS: usize = BOUNDS_MICROS.len() + 1;

const MINUTE: Duration = Duration::from_secs(60);

/// How often lookups are settled: as the observer of a proxy does.
const TICK: Duration = Duration::from_millis(20);

/// Clients with accounts: more than a node has pods, and most that ask one server.
const CLIENTS: usize = 4_096;

/// No advice is made from names.
const NAMES_PER_CLIENT: usize = 8;

/// Without answers each resolver sends its query again, most with the same id. Of so many
/// queries less than one.
const CALM: u64 = 10;
