//! What a person sees of a capture beside the verdict: how much was read, and its clients.

use std::fmt;
use std::net::IpAddr;

use console::Veil;
use console::api::Redacted;
use dns::Name;
use observe::{Client, Figures, Observer, Window};
use resolver::Origin;
use serde::Serialize;

/// A capture and its clients.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CaptureView {
    /// The file.
    pub file: String,
    /// Milliseconds since 1970 of its first packet, and of its last.
    pub unix_ms: [u64; 2],
    /// Those between which it was judged: all of it, or its worst minute.
    pub judged_unix_ms: [u64; 2],
    /// Its packets.
    pub packets: u64,
    /// Queries over UDP to port 53, each once.
    pub queries: u64,
    /// Responses to them.
    pub responses: u64,
    /// Packets that were captured once more: at another interface, or behind the rules of a
    /// Service.
    pub copies: u64,
    /// Responses without their query.
    pub strays: u64,
    /// Queries that another server passed on; on no client's account.
    pub forwarded: u64,
    /// Queries too close to the end to be called unanswered.
    pub open: u64,
    /// Segments of TCP port 53, of which nothing is read but the handshake.
    pub tcp_segments: u64,
    /// Truncated answers, and those after which the client opened no connection.
    pub truncated: [u64; 2],
    /// The clients of the judged window, the most failures first.
    pub clients: Vec<ClientRow>,
}

/// A client.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ClientRow {
    /// Its address, or its pseudonym.
    pub client: Option<IpAddr>,
    /// Its queries, those sent again included.
    pub queries: u64,
    /// Those without an answer of use.
    pub failed: u64,
    /// Those of them without any answer.
    pub unanswered: u64,
    /// Lookups of names that do not exist.
    pub nonexistent: u64,
    /// Queries for names of search lists that do not exist.
    pub wasted: u64,
    /// Queries that were sent again although they had been answered.
    pub answered_again: u64,
    /// Names that fail, two at most.
    pub failing: Vec<String>,
}

impl Redacted for CaptureView {
    fn redacted(mut self, veil: &Veil) -> Self {
        for row in &mut self.clients {
            row.client = row.client.map(|client| veil.client(client));
            let names = row.failing.iter_mut();
            names.for_each(|name| *name = veil.name(std::mem::take(name)));
        }
        self
    }
}

/// The clients of a window, the most failures first, and of those without the most that
/// ask in vain.
pub(super) fn rows(observer: &Observer, window: Window) -> Vec<ClientRow> {
    let clients = observer.clients().iter();
    let row = |(addr, client): (&IpAddr, &Client)| {
        let figures = Figures::of(client.counters(), window);
        let unanswered = client
            .origins()
            .sum(window)
            .get(Origin::Timeout.index())
            .copied();
        ClientRow {
            client: Some(*addr),
            queries: figures.queries,
            failed: figures.failed,
            unanswered: unanswered.unwrap_or_default(),
            nonexistent: figures.nonexistent,
            wasted: figures.wasted_queries,
            answered_again: figures.retransmits_answered,
            failing: Vec::new(),
        }
    };
    let mut rows: Vec<_> = clients.map(row).filter(|row| row.queries > 0).collect();
    rows.sort_unstable_by_key(|row| {
        let worst = (row.failed, row.nonexistent + row.wasted, row.queries);
        (std::cmp::Reverse(worst), row.client)
    });
    rows.truncate(ROWS);
    for row in &mut rows {
        let client = row.client.and_then(|addr| observer.clients().get(addr));
        row.failing = client.map_or_else(Vec::new, |client| failing(client, window, observer));
    }
    rows
}

fn failing(client: &Client, window: Window, observer: &Observer) -> Vec<String> {
    let names = client.failing().iter();
    let mut names: Vec<_> = names
        .map(|(name, failures)| (failures.failed(window, observer.now()), name))
        .filter(|(count, _)| *count > 0)
        .collect();
    names.sort_unstable_by_key(|(count, name)| (std::cmp::Reverse(*count), *name));
    let names = names
        .into_iter()
        .filter_map(|(_, name)| Name::from_wire(name).ok());
    names.take(NAMES).map(|name| name.to_string()).collect()
}

impl fmt::Display for CaptureView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, last] = self.unix_ms;
        let span = (last - first).div_ceil(1_000);
        writeln!(
            f,
            "capture   {}: {span} s from {}, {} packets",
            self.file,
            clock(first),
            self.packets
        )?;
        let parts = [
            (self.queries, "queries"),
            (self.responses, "responses"),
            (self.copies, "copies of packets"),
            (self.forwarded, "queries of servers"),
            (self.strays, "responses without their query"),
            (self.open, "queries just before the end"),
        ];
        list(f, "of them", &parts)?;
        let [truncated, not_followed] = self.truncated;
        list(
            f,
            "TCP",
            &[
                (self.tcp_segments, "segments of port 53, of which only the handshake is read"),
                (truncated, "truncated answers over UDP"),
                (not_followed, "of these with no connection after them"),
            ],
        )?;
        let [from, until] = self.judged_unix_ms;
        if self.judged_unix_ms != self.unix_ms {
            writeln!(f, "judged    its worst minute, from {} to {}", clock(from), clock(until))?;
        }
        self.table(f)
    }
}

impl CaptureView {
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.clients.is_empty() {
            return Ok(());
        }
        let addr = |row: &ClientRow| row.client.map_or_else(String::new, |addr| addr.to_string());
        let width = self.clients.iter().map(|row| addr(row).len());
        let width = width.max().unwrap_or_default().max("client".len());
        writeln!(
            f,
            "\n{:width$}  queries  failed  unanswered  nonexistent  wasted  asked again  names that fail",
            "client"
        )?;
        for row in &self.clients {
            let ClientRow { queries, failed, unanswered, nonexistent, wasted, .. } = row;
            let (addr, again, names) = (addr(row), row.answered_again, row.failing.join(", "));
            let line = format!(
                "{addr:width$}  {queries:7}  {failed:6}  {unanswered:10}  {nonexistent:11}  {wasted:6}  {again:11}  {names}"
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The counts that are not 0, in a line.
fn list(f: &mut fmt::Formatter<'_>, title: &str, parts: &[(u64, &str)]) -> fmt::Result {
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    match parts.is_empty() {
        true => Ok(()),
        false => writeln!(f, "{title:10}{}", parts.join(", ")),
    }
}

/// The time of day.
fn clock(unix_ms: u64) -> String {
    let s = unix_ms / 1_000;
    format!("{:02}:{:02}:{:02} UTC", s / 3600 % 24, s / 60 % 60, s % 60)
}

/// Clients that a person reads of.
const ROWS: usize = 10;

/// Names of each.
const NAMES: usize = 2;
