//! The queries of the last seconds of a client whose search list nobody says.

use std::collections::VecDeque;
use std::time::Duration;

use dns::Rcode;
use resolver::Moment;

use crate::intake::{QueryEvent, QueryFlags, Record};
use crate::wire::dots;

/// In the order of their answers.
#[derive(Debug, Default)]
pub(super) struct Recent {
    all: VecDeque<Held>,
    spare: Vec<u8>,
}

/// A query that may have to be placed again, by a list that is learned later.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    record: Record,
    name: Vec<u8>,
    /// See [`start_of`].
    start: u64,
    has_data: bool,
    is_denied: bool,
    /// Says whether its name had been asked under domains before: the end of a walk.
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
            self.spare = self.all.pop_front().map(|old| old.name).unwrap_or_default();
        }
    }

    /// Says whether a query is of a name that was not the last one of its walk.
    pub(super) fn is_new(&self, event: &QueryEvent<'_>) -> bool {
        let last = self.all.back();
        last.is_none_or(|last| *last.name != *event.qname)
    }

    pub(super) fn push(&mut self, event: &QueryEvent<'_>) {
        let QueryEvent { record, qname } = *event;
        let base = qname
            .get(..qname.len().saturating_sub(1))
            .unwrap_or_default();
        let (start, has_data) = (start_of(qname), record.flags.has(QueryFlags::DATA));
        let mut alike = self.all.iter().filter(|held| held.start == start);
        let ends = alike.any(|held| held.name.len() > qname.len() && held.name.starts_with(base));
        let mut name = std::mem::take(&mut self.spare);
        name.clear();
        name.extend_from_slice(qname);
        let is_denied = is_denied(event);
        self.all
            .push_back(Held { record, name, start, has_data, is_denied, ends });
    }

    /// Returns those before the last whose names begin with `base`. They stay: the
    /// same walk shows the domains that the node has behind the list later on.
    pub(super) fn under(&self, base: &[u8]) -> Vec<Held> {
        let before = self.all.len().saturating_sub(1);
        let is_under = |held: &&Held| held.name.starts_with(base);
        let under = self.all.iter().take(before).filter(is_under);
        under.cloned().collect()
    }

    /// Says whether the name of these labels was asked.
    pub(super) fn has(&self, base: &[u8]) -> bool {
        let is_it = |held: &Held| held.name.split_last().is_some_and(|(_, name)| name == base);
        self.all.iter().any(is_it)
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
        let (start, arrived) = (start_of(event.qname), event.record.arrived);
        let is_before = move |held: &&Held| {
            held.start == start && held.record.arrived + held.record.took <= arrived
        };
        self.all.iter().filter(is_before)
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
        let mut same = self.all.iter().filter(|held| held.name == whole.name);
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
    let mut start = [0; 8];
    let label = name.first().map_or(0, |len| usize::from(*len) + 1);
    start
        .iter_mut()
        .zip(name)
        .take(label)
        .for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(start)
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

/// Longer than a walk takes whose answers are not lost.
const RECENT: Duration = Duration::from_secs(2);

/// Between two types of one name.
const SIDE_BY_SIDE: Duration = Duration::from_millis(10);

/// From an answer to the next name, on a busy node.
const AT_ONCE: Duration = Duration::from_millis(200);
