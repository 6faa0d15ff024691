//! Clients that sent queries steadily and fell silent while others went on.
//!
//! What stops a query before it gets here is seen by no counter: a `NetworkPolicy` without
//! port 53, a resolv.conf that names another server. All that is left of it is who should
//! ask and does not. It is looked at every ten seconds, and nothing is counted for it.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use diagnose::Silent;
use observe::{ADDRESS, Client, Count, Counters, Observer, Window, Workload};
use resolver::Moment;

/// Who sends queries steadily.
#[derive(Debug, Default)]
pub(super) struct Steady {
    known: HashMap<Who, Habit>,
    /// The minute that runs.
    minute: u64,
    /// Queries of all clients in it, and in the one before.
    queries: [u64; 2],
    looked: Moment,
}

/// A workload, or an address without one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Who {
    Addr(IpAddr),
    Workload(Arc<Workload>),
}

/// What one of them sent.
#[derive(Debug)]
struct Sent {
    who: Who,
    /// In the last ten seconds.
    queries: u64,
    /// When the last query came.
    last: Moment,
}

/// How one of them sends.
#[derive(Debug, Default)]
struct Habit {
    /// In the minute that runs.
    queries: u64,
    /// Minutes in a row with enough of them.
    minutes: u32,
    /// The mean of these minutes, the latest ones more, but the first and the last: it may
    /// have begun and ended within them.
    per_minute: u64,
    /// In the last of these minutes.
    latest: u64,
    last: Moment,
    state: State,
}

/// How the last full minute of one of them was.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// With enough queries, or the first.
    #[default]
    Busy,
    /// With some: it may have ended within it.
    Fading,
    /// Without any.
    Quiet,
}

impl Steady {
    /// Takes the last ten seconds of the accounts; returns who is silent, the most queries
    /// first. `unix_s` is the time of `observer`, in seconds since 1970.
    pub(super) fn look(&mut self, observer: &Observer, unix_s: u64) -> Vec<Silent> {
        let now = observer.now();
        self.note(sent(observer), now);
        let mut silent = self.silent(now);
        leave_out_gone(&mut silent, observer);
        silent.truncate(MOST);
        let view = |(who, habit): (&Who, &Habit)| {
            let silent_s = now.saturating_since(habit.last).as_secs();
            let (name, kind) = who.title();
            Silent {
                name,
                kind,
                per_minute: habit.per_minute,
                until_unix_s: unix_s.saturating_sub(silent_s),
                silent_s,
            }
        };
        silent.into_iter().map(view).collect()
    }

    fn note(&mut self, all: impl IntoIterator<Item = Sent>, now: Moment) {
        if now.saturating_since(self.looked) > PAUSE {
            // Nobody was looked at, or the machine slept.
            *self = Self::default();
        }
        self.looked = now;
        let [running, _] = &mut self.queries;
        for Sent { who, queries, last } in all {
            *running += queries;
            // Who is known keeps its place, however many pass by.
            if self.known.len() >= CAPACITY && !self.known.contains_key(&who) {
                continue;
            }
            let habit = self.known.entry(who).or_default();
            habit.queries += queries;
            habit.last = habit.last.max(last);
        }
        let minute = now.as_secs() / MINUTE;
        if minute != self.minute {
            self.minute = minute;
            let [running, _] = self.queries;
            self.queries = [0, running];
            self.known
                .retain(|_, habit| habit.end_minute() && !habit.is_long_ago(now));
        }
    }

    /// Who is silent, if others are not: else it may be us whom nothing reaches.
    fn silent(&self, now: Moment) -> Vec<(&Who, &Habit)> {
        let [running, before] = self.queries;
        if running.max(before) < LEAST {
            return Vec::new();
        }
        let is_silent =
            |habit: &Habit| habit.minutes >= STEADY && now.saturating_since(habit.last) >= SILENT;
        let all = self.known.iter();
        let mut silent: Vec<_> = all.filter(|(_, habit)| is_silent(habit)).collect();
        silent.sort_by_key(|(_, habit)| (std::cmp::Reverse(habit.per_minute), habit.last));
        silent
    }
}

