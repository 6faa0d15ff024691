//! The queries of the last seconds of a client whose search list nobody says: those that
//! were denied, and those that begin as a denied one does.

use std::collections::VecDeque;
use std::time::Duration;

use dns::Rcode;
use resolver::Moment;

use crate::intake::{QueryEvent, QueryFlags, Record};
use crate::tables::MIX;
use crate::wire::dots;

/// In the order of their answers.
///
/// What a query of a client takes that is denied nothing comes first, in one cache line.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Recent {
    /// The hash of the name of the latest query, kept or not.
    latest: Option<u64>,
    all: VecDeque<Held>,
    /// How each begins, beside them.
    starts: VecDeque<Start>,
    /// The number of the first of them: they are numbered as they come.
    first: u32,
    /// The number of the latest with the same [`place_of`].
    ends: [u32; PLACES],
    /// How many were denied of those with the same [`place_of`].
    denied: [u8; PLACES],
    /// Where those are that begin as the latest query does; see [`look`](Self::look).
    alike: Vec<u16>,
    spare: Vec<u8>,
}

/// How a query begins.
#[derive(Clone, Copy, Debug)]
struct Start {
    /// See [`start_of`].
    octets: u64,
    /// The number of the query before it with the same [`place_of`], if that is there.
    before: u32,
}

/// A query that may have to be placed again, by a list that is learned later.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    record: Record,
    name: Vec<u8>,
    has_data: bool,
    is_denied: bool,
    /// Says whether it was denied, and asked under domains before: the end of a walk.
    ends: bool,
}

impl Held {
    pub(crate) fn event(&self) -> QueryEvent<'_> {
        QueryEvent { record: self.record, qname: &self.name }
    }
}

impl Recent {
    /// Forgets what is long ago, and all but the latest.
    pub(super) fn forget(&mut self, now: Moment, capacity: usize) {
        while let Some(front) = self.all.front()
            && (self.all.len() >= capacity || now.saturating_since(front.record.arrived) > RECENT)
        {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let (Some(old), Some(start)) = (self.all.pop_front(), self.starts.pop_front()) else {
            return;
        };
        self.first = self.first.wrapping_add(1);
        if let Some(denied) = self.denied.get_mut(place_of(start.octets)) {
            *denied = denied.saturating_sub(u8::from(old.is_denied));
        }
        self.spare = old.name;
    }

    /// Looks for those that begin as a query does; says whether one of them may have
    /// been denied. If none was there is nothing to learn from the query.
    pub(super) fn look(&mut self, event: &QueryEvent<'_>) -> bool {
        if self.all.is_empty() {
            return false;
        }
        self.alike.clear();
        let octets = start_of(event.qname);
        let denied = self.denied.get(place_of(octets));
        let is_any_denied = denied.is_some_and(|denied| *denied > 0);
        if is_any_denied {
            self.find(octets);
        }
        is_any_denied
    }

    /// Finds those that begin so, from the latest back. What is no more there has a number
    /// beyond those that are.
    fn find(&mut self, octets: u64) {
        let mut number = self.ends.get(place_of(octets)).copied().unwrap_or_default();
        let mut later = u16::MAX;
        while let Ok(at) = u16::try_from(number.wrapping_sub(self.first))
            && at < later
            && let Some(start) = self.starts.get(usize::from(at))
        {
            if start.octets == octets {
                self.alike.push(at);
            }
            (later, number) = (at, start.before);
        }
        self.alike.reverse();
    }

    /// Iterates over those that [`look`](Self::look) found.
    fn alike(&self) -> impl Iterator<Item = &Held> {
        let places = self.alike.iter();
        places.filter_map(|at| self.all.get(usize::from(*at)))
    }

    /// Says whether a query is of another name than the one before; `asked` is the hash of
    /// its name.
    pub(super) fn is_new(&mut self, asked: u64) -> bool {
        self.latest.replace(asked) != Some(asked)
    }

    /// Adds a query that was looked for. A name that was found says nothing of a walk
    /// while none that begins like it was denied: most clients keep no query at all.
    pub(super) fn push(&mut self, event: &QueryEvent<'_>, is_any_denied: bool) {
        let is_denied = is_denied(event);
        if !is_denied && !is_any_denied {
            return;
        }
        let QueryEvent { record, qname } = *event;
        let base = qname
            .get(..qname.len().saturating_sub(1))
            .unwrap_or_default();
        let has_data = record.flags.has(QueryFlags::DATA);
        let is_under = |held: &Held| held.name.len() > qname.len() && held.name.starts_with(base);
        let ends = is_denied && self.alike().any(is_under);
        let mut name = std::mem::take(&mut self.spare);
        name.clear();
        name.extend_from_slice(qname);
        let octets = start_of(qname);
        let place = place_of(octets);
        if let Some(denied) = self.denied.get_mut(place) {
            *denied = denied.saturating_add(u8::from(is_denied));
        }
        if let Some(end) = self.ends.get_mut(place) {
            let number = u32::try_from(self.starts.len()).unwrap_or(u32::MAX);
            let before = std::mem::replace(end, self.first.wrapping_add(number));
            self.starts.push_back(Start { octets, before });
        }
        self.all
            .push_back(Held { record, name, has_data, is_denied, ends });
    }

    /// Returns those before the last whose names begin with `base`. They stay: the
    /// same walk shows the domains that the node has behind the list later on.
    pub(super) fn under(&self, base: &[u8]) -> Vec<Held> {
        let before = self.all.len().saturating_sub(1);
        let is_under = |held: &&Held| held.name.starts_with(base);
        let under = self.all.iter().take(before).filter(is_under);
        under.cloned().collect()
    }

    /// Says whether the name of these labels, with which the latest query begins, was
    /// asked.
    pub(super) fn has(&self, base: &[u8]) -> bool {
        let is_it = |held: &Held| held.name.split_last().is_some_and(|(_, name)| name == base);
        self.alike().any(is_it)
    }

    /// Says whether a name under this base was denied before this query.
    pub(super) fn has_under(&self, base: &[u8], event: &QueryEvent<'_>) -> bool {
        let is_under = |held: &Held| {
            held.is_denied && held.name.len() > base.len() + 1 && held.name.starts_with(base)
        };
        self.before(event).any(is_under)
    }

    /// The domains under which a base was asked before this query, and denied, in the
    /// order of their first; none if it was asked as it is, too.
    pub(super) fn suffixes_of(&self, base: &[u8], event: &QueryEvent<'_>) -> Vec<&[u8]> {
        let mut suffixes: Vec<&[u8]> = Vec::new();
        for held in self.before(event) {
            if *held.name == *event.qname {
                // What came under it was after it, or of a lookup before.
                return Vec::new();
            }
            let suffix = held.name.strip_prefix(base);
            if let Some(suffix) = suffix.filter(|suffix| suffix.len() > 1)
                && held.is_denied
                && !suffixes.contains(&suffix)
            {
                suffixes.push(suffix);
            }
        }
        suffixes
    }

    /// Iterates over the queries for names with the same first label that were
    /// answered before this one arrived.
    pub(super) fn before(&self, event: &QueryEvent<'_>) -> impl Iterator<Item = &Held> {
        let arrived = event.record.arrived;
        let is_before = move |held: &&Held| held.record.arrived + held.record.took <= arrived;
        self.alike().filter(is_before)
    }

    /// Returns the dots of the base of this query if that was denied as it is just
    /// before, at the beginning of a walk, and this asks for it under what `is_first`
    /// says is a first domain.
    pub(super) fn asked_whole_before(
        &self,
        event: &QueryEvent<'_>,
        is_first: impl Fn(&[u8]) -> bool,
    ) -> Option<u8> {
        let is_base = |held: &&Held| {
            let base = held.name.split_last().map(|(_, base)| base);
            let suffix = base.and_then(|base| event.qname.strip_prefix(base));
            suffix.is_some_and(|suffix| suffix.len() > 1 && is_first(suffix))
        };
        let whole = self.before(event).filter(is_base).last()?;
        let done = whole.record.arrived + whole.record.took;
        let at_once = event.record.arrived.saturating_since(done) < AT_ONCE;
        let mut same = self.alike().filter(|held| held.name == whole.name);
        let is_start = same.all(|held| held.is_denied && !held.has_data && !held.ends);
        (at_once && is_start).then(|| dots(&whole.name))
    }
}

impl Held {
    /// Says whether it may be of a lookup that is under way since then.
    pub(crate) fn may_be_of_open(&self, since: Moment) -> bool {
        // The type that was asked first may be answered second.
        !self.has_data && self.record.arrived + SIDE_BY_SIDE >= since
    }

