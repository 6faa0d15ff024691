//! `storms`: what a client gets while upstreams, the machine or the operator make
//! trouble. Some names are asked by one client, some by two at once.

mod cast;
mod client;
mod icmp;
mod library;
mod promise;
mod relay;
mod storm;
mod table;
mod tally;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use testbed::pace;

pub(crate) use storm::Storm;

use crate::cli::StormsArgs;
use crate::output::{print_line, print_progress};
use crate::subject::{Kind, Subject};
use cast::Cast;

use library::{Libraries, Programs};
use promise::Promise;
use table::{Row, Table};
use tally::{Asked, Names, Seen, Tally};

/// Plays all storms with all subjects and shows the table; returns whether ours
/// reached its goal in each.
///
/// # Errors
///
/// When a subject does not start, or the table cannot be written.
pub(crate) fn run(args: &StormsArgs) -> Result<bool> {
    let promises = Promise::all()?;
    let programs = (!args.model_only).then(Programs::build).transpose()?;
    let mut table = Table::default();
    for kind in Kind::wanted(&args.common) {
        for storm in Storm::wanted(&args.storms).filter(|storm| storm.is_for(kind)) {
            print_progress(&format!("{}: {}", kind.name(), storm.title()));
            match play(kind, storm, programs.as_ref(), args) {
                Ok((rows, seen)) => {
                    rows.into_iter().for_each(|row| table.push(row));
                    table.note_libraries(kind, &seen);
                }
                Err(error) => table.push(Row::not_played(kind, storm, &error)),
            }
        }
    }
    let text = table.text(args, &promises);
    print_line(&text);
    if let Some(path) = &args.common.report {
        std::fs::write(path, &text)?;
    }
    Ok(table.is_good() && table.complaints(&promises).is_empty())
}

/// One storm with a fresh process: a row for names asked once, one for names asked by
/// two.
fn play(
    kind: Kind,
    storm: Storm,
    programs: Option<&Programs>,
    args: &StormsArgs,
) -> Result<([Row; 2], Seen)> {
    let mut cast = Cast::of(storm)?;
    let addr = programs.is_some().then_some(library::SERVER);
    let subject = cast.start(kind, addr, &args.common)?;
    let names = Names::default();
    client::warm(&subject);
    let before = cast.asked();
    let length = storm.length(args.quick);
    let tally = Arc::new(Tally::default());
    let start = |programs| Libraries::start(programs, &tally);
    let mut libraries = programs.map(start).transpose()?;
    thread::scope(|scope| -> Result<()> {
        let started = now();
        let asking = scope.spawn(|| {
            let who = (&subject, &names);
            client::ask(who, libraries.as_mut(), length + AFTER, &tally);
        });
        let trouble = storm_rages(storm, &mut cast, &subject, started, length);
        // A client that panics has counted nothing more.
        asking.join().ok();
        trouble
    })?;
    libraries.map(Libraries::end).transpose()?;
    let asked = cast.asked().saturating_sub(before);
    let died = subject.process.status().is_some();
    let seen = [Asked::Once, Asked::Twice].map(|by| tally.of(by));
    let of_clients = match storm {
        Storm::Loop => cast.floods(),
        _ => seen.iter().map(|seen| seen.queries).sum::<u64>() + cast.floods(),
    };
    let row = |by, seen| Row {
        kind,
        storm,
        by,
        seen: Some(seen),
        upstream: asked,
        asked: of_clients,
        length: length + AFTER,
        note: if died { "the process ended".to_owned() } else { String::new() },
    };
    let [once, twice] = seen;
    Ok(([row(Asked::Once, once), row(Asked::Twice, twice)], tally.libraries()))
}

/// Lets the trouble begin, last and end.
fn storm_rages(
    storm: Storm,
    cast: &mut Cast,
    subject: &Subject,
    started: Instant,
    length: Duration,
) -> Result<()> {
    cast.begin(storm, subject)?;
    let mut step = 0;
    while started.elapsed() < length {
        cast.go_on(storm, subject, step)?;
        step += 1;
        pace(STEP);
    }
    cast.end(storm)
}

#[expect(clippy::disallowed_methods, reason = "a storm has a length")]
fn now() -> Instant {
    Instant::now()
}

/// Between two strokes of a storm that strikes more than once.
const STEP: Duration = Duration::from_millis(200);

/// How long clients go on when it is over.
const AFTER: Duration = Duration::from_secs(3);
