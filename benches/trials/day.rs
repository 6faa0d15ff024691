//! `day`: a greedy client and trouble with the upstream in turn, in one process of ours,
//! while another client looks up names all the time.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum as _;
use testbed::pace;
use upstream::{ResponseCode, Rule, Wrong};

use crate::cli::DayArgs;
use crate::fire::greedy::Greedy;
use crate::fire::world::World;
use crate::fire::{Case, GOOD};
use crate::neighbor::{self, Fate, Seen};
use crate::output::print_line;
use crate::subject::{Kind, Setup, Subject};
use crate::vitals::resident_kib;

/// Plays for as long as is wanted; returns whether each answer was right and the memory
/// stayed what it was.
///
/// # Errors
///
/// When ours does not start, or ends, or the report cannot be written.
pub(crate) fn run(args: &DayArgs) -> Result<bool> {
    let world = World::start()?;
    let (zones, warm) = (world.zones(), format!("warm.{GOOD}"));
    // Full within minutes, so that what grows after that is something else.
    let more = "[cache]\nsize = \"16MiB\"\n";
    let setup = Setup { zones: &zones, warm: &warm, more, ..Setup::default() };
    let subject = Kind::Fivedots.start(&setup, &args.common)?;
    neighbor::warm(&subject);
    let (started, length) = (now(), Duration::from_secs(args.seconds));
    let mut day = Day::default();
    while started.elapsed() < length {
        let seen = round(&world, &subject, day.rounds)?;
        day.take(&seen, resident_kib(subject.process.pid()), started.elapsed());
        if day.rounds.is_multiple_of(ROUNDS_A_LINE) {
            print_line(&day.line(started.elapsed()));
        }
        if let Some(status) = subject.process.status() {
            anyhow::bail!("it ended: {status}; its output:\n{}", subject.process.output());
        }
    }
    let last = day.line(started.elapsed());
    print_line(&last);
    if let Some(path) = &args.common.report {
        std::fs::write(path, last + "\n")?;
    }
    Ok(day.is_good())
}

/// Six seconds of trouble of one kind, and a pause.
fn round(world: &World, subject: &Subject, n: usize) -> Result<Seen> {
    let cases = Case::value_variants();
    let rules = [
        None,
        Some(Rule::on(GOOD).silence()),
        Some(Rule::on(GOOD).rcode(ResponseCode::ServFail)),
        Some(Rule::on(GOOD).delay(Duration::from_millis(300))),
        Some(
            Rule::on(GOOD)
                .udp()
                .wrong_then_right(Wrong::Id, Duration::from_millis(20)),
        ),
        Some(Rule::on(GOOD).udp().truncated()),
        Some(Rule::on(GOOD).loss(0.3)),
    ];
    // The counts have no factor in common, so that each meets each.
    let case = cases.get(n % cases.len()).copied();
    let rule = rules.get(n % rules.len()).cloned().flatten();
    let greedy = case.map(|case| Greedy::start(case, subject)).transpose()?;
    world.change(rule)?;
    let seen = neighbor::play(subject, GOOD, &format!("day-{n}"));
    drop(greedy);
    world.change(None)?;
    pace(PAUSE);
    Ok(seen)
}

/// What was seen so far.
#[derive(Default)]
struct Day {
    rounds: usize,
    lookups: usize,
    answered: usize,
    wrong: usize,
    probes: (usize, usize),
    /// Memory after each round, KiB, and when.
    memory: Vec<(Duration, u64)>,
}

impl Day {
    fn take(&mut self, seen: &Seen, kib: u64, at: Duration) {
        self.rounds += 1;
        self.lookups += seen.len();
        self.answered += seen.count(Fate::Answered);
        self.wrong += seen.count(Fate::Wrong);
        let (good, all) = seen.probes.unwrap_or_default();
        self.probes = (self.probes.0 + good, self.probes.1 + all);
        self.memory.push((at, kib));
    }

    /// By how much the memory grew after it was warm, KiB: its median of the second half
    /// of the rest beside the one of the first. Each kind of trouble comes as often in
    /// both, and what one took for a moment is in neither.
    fn drift(&self) -> i64 {
        let (last, _) = self.memory.last().copied().unwrap_or_default();
        let warm = WARM.min(last / 3);
        let middle = warm + (last - warm) / 2;
        let median = |from: Duration, to: Duration| {
            let within = self.memory.iter();
            let within = within.filter(|(at, _)| (from..to).contains(at));
            let mut kib: Vec<_> = within.map(|(_, kib)| *kib).collect();
            kib.sort_unstable();
            kib.get(kib.len() / 2).copied().unwrap_or_default()
        };
        median(middle, last).cast_signed() - median(warm, middle).cast_signed()
    }

    /// The most that the memory was after a round, KiB.
    fn most(&self) -> u64 {
        let all = self.memory.iter().map(|(_, kib)| *kib);
        all.max().unwrap_or_default()
    }

    fn line(&self, at: Duration) -> String {
        let Self { rounds, lookups, answered, wrong, probes, memory } = self;
        let kib = memory.last().map_or(0, |(_, kib)| *kib);
        format!(
            "{:>6} s {rounds:>5} rounds: {answered} of {lookups} lookups answered, {wrong} wrong; \
             {} of {} probes; {kib} KiB, most {}, drift {} KiB",
            at.as_secs(),
            probes.0,
            probes.1,
            self.most(),
            self.drift()
        )
    }

    fn is_good(&self) -> bool {
        self.wrong == 0 && self.drift() < MOST_DRIFT
    }
}

#[expect(clippy::disallowed_methods, reason = "it runs for a time")]
fn now() -> Instant {
    Instant::now()
}

/// Between two rounds: questions in flight end, connections time out.
const PAUSE: Duration = Duration::from_secs(4);

/// About a minute.
const ROUNDS_A_LINE: usize = 6;

/// Accounts and buffers have been filled by then.
const WARM: Duration = Duration::from_secs(600);

/// KiB.
const MOST_DRIFT: i64 = 1_024;