    pub(super) fn denied_name(&self) -> Option<&[u8]> {
        self.is_denied.then_some(self.name.as_slice())
    }
}

/// The first label of a name, as far as it fits: names of one walk have it in
/// common, others seldom.
fn start_of(name: &[u8]) -> u64 {
    let octets = name.first().map_or(0, |len| usize::from(*len) + 1);
    if let Some(start) = name.first_chunk() {
        let beyond = u32::try_from(octets.min(8)).map_or(0, |octets| 64 - 8 * octets);
        return u64::from_le_bytes(*start) & (u64::MAX >> beyond);
    }
    let mut start = [0; 8];
    let label = name.iter().take(octets);
    start
        .iter_mut()
        .zip(label)
        .for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(start)
}

/// Where what begins so is counted.
fn place_of(start: u64) -> usize {
    usize::try_from(start.wrapping_mul(MIX) >> 59).unwrap_or_default() % PLACES
}

fn is_denied(event: &QueryEvent<'_>) -> bool {
    let record = &event.record;
    let says_no = matches!(record.rcode, Rcode::NXDOMAIN | Rcode::NOERROR);
    let flags = record.flags;
    flags.has(QueryFlags::ANSWERED)
        && says_no
        && !flags.has(QueryFlags::DATA)
        && !flags.has(QueryFlags::TC)
}

/// Beginnings that are told apart by what is denied of them: so many that most of a
/// client's names that are found have none in common with one that is not.
const PLACES: usize = 32;

/// Longer than a walk takes whose answers are not lost.
const RECENT: Duration = Duration::from_secs(2);

/// Between two types of one name.
const SIDE_BY_SIDE: Duration = Duration::from_millis(10);

/// From an answer to the next name, on a busy node.
const AT_ONCE: Duration = Duration::from_millis(200);
