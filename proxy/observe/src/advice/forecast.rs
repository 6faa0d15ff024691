//! What the lookups seen would have cost otherwise.

use serde::{Deserialize, Serialize};
use stub::{Library, ResolvConf};

use super::replay::{Current, Replay, replay, signed, text_of};
use crate::accounts::{NameTallies, Tally, Way};
use crate::lookup::{Libraries, Step};

/// A way to change how names are looked up.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Another ndots for the pods.
    Ndots(u8),
    /// A dot at the end of each name that is only ever found as it is.
    TrailingDots,
}

/// A change and what it does, for each library that may look up the names.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Alternative {
    /// What changes.
    pub change: Change,
    /// Names that are found now and would not be, under any library that the clients
    /// may have.
    pub breaks: AtRisk,
    /// With the walk of glibc.
    pub glibc: Forecast,
    /// With that of musl, which never searches for a name with enough dots.
    pub musl: Forecast,
    /// With that of Go.
    pub go: Forecast,
}

/// What the lookups seen would have cost.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
pub struct Forecast {
    /// Queries, of all lookups.
    pub queries: u64,
    /// Queries less than were seen; below zero if there are more.
    pub queries_saved: i64,
    /// The same in thousandths of those seen.
    pub saved_permille: i64,
    /// Time less that clients would have waited for denied names, in
    /// microseconds, from what a step of each name took.
    pub wait_saved_micros: i64,
    /// Lookups that this walk explains. The others count as unchanged: partial
    /// and failed ones, and those of resolvers that do not search.
    pub explained_lookups: u64,
    /// Names that are found now and would not be.
    pub breaks: AffectedNames,
    /// Names that would take more steps. They are asked as they are first:
    /// where anybody else can own them.
    pub slower: AffectedNames,
    /// Names that a wildcard in the search list answers now, and that would be asked
    /// as they are first.
    pub heals: AffectedNames,
}

/// Names that a change breaks, the most important first, cut short.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
pub struct AtRisk {
    /// At most ten.
    pub names: Vec<NameAtRisk>,
    /// How many more there are.
    pub more: usize,
}

/// A name that a change breaks.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct NameAtRisk {
    /// The name as the program gave it.
    pub name: String,
    /// Its lookups that would fail.
    pub lookups: u64,
    /// The libraries under which it breaks, of those that the clients may have.
    pub libraries: Libraries,
}

/// A list of names, the most important first, cut short.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
pub struct AffectedNames {
    /// At most ten.
    pub names: Vec<Affected>,
    /// How many more there are.
    pub more: usize,
}

/// What a change does to one name.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Affected {
    /// The name as the program gave it; `?` for what no host name has.
    pub name: String,
    /// Its lookups that are affected.
    pub lookups: u64,
    /// Queries that are saved; below zero if there are more.
    pub queries_saved: i64,
}

/// Lookups that are made again.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) bases: &'a NameTallies,
    pub(super) current: &'a Current,
}

impl Alternative {
    pub(super) fn of(seen: Seen<'_>, possible: Libraries, change: Change) -> Self {
        let forecast = |library| Replayed::of(seen, library, change).forecast(seen.bases);
        let [glibc, musl, go] = [Library::Glibc, Library::Musl, Library::Go].map(forecast);
        let breaks = AtRisk::of(
            [(Library::Glibc, &glibc), (Library::Musl, &musl), (Library::Go, &go)],
            possible,
        );
        Self { change, breaks, glibc, musl, go }
    }

    /// Returns what it does to the clients of one library.
    pub const fn of_library(&self, library: Library) -> &Forecast {
        match library {
            Library::Glibc => &self.glibc,
            Library::Musl => &self.musl,
            Library::Go => &self.go,
        }
    }
}

