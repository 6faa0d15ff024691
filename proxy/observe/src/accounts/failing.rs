//! The names that failed lately for a client, and what failed.

use dns::{Rcode, Rtype};
use resolver::{Moment, Origin};

use crate::intake::{QueryEvent, QueryFlags};
use crate::tables::{HeavyHitters, Window, Windows, hash_of_name};

/// The names with most of a client's recent failures.
///
/// Each client has a table of its own: one that fails for names that it makes up
/// takes no other client's places.
#[derive(Clone, Debug, Default)]
pub struct FailingNames {
    // Most clients never have one.
    held: Option<Box<HeavyHitters<FailingName>>>,
    /// The latest of the others: where each name fails once, none is heavy.
    latest: Vec<(Box<[u8]>, FailingName)>,
}

/// The failures of one name.
#[derive(Clone, Debug, Default)]
pub struct FailingName {
    /// Each different one, at most [`KINDS`].
    kinds: Vec<NameFailure>,
    types: FailedTypes,
}

/// Failures of a name with one origin, at one upstream.
#[derive(Clone, Debug)]
pub struct NameFailure {
    /// What failed; of a cached failure, what failed at first.
    pub origin: Origin,
    /// The number of the upstream.
    pub upstream: Option<u8>,
    /// The code that clients got.
    pub rcode: Rcode,
    /// The error number of the system; 0 without one.
    pub errno: u8,
    /// How many responses.
    responses: Windows<1>,
    /// The first of those that followed one another within a minute.
    pub since: Moment,
    /// The latest.
    pub last: Moment,
}

/// The types whose queries failed, a bit each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FailedTypes(u8);

impl FailingNames {
    /// Names that are held of one client: what a page shows of them.
    pub const CAPACITY: usize = HEAVIEST + LATEST;

    /// Counts a response, if it is a failure that has to do with its name.
    pub(crate) fn note(&mut self, event: &QueryEvent<'_>, now: Moment) {
        let record = &event.record;
        if !is_of_name(record.counted()) || record.flags.has(QueryFlags::REPEATED) {
            return;
        }
        if event.qname.is_empty() {
            return;
        }
        let held = self
            .held
            .get_or_insert_with(|| Box::new(HeavyHitters::new(HEAVIEST)));
        let hash = hash_of_name(event.qname);
        held.add_hashed(event.qname, hash, 1);
        let Some(name) = held.get_mut(hash) else { return self.note_latest(event, now) };
        let at = self
            .latest
            .iter()
            .position(|(name, _)| **name == *event.qname);
        if let Some(at) = at {
            *name = self.latest.swap_remove(at).1;
        }
        name.note(event, now);
    }

    fn note_latest(&mut self, event: &QueryEvent<'_>, now: Moment) {
        let same = |(name, _): &&mut (Box<[u8]>, FailingName)| **name == *event.qname;
        if let Some((_, name)) = self.latest.iter_mut().find(same) {
            return name.note(event, now);
        }
        let mut name = FailingName::default();
        name.note(event, now);
        self.put_latest(event.qname.into(), name);
    }

    /// Adds a name; the one that failed longest ago makes room.
    fn put_latest(&mut self, octets: Box<[u8]>, name: FailingName) {
        if self.latest.len() < LATEST {
            return self.latest.push((octets, name));
        }
        if let Some(oldest) = self.latest.iter_mut().min_by_key(|(_, name)| name.last()) {
            *oldest = (octets, name);
        }
    }

    /// Adds those of another client.
    pub fn merge(&mut self, other: &Self) {
        for (octets, theirs) in &other.latest {
            let same = |(name, _): &&mut (Box<[u8]>, FailingName)| name == octets;
            match self.latest.iter_mut().find(same) {
                Some((_, name)) => name.merge(theirs),
                None => self.put_latest(octets.clone(), theirs.clone()),
            }
        }
        let Some(theirs) = &other.held else { return };
        match &mut self.held {
            Some(mine) => drop(mine.merge(theirs, FailingName::merge)),
            None => self.held = Some(theirs.clone()),
        }
        let Self { held: Some(held), latest } = self else { return };
        latest.retain(|(octets, failing)| {
            let heavy = held.get_mut(hash_of_name(octets));
            let is_heavy = heavy.is_some();
            heavy.into_iter().for_each(|name| name.merge(failing));
            !is_heavy
        });
    }

    /// Lets what is long ago count less.
    pub(crate) fn decay(&mut self) {
        if let Some(held) = &mut self.held {
            held.decay();
        }
    }

    /// Iterates over the names, in wire form, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &FailingName)> {
        let heavy = self.held.iter().flat_map(|held| held.iter());
        let latest = self.latest.iter().map(|(name, failing)| (&**name, failing));
        heavy.chain(latest)
    }
}