impl Habit {
    /// Closes a minute; returns whether it is still worth a place.
    fn end_minute(&mut self) -> bool {
        let (queries, before) = (std::mem::take(&mut self.queries), self.state);
        if queries >= LEAST {
            // After a pause it begins anew: who has pauses is not steady.
            let goes_on = self.minutes > 0 && before != State::Quiet;
            let minutes = if goes_on { self.minutes.saturating_add(1) } else { 1 };
            self.per_minute = match minutes {
                1 | 2 => 0,
                3 => self.latest,
                _ => (self.per_minute * 3 + self.latest) / 4,
            };
            *self = Self { minutes, latest: queries, state: State::Busy, ..*self };
            return true;
        }
        self.state = if queries == 0 { State::Quiet } else { State::Fading };
        let is_steady = self.minutes >= STEADY;
        is_steady && (self.state == State::Quiet || before == State::Busy)
    }

    fn is_long_ago(&self, now: Moment) -> bool {
        now.saturating_since(self.last) > KEPT
    }
}

impl Who {
    fn of(addr: IpAddr, client: &Client) -> Self {
        match client.identity() {
            Some(identity) => Self::Workload(Arc::clone(&identity.workload)),
            None => Self::Addr(addr),
        }
    }

    /// Its name and its kind, as in [`diagnose::Who`].
    fn title(&self) -> (String, String) {
        match self {
            Self::Addr(addr) => (addr.to_string(), ADDRESS.to_owned()),
            Self::Workload(workload) => {
                let Workload { namespace, kind, name } = &**workload;
                let name = match namespace.as_str() {
                    "" => name.clone(),
                    namespace => format!("{namespace}/{name}"),
                };
                (name, kind.clone())
            }
        }
    }
}

/// What those sent who sent anything lately; pods that are gone since are of their workload.
fn sent(observer: &Observer) -> Vec<Sent> {
    let now = observer.now();
    let is_late = |last: Moment| now.saturating_since(last) < LATELY;
    let queries = |counters: &Counters| {
        let sums = counters.sum(Window::TenSeconds);
        sums.get(Count::Queries as usize)
            .copied()
            .unwrap_or_default()
    };
    let clients = observer.clients().iter();
    let clients = clients.filter(|(_, client)| is_late(client.last()));
    let clients = clients.map(|(addr, client)| Sent {
        who: Who::of(*addr, client),
        queries: queries(client.counters()),
        last: client.last(),
    });
    let gone = observer.workloads().iter();
    let gone = gone.filter(|(_, account)| is_late(account.last));
    let gone = gone.map(|(workload, account)| Sent {
        who: Who::Workload(Arc::clone(workload)),
        queries: queries(&account.counters),
        last: account.last,
    });
    clients.chain(gone).collect()
}

/// Leaves out workloads without a pod here by what the API has, and addresses that have a
/// name by now: they are known by their workload.
fn leave_out_gone(silent: &mut Vec<(&Who, &Habit)>, observer: &Observer) {
    let workloads: HashSet<&Workload> = silent
        .iter()
        .filter_map(|(who, _)| match who {
            Who::Workload(workload) => Some(&**workload),
            Who::Addr(_) => None,
        })
        .collect();
    let names = observer.names();
    let there: HashSet<&Workload> = if workloads.is_empty() {
        HashSet::new()
    } else {
        let named = names.iter().map(|(_, identity)| &*identity.workload);
        named.filter(|one| workloads.contains(one)).collect()
    };
    silent.retain(|(who, _)| match who {
        Who::Workload(workload) => there.contains(&**workload),
        Who::Addr(addr) => names.get(*addr).is_none(),
    });
}

/// Queries of a minute from which on it counts, and of all others for them to go on. A
/// client with ten a minute by chance has none in three once in 10^13.
const LEAST: u64 = 10;

/// Minutes in a row from which on a client is steady.
const STEADY: u32 = 5;

/// How long it has to be silent: longer than a Pod takes to be replaced.
const SILENT: Duration = Duration::from_secs(180);

/// How long it is told: who has not asked for an hour is idle.
const KEPT: Duration = Duration::from_secs(3_600);

/// Clients that are watched; each takes some 100 octets. Ten times the pods of a node.
const CAPACITY: usize = 2_048;

/// Clients that are told.
const MOST: usize = 20;

/// Two windows of ten seconds.
const LATELY: Duration = Duration::from_secs(20);

/// Looks are ten seconds apart.
const PAUSE: Duration = Duration::from_secs(60);

const MINUTE: u64 = 60;

#[cfg(test)]
mod tests;