impl AtRisk {
    /// What breaks under any of the libraries that are possible.
    fn of(forecasts: [(Library, &Forecast); 3], possible: Libraries) -> Self {
        let mut all = Self::default();
        for (library, forecast) in forecasts {
            if !possible.has(library) {
                continue;
            }
            all.more = all.more.max(forecast.breaks.more);
            for Affected { name, lookups, .. } in &forecast.breaks.names {
                let known = all.names.iter_mut().find(|known| known.name == *name);
                if let Some(known) = known {
                    known.lookups = known.lookups.max(*lookups);
                    known.libraries = known.libraries.or(library.into());
                    continue;
                }
                let (name, lookups, libraries) = (name.clone(), *lookups, library.into());
                all.names.push(NameAtRisk { name, lookups, libraries });
            }
        }
        all.names
            .sort_by(|a, b| (b.lookups, &a.name).cmp(&(a.lookups, &b.name)));
        all.more += all.names.len().saturating_sub(MAX_NAMES);
        all.names.truncate(MAX_NAMES);
        all
    }
}

/// The names for which a dot at the end saves most.
pub(super) fn trailing_dots(seen: Seen<'_>, library: Library) -> AffectedNames {
    let replayed = Replayed::of(seen, library, Change::TrailingDots);
    let mut saving = replayed.affected(|effect| effect.queries_saved > 0);
    saving.sort_by(|a, b| (b.queries_saved, &a.name).cmp(&(a.queries_saved, &b.name)));
    AffectedNames::cut(saving)
}

/// All names under one change and one walk.
struct Replayed {
    names: Vec<(String, Vec<Effect>)>,
    /// Those of names that are not held.
    unheld: Vec<Effect>,
}

/// What happens to lookups of a name that went the same way.
#[derive(Clone, Copy)]
struct Effect {
    lookups: u64,
    is_explained: bool,
    breaks: bool,
    heals: bool,
    is_slower: bool,
    queries_saved: i64,
    wait_saved_micros: i64,
}

impl Replayed {
    fn of(seen: Seen<'_>, library: Library, change: Change) -> Self {
        let Seen { bases, current } = seen;
        let now = current.with_ndots(current.ndots.assumed());
        let then = match change {
            Change::Ndots(ndots) => current.with_ndots(ndots),
            Change::TrailingDots => now.clone(),
        };
        let step_time = bases
            .iter()
            .fold(StepTime::default(), |step_time, (_, tally)| step_time.and(StepTime::of(tally)));
        let walks = Walks { library, now, then, change };
        let names = bases.iter().filter_map(|(base, tally)| {
            let name = text_of(base)?;
            let effects = walks.effects(&name, tally, StepTime::of(tally).or(step_time));
            Some((name, effects))
        });
        let unheld = bases
            .unheld()
            .iter()
            .map(|(dots, way)| walks.unheld(*dots, way, step_time));
        Self { unheld: unheld.collect(), names: names.collect() }
    }

    fn forecast(&self, bases: &NameTallies) -> Forecast {
        let effects = || {
            let named = self.names.iter().flat_map(|(_, effects)| effects);
            named.chain(&self.unheld)
        };
        let seen = bases.totals().queries;
        let queries_saved: i64 = effects().map(|effect| effect.queries_saved).sum();
        Forecast {
            queries: seen.saturating_add_signed(-queries_saved),
            queries_saved,
            saved_permille: permille(queries_saved, seen),
            wait_saved_micros: effects().map(|effect| effect.wait_saved_micros).sum(),
            explained_lookups: effects()
                .filter(|effect| effect.is_explained)
                .map(|effect| effect.lookups)
                .sum(),
            breaks: self.most_looked_up(|effect| effect.breaks),
            slower: self.most_looked_up(|effect| effect.is_slower),
            heals: self.most_looked_up(|effect| effect.heals),
        }
    }

    fn most_looked_up(&self, is_meant: impl Fn(&Effect) -> bool) -> AffectedNames {
        let mut affected = self.affected(&is_meant);
        affected.sort_by(|a, b| (b.lookups, &a.name).cmp(&(a.lookups, &b.name)));
        let mut cut = AffectedNames::cut(affected);
        // At least so many: what has no name has a way in common.
        cut.more += self.unheld.iter().filter(|effect| is_meant(effect)).count();
        cut
    }

