//! Evidence from a capture of packets: the accounts that a proxy would have kept of them,
//! and what queries met at each server. All time is the capture's own.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use console::Veil;
use console::api::Redacted;
use diagnose::Evidence;
use dns::Name;
use pcap::{CaptureError, Reader};

use connections::Connections;
use message::Seen;
use order::Order;
use watch::{Look, Watch, moment};

mod connections;
mod matcher;
mod message;
mod order;
mod servers;
mod view;
pub use view::{CaptureView, ClientRow};
mod watch;

/// What a capture is evidence of.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The evidence.
    pub evidence: Evidence,
    /// What else a person wants to see of it.
    pub view: CaptureView,
}

impl Redacted for Captured {
    fn redacted(self, veil: &Veil) -> Self {
        Self { evidence: self.evidence.redacted(veil), view: self.view.redacted(veil) }
    }
}

/// Reads a file, or standard input for `-`. Memory does not grow with the file.
///
/// # Errors
///
/// A file that cannot be read, is no capture or is damaged; with the place in it.
pub fn read(file: &Path, cluster_domain: &Name) -> anyhow::Result<Captured> {
    let named = |error: &dyn std::fmt::Display| anyhow::anyhow!("{}: {error}", file.display());
    let mut captured = if file == Path::new("-") {
        of(io::stdin().lock(), cluster_domain).map_err(|error| named(&error))?
    } else {
        let file = File::open(file).map_err(|error| named(&error))?;
        of(file, cluster_domain).map_err(|error| named(&error))?
    };
    captured.view.file = file.display().to_string();
    // Bundles of several nodes are told apart by it.
    let stem = file.file_stem().filter(|stem| *stem != "-");
    captured.evidence.node = stem.map_or_else(String::new, |stem| stem.to_string_lossy().into());
    Ok(captured)
}

/// Reads a capture.
fn of(file: impl Read, cluster_domain: &Name) -> Result<Captured, CaptureError> {
    let mut reader = Reader::new(BufReader::with_capacity(BUFFER, file))?;
    let mut reading: Option<Reading> = None;
    while let Some(packet) = reader.next_packet()? {
        let seen = Seen::of(&packet);
        let reading = reading.get_or_insert_with(|| Reading::new(cluster_domain, packet.at));
        reading.take(packet.at, seen);
    }
    let mut captured = match reading {
        Some(reading) => reading.finish(),
        None => nothing("the file has no packet"),
    };
    let gaps = &mut captured.evidence.gaps;
    if let Some(at) = reader.cut_at() {
        gaps.push(format!("the end of the file: cut short at octet {at}, within a packet"));
    }
    if reader.dropped() > 0 {
        gaps.push(format!(
            "{} packets that were dropped while capturing: their answers look lost",
            reader.dropped()
        ));
    }
    gaps.extend(
        PARTS
            .iter()
            .map(|part| format!("{part}: a capture has only packets")),
    );
    captured.view.packets += reader.untimed();
    Ok(captured)
}

/// A capture that is read.
struct Reading {
    order: Order<Seen>,
    watch: Watch,
    connections: Connections,
    packets: u64,
    first: u64,
    last: u64,
}

impl Reading {
    fn new(cluster_domain: &Name, first: u64) -> Self {
        Self {
            order: Order::default(),
            watch: Watch::new(cluster_domain, moment(first)),
            connections: Connections::default(),
            packets: 0,
            first,
            last: first,
        }
    }

    fn take(&mut self, at: u64, seen: Seen) {
        self.packets += 1;
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        if !matches!(seen, Seen::Other) {
            self.order.push(at, seen);
        }
        while let Some(seen) = self.order.next_due() {
            self.note(seen);
        }
    }

    fn note(&mut self, seen: Seen) {
        match seen {
            Seen::Dns(message) => self.watch.take(message),
            Seen::Tcp { at, client, server, step } => {
                self.connections.take(at, (client, server), step);
            }
            Seen::Other => {}
        }
        for client in self.watch.truncated.drain(..) {
            self.connections.note_truncated(client);
        }
    }