impl FailingName {
    fn note(&mut self, event: &QueryEvent<'_>, now: Moment) {
        let record = &event.record;
        self.types.add(record.qtype);
        let (origin, upstream) = (record.counted(), record.upstream);
        let is_same = |kind: &&mut NameFailure| kind.origin == origin && kind.upstream == upstream;
        if let Some(kind) = self.kinds.iter_mut().find(is_same) {
            kind.errno = record.errno;
            return kind.note(record.rcode, now);
        }
        let mut kind = NameFailure {
            origin,
            upstream,
            rcode: record.rcode,
            errno: record.errno,
            responses: Windows::new(now),
            since: now,
            last: now,
        };
        kind.note(record.rcode, now);
        self.put(kind);
    }

    /// Adds a kind; the one that is longest ago makes room.
    fn put(&mut self, kind: NameFailure) {
        if self.kinds.len() < KINDS {
            return self.kinds.push(kind);
        }
        if let Some(oldest) = self.kinds.iter_mut().min_by_key(|kind| kind.last) {
            *oldest = kind;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.types.0 |= other.types.0;
        for theirs in &other.kinds {
            let same = |kind: &&mut NameFailure| {
                kind.origin == theirs.origin && kind.upstream == theirs.upstream
            };
            match self.kinds.iter_mut().find(same) {
                Some(kind) => kind.merge(theirs),
                None => self.put(theirs.clone()),
            }
        }
    }

    /// When it failed last.
    fn last(&self) -> Option<Moment> {
        self.kinds.iter().map(|kind| kind.last).max()
    }

    /// Returns how many responses failed in a window that ends with `now`.
    #[must_use]
    pub fn failed(&self, window: Window, now: Moment) -> u64 {
        self.kinds.iter().map(|kind| kind.failed(window, now)).sum()
    }

    /// Returns what fails now: most of the failures of the ten seconds that run, or
    /// else the latest.
    #[must_use]
    pub fn now(&self, now: Moment) -> Option<&NameFailure> {
        self.kinds
            .iter()
            .max_by_key(|kind| (kind.responses.running_ten(now)[0], kind.last))
    }

    /// Returns the types whose queries failed.
    #[must_use]
    pub const fn types(&self) -> FailedTypes {
        self.types
    }
}

impl NameFailure {
    fn note(&mut self, rcode: Rcode, now: Moment) {
        if now.saturating_since(self.last) > QUIET {
            self.since = now;
        }
        self.rcode = rcode;
        self.last = now;
        self.responses.add(0, 1, now);
    }

    fn merge(&mut self, other: &Self) {
        self.responses.merge(&other.responses);
        let apart = self
            .last
            .max(other.last)
            .saturating_since(self.last.min(other.last))
            > QUIET;
        let later = if self.last >= other.last { self.since } else { other.since };
        self.since = if apart { later } else { self.since.min(other.since) };
        self.last = self.last.max(other.last);
    }

    fn failed(&self, window: Window, now: Moment) -> u64 {
        let mut responses = self.responses.clone();
        responses.advance(now);
        responses.sum(window)[0]
    }
}

impl FailedTypes {
    const fn add(&mut self, qtype: Rtype) {
        self.0 |= match qtype {
            Rtype::A => 1,
            Rtype::AAAA => 2,
            _ => 4,
        };
    }

    /// Returns the types as text, such as `AAAA`.
    #[must_use]
    pub fn text(self) -> String {
        let all = [(1, "A"), (2, "AAAA"), (4, "other types")].into_iter();
        let some: Vec<_> = all
            .filter(|(bit, _)| self.0 & bit != 0)
            .map(|(_, text)| text)
            .collect();
        some.join(", ")
    }
}

/// Returns what fails now among responses by origin: most of the failures of the ten
/// seconds that run, or of the shortest window before them that has any; `None`
/// without failures for a minute.
#[must_use]
pub fn failing_now(origins: &Windows<{ Origin::COUNT }>, now: Moment) -> Option<Origin> {
    let mut advanced = origins.clone();
    advanced.advance(now);
    let longer = [Window::TenSeconds, Window::Minute];
    let longer = longer.into_iter().map(|window| advanced.sum(window));
    std::iter::once(origins.running_ten(now))
        .chain(longer)
        .find_map(|sums| {
            let failed = Origin::ALL.iter().zip(sums);
            let failed = failed.filter(|(origin, count)| origin.is_failure() && *count > 0);
            failed
                .max_by_key(|(_, count)| *count)
                .map(|(origin, _)| *origin)
        })
}

/// Whether the name matters for the failure: a client over its share fails for
/// whatever it asks.
const fn is_of_name(origin: Origin) -> bool {
    origin.is_failure() && !matches!(origin, Origin::Limit | Origin::Rate | Origin::Rejected)
}

/// Places of names that fail again and again, and of those that failed just now.
const HEAVIEST: usize = 8;
const LATEST: usize = 4;

/// Kinds of failure of one name that are told apart: seldom there is more than the
/// one before a change and the one after it, at each of two upstreams.
const KINDS: usize = 4;

/// A failure after a longer pause is a new one.
const QUIET: std::time::Duration = std::time::Duration::from_secs(60);

#[cfg(test)]
mod tests;