    fn affected(&self, is_meant: impl Fn(&Effect) -> bool) -> Vec<Affected> {
        let affected = self.names.iter().filter_map(|(name, effects)| {
            let meant = || effects.iter().filter(|effect| is_meant(effect));
            meant().next()?;
            Some(Affected {
                name: name.clone(),
                lookups: meant().map(|effect| effect.lookups).sum(),
                queries_saved: meant().map(|effect| effect.queries_saved).sum(),
            })
        });
        affected.collect()
    }
}

/// The walks that are compared.
struct Walks {
    library: Library,
    now: ResolvConf,
    then: ResolvConf,
    change: Change,
}

impl Walks {
    /// What happens to lookups of names with so many dots: no walk depends on more of
    /// a name.
    fn unheld(&self, dots: u8, way: &Way, step_time: StepTime) -> Effect {
        let name = vec!["a"; usize::from(dots) + 1].join(".");
        let dotted = self.change == Change::TrailingDots && way.kind.found == Some(Step::Absolute);
        let written = if dotted { format!("{name}.") } else { name.clone() };
        let found = way.kind.found;
        let now = replay(self.library, &self.now, &name, found);
        let then = replay(self.library, &self.then, &written, found);
        Effect::of(way, now, then, step_time)
    }

    fn effects(&self, name: &str, tally: &Tally, step_time: StepTime) -> Vec<Effect> {
        let dotted = self.change == Change::TrailingDots && tally.may_end_in_a_dot();
        let written = if dotted { format!("{name}.") } else { name.to_owned() };
        let walk = |conf, name: &str, found| replay(self.library, conf, name, found);
        let effect = |way: &Way| {
            let found: Option<Step> = way.kind.found;
            Effect::of(
                way,
                walk(&self.now, name, found),
                walk(&self.then, &written, found),
                step_time,
            )
        };
        tally.ways.iter().map(effect).collect()
    }
}

impl Effect {
    fn of(way: &Way, now: Replay, then: Replay, step_time: StepTime) -> Self {
        // Nobody has seen what its own name would get.
        let heals = way.kind.captured && then.whole_first && !now.whole_first;
        let is_explained = now.explains(way.kind) && !heals;
        let steps = i64::from(now.steps) - i64::from(then.steps);
        Self {
            lookups: way.lookups,
            is_explained,
            // Even of a walk that began in the middle: it found its name where
            // it will not look again.
            breaks: now.resolves && !then.resolves && !way.kind.captured,
            heals,
            is_slower: is_explained && then.resolves && steps < 0,
            queries_saved: if is_explained { way.saved(now, then) } else { 0 },
            wait_saved_micros: if is_explained {
                step_time.micros(steps * signed(way.lookups))
            } else {
                0
            },
        }
    }
}

/// How long a step takes.
#[derive(Clone, Copy, Default)]
struct StepTime {
    steps: u64,
    micros: u64,
}

impl StepTime {
    fn of(tally: &Tally) -> Self {
        let micros = u64::try_from(tally.timed.as_micros()).unwrap_or(u64::MAX);
        Self { steps: tally.timed_steps, micros }
    }

    const fn and(self, other: Self) -> Self {
        Self {
            steps: self.steps.saturating_add(other.steps),
            micros: self.micros.saturating_add(other.micros),
        }
    }

    /// Itself, or another if it knows nothing.
    const fn or(self, other: Self) -> Self {
        if self.steps > 0 { self } else { other }
    }

    fn micros(self, steps: i64) -> i64 {
        let total = i128::from(steps) * i128::from(self.micros);
        let micros = total.checked_div(i128::from(self.steps)).unwrap_or(0);
        i64::try_from(micros).unwrap_or(i64::MAX)
    }
}

impl AffectedNames {
    pub(super) fn cut(mut all: Vec<Affected>) -> Self {
        let more = all.len().saturating_sub(MAX_NAMES);
        all.truncate(MAX_NAMES);
        Self { names: all, more }
    }
}

fn permille(part: i64, whole: u64) -> i64 {
    part.saturating_mul(1000)
        .checked_div(signed(whole))
        .unwrap_or(0)
}

/// Names in a list: what a person reads.
const MAX_NAMES: usize = 10;
