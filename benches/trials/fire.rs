//! `fire`: one client at ten times each bound, another beside it.

mod case;
pub(crate) mod greedy;
mod table;
pub(crate) mod world;

use std::time::Duration;

use anyhow::Result;
use testbed::pace;

pub(crate) use case::Case;
pub(crate) use world::GOOD;

use crate::cli::FireArgs;
use crate::neighbor;
use crate::output::{print_line, print_progress};
use crate::subject::{Kind, Setup};
use crate::vitals::Watch;
use greedy::Greedy;
use table::{Row, Table};
use world::World;

/// Plays all cases with all subjects and shows the table; returns whether ours
/// reached its goal in each.
///
/// # Errors
///
/// When a subject does not start, or the table cannot be written.
pub(crate) fn run(args: &FireArgs) -> Result<bool> {
    let world = World::start()?;
    let mut table = Table::default();
    for kind in Kind::wanted(&args.common) {
        let quiet = play(&world, kind, None, args)?;
        for case in Case::wanted(&args.cases).filter(|case| case.is_for(kind)) {
            print_progress(&format!("{}: {}", kind.name(), case.title()));
            table.push(play(&world, kind, Some(case), args)?, &quiet);
        }
    }
    let text = table.text(&args.common);
    print_line(&text);
    if let Some(path) = &args.common.report {
        std::fs::write(path, &text)?;
    }
    Ok(table.is_good())
}

/// One case with a fresh process; without a case nothing is wrong.
fn play(world: &World, kind: Kind, case: Option<Case>, args: &FireArgs) -> Result<Row> {
    let zones = world.zones();
    let warm = format!("warm.{GOOD}");
    let setup = Setup { zones: &zones, warm: &warm, ..Setup::default() };
    let subject = kind.start(&setup, &args.common)?;
    neighbor::warm(&subject);
    let watch = Watch::of(subject.process.pid());
    let greedy = case.map(|case| Greedy::start(case, &subject)).transpose()?;
    if greedy.is_some() {
        pace(LEAD);
    }
    let (zone, tag) = case.map_or((GOOD, "quiet"), |case| (case.zone(), case.title()));
    let seen = neighbor::play(&subject, zone, &tag.replace(' ', "-"));
    let died = subject.process.status().is_some();
    drop(greedy);
    Ok(Row { kind, case, seen, peak_mib: watch.peak_mib(), died })
}

/// The greedy client is at it before the other begins.
const LEAD: Duration = Duration::from_secs(1);