    fn finish(mut self) -> Captured {
        while let Some(seen) = self.order.next_of_all() {
            self.note(seen);
        }
        let (watch, look) = self.watch.finish(self.last);
        let Look { mut evidence, rows, until, .. } = look;
        let counts = watch.matcher.counts;
        add_tcp(&mut evidence, &self.connections, self.last);
        add_gaps(&mut evidence, &watch, &self.connections);
        let unix_ms = [self.first, self.last].map(|at| at / 1_000_000);
        let judged_unix_ms = match evidence.window.as_ref() {
            Some(window) if until != moment(self.last) => {
                let until = until.as_micros() / 1_000;
                [until.saturating_sub(window.seconds * 1_000), until]
            }
            _ => unix_ms,
        };
        let view = CaptureView {
            file: String::new(),
            unix_ms,
            judged_unix_ms,
            packets: self.packets,
            queries: counts.queries,
            responses: counts.responses,
            copies: counts.copies,
            strays: counts.strays,
            forwarded: watch.forwarded,
            open: counts.open,
            tcp_segments: self.connections.segments,
            truncated: [self.connections.truncated_answers, self.connections.not_followed()],
            clients: rows,
        };
        Captured { evidence, view }
    }
}

/// Notes connections to servers that accepted none.
fn add_tcp(evidence: &mut Evidence, connections: &Connections, last: u64) {
    let blocked = connections.blocked(last);
    for server in evidence.coredns.iter_mut().flatten() {
        let tries = server.addr.and_then(|addr| blocked.get(&addr));
        server.tcp = tries.cloned().unwrap_or_default();
    }
}

/// Says what the packets leave open.
fn add_gaps(evidence: &mut Evidence, watch: &Watch, connections: &Connections) {
    let counts = watch.matcher.counts;
    let mut gaps = Vec::new();
    if counts.queries == 0 {
        let what = if counts.strays > 0 {
            "responses alone; capture `port 53`, not `src port 53`"
        } else {
            "no query over UDP to port 53"
        };
        gaps.push(format!("{ACCOUNTS}: the file has {what}"));
    } else if evidence.window.is_some() && watch.is_one_way() {
        // Silence as it seems to be would be a wrong verdict.
        (evidence.window, evidence.coredns, evidence.upstreams) = (None, None, None);
        gaps.push(format!(
            "{ACCOUNTS}: the file has no response, and no client sends its query again as most \
             do without one; capture `port 53`, not `dst port 53`"
        ));
    } else if evidence.window.is_none() {
        gaps.push(format!(
            "{ACCOUNTS}: no query has its answer in the file; it ends too soon, or was not \
             captured by `port 53`"
        ));
    }
    for server in evidence.coredns.iter().flatten() {
        if server.udp.is_silent() {
            gaps.push(format!(
                "what loses the queries to {}: the network, rules or connection table on the \
                 way look the same in packets",
                server.name
            ));
        }
    }
    for (service, lost) in watch.lost_at_services() {
        gaps.push(format!(
            "what lost {lost} queries to {service}: the rules that send others on to a pod, or \
             the connection table"
        ));
    }
    if connections.segments > 0 {
        gaps.push("what is asked over TCP: not read".to_owned());
    } else if connections.truncated_answers > 0 {
        gaps.push("TCP after truncated answers: none is in the file; capture `port 53`, not `udp port 53`".to_owned());
    }
    if counts.forgotten > 0 {
        gaps.push(format!("{} queries: more than are held at a time", counts.forgotten));
    }
    evidence.gaps.extend(gaps);
}

fn nothing(why: &str) -> Captured {
    let evidence = Evidence {
        schema: diagnose::SCHEMA,
        gaps: vec![format!("{ACCOUNTS}: {why}")],
        ..Evidence::default()
    };
    Captured { evidence, view: CaptureView::default() }
}

/// What the accounts of a proxy are called where they are missing.
const ACCOUNTS: &str = "the accounts of the proxy";

/// What no capture has.
const PARTS: [&str; 7] = [
    "probes of the DNS Service",
    "probes for loops",
    "the connection table",
    "UDP counters",
    "kube-proxy",
    "the Kubernetes API",
    "other nodes",
];

/// Octets that are read at a time.
const BUFFER: usize = 1 << 18;

#[cfg(test)]
mod tests;
