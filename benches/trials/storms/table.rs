//! What clients got in the storms, and whether it is good enough.

use std::fmt::Write as _;
use std::time::Duration;

use super::Storm;
use super::promise::Promise;
use super::tally::{Asked, Got, Seen};
use crate::cli::StormsArgs;
use crate::subject::Kind;

/// One storm with one subject, for names asked by one client or by two.
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) storm: Storm,
    pub(crate) by: Asked,
    /// None where it could not be played.
    pub(crate) seen: Option<Got>,
    /// Queries at the upstreams; in a loop, laps.
    pub(crate) upstream: u64,
    /// Queries of all clients.
    pub(crate) asked: u64,
    pub(crate) length: Duration,
    pub(crate) note: String,
}

/// All rows.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    /// Lookups of real libraries with ours, for names seen before.
    libraries: Seen,
}

impl Table {
    /// Adds what real libraries got.
    pub(crate) fn note_libraries(&mut self, kind: Kind, seen: &Seen) {
        for (name, (all, failed)) in seen.iter().filter(|_| kind == Kind::Fivedots) {
            let sum = self.libraries.entry(name).or_default();
            *sum = (sum.0 + all, sum.1 + failed);
        }
    }

    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Whether ours reached the goal in each storm.
    pub(crate) fn is_good(&self) -> bool {
        let mut ours = self.rows.iter().filter(|row| row.kind == Kind::Fivedots);
        ours.all(|row| row.missed().is_empty())
    }

    /// What of ours is not as promised.
    pub(crate) fn complaints(&self, promises: &[Promise]) -> Vec<String> {
        let ours = self.rows.iter().filter(|row| row.kind == Kind::Fivedots);
        let complaints = ours.filter_map(|row| {
            let promise = promises.iter().find(|promise| promise.is_of(row.storm))?;
            Some(promise.complaints(row.seen.as_ref()?))
        });
        complaints.flatten().collect()
    }

    /// The table as text, and below it what is not as promised.
    pub(crate) fn text(&self, args: &StormsArgs, promises: &[Promise]) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        self.write(&mut text, args).unwrap_or_default();
        for (name, (all, failed)) in &self.libraries {
            let line = format!("{name}: {failed} of {all} lookups of names seen before failed");
            writeln!(text, "fivedots, {line}").unwrap_or_default();
        }
        for complaint in self.complaints(promises) {
            writeln!(text, "not as in docs/dns-behaviour.md: {complaint}").unwrap_or_default();
        }
        text
    }

    fn write(&self, text: &mut String, args: &StormsArgs) -> std::fmt::Result {
        let quick = if args.quick { ", quick" } else { "" };
        writeln!(text, "failed lookups of getaddrinfo in storms{quick}; times in ms")?;
        writeln!(
            text,
            "{:18} {:9} {:5} {:>11} {:>11} {:>9} {:>9} {:>9}  goal",
            "storm", "subject", "asked", "seen before", "new", "longest", "queries", "upstream"
        )?;
        for row in &self.rows {
            let (storm, kind) = (row.storm.title(), row.kind.name());
            let by = format!("{:?}", row.by).to_lowercase();
            let Some(got) = &row.seen else {
                writeln!(text, "{storm:18} {kind:9} {by:5} not played: {}", row.note)?;
                continue;
            };
            let missed = row.missed();
            let goal = if missed.is_empty() { "reached".to_owned() } else { missed.join(", ") };
            writeln!(
                text,
                "{storm:18} {kind:9} {by:5} {:>11} {:>11} {:>9} {:>9} {:>9}  {goal}",
                format!("{}/{}", got.failed, got.seen),
                format!("{}/{}", got.fresh_failed, got.fresh),
                got.longest.as_millis(),
                row.asked,
                row.upstream,
            )?;
        }
        Ok(())
    }
}

impl Row {
    /// A storm that could not be played.
    pub(crate) fn not_played(kind: Kind, storm: Storm, error: &anyhow::Error) -> Self {
        let note = format!("{error:#}")
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        let (by, length) = (Asked::Once, Duration::ZERO);
        Self { kind, storm, by, seen: None, upstream: 0, asked: 0, length, note }
    }

    /// The parts of the goal that were not reached. One that could not be played is
    /// not judged.
    fn missed(&self) -> Vec<String> {
        let Some(got) = &self.seen else { return Vec::new() };
        let most = match self.storm {
            Storm::Loop => self.asked * LAPS,
            _ => self.asked * 6 / 5 + RETRIES * self.length.as_secs(),
        };
        let mut missed = Vec::new();
        if !self.note.is_empty() {
            missed.push(self.note.clone());
        }
        for (is_missed, what) in [
            (got.failed > 0, "failed"),
            (got.longest > LONGEST, "slow"),
            (self.upstream > most, "retries"),
        ] {
            if is_missed {
                missed.push(what.to_owned());
            }
        }
        missed
    }
}

/// The deadline of 4 s, and what the machine adds.
const LONGEST: Duration = Duration::from_millis(4_200);

/// Retries a second beside a fifth of the first tries.
const RETRIES: u64 = 50;

/// Queries to the upstream for each of a client, where it forwards to us.
const LAPS: u64 = 3;
