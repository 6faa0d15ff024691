//! Lookups made again, under another ndots or with a dot at the end.

use dns::Name;
use stub::{Library, Options, Outcome, ResolvConf, expand};

use crate::accounts::{Kind, Way};
use crate::lookup::{Ndots, Search, Step};

/// What the clients' resolv.conf says now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Current {
    /// The search list, as in the file. [`Step::Suffix`] counts in it.
    pub search: Vec<String>,
    /// Its ndots.
    pub ndots: Ndots,
}

impl From<&Search> for Current {
    fn from(search: &Search) -> Self {
        let domains = search.domains.iter();
        let text = domains.map(|domain| text_of(domain).unwrap_or_default());
        Self { search: text.collect(), ndots: search.ndots }
    }
}

impl Current {
    /// Returns the file with another ndots; what else it may say changes no
    /// walk.
    pub(super) fn with_ndots(&self, ndots: u8) -> ResolvConf {
        let plain = |domain: &String| domain.trim_end_matches('.').to_ascii_lowercase();
        ResolvConf {
            search: self.search.iter().map(plain).collect(),
            options: Options { ndots, ..Options::default() },
            ..ResolvConf::default()
        }
    }
}

/// What a walk came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Replay {
    /// Names asked.
    pub(super) steps: u32,
    /// Says whether one of them has data.
    pub(super) resolves: bool,
    /// Says whether the name was asked as it is first.
    pub(super) whole_first: bool,
}

/// Walks for `name`, with or without a dot at its end, if there is data at
/// `found` alone.
///
/// What the client never asked is taken for nonexistent. If it does exist, the
/// real walk ends there, sooner than this one.
pub(super) fn replay(
    library: Library,
    conf: &ResolvConf,
    name: &str,
    found: Option<Step>,
) -> Replay {
    let base = name.strip_suffix('.').unwrap_or(name);
    let target = found.and_then(|step| match step {
        Step::Absolute => Some(base.to_owned()),
        Step::Suffix(index) => conf
            .search
            .get(usize::from(index))
            .map(|domain| format!("{base}.{domain}")),
    });
    let mut resolves = false;
    let asked = expand(library, conf, name, |asked| {
        resolves = target.as_deref() == Some(asked);
        if resolves { Outcome::Answer } else { Outcome::NxDomain }
    });
    let whole_first = asked.first().is_some_and(|first| first == base);
    Replay { steps: u32::try_from(asked.len()).unwrap_or(u32::MAX), resolves, whole_first }
}

impl Replay {
    /// Says whether lookups of this kind can have gone this way. Those that
    /// cannot are of a resolver that does not search, or had a dot at the end,
    /// or began or ended in the middle: no ndots changes what they cost.
    pub(super) fn explains(self, kind: Kind) -> bool {
        kind.whole && kind.steps == self.steps && kind.found.is_some() == self.resolves
    }
}

impl Way {
    /// Returns how many queries less these lookups send if each goes as `then`
    /// instead of as `now`.
    pub(super) fn saved(&self, now: Replay, then: Replay) -> i64 {
        let last = self.queries.saturating_sub(self.wasted_queries);
        let breaks = now.resolves && !then.resolves;
        let after = if breaks {
            self.denied(then.steps)
        } else {
            last.saturating_add(self.denied(then.steps.saturating_sub(1)))
        };
        signed(self.queries) - signed(after)
    }

    /// Queries for so many denied names of each lookup. Some tools walk with A
    /// alone and ask for AAAA once they have found a name, so those that were
    /// seen are what counts, and the types of all only where none was denied.
    fn denied(&self, steps: u32) -> u64 {
        let steps = u64::from(steps);
        let each = steps.saturating_mul(self.lookups);
        let seen = each.saturating_mul(self.wasted_queries);
        seen.checked_div(self.wasted_steps)
            .unwrap_or_else(|| steps.saturating_mul(self.types))
    }
}

/// Returns the name as the walks take it: labels with dots between. What no
/// host name has becomes `?`, so that neither the number of dots nor a length
/// changes, nor a terminal is told anything. `None` for the root.
pub(super) fn text_of(base: &[u8]) -> Option<String> {
    let name = Name::from_wire(base).ok()?;
    let plain = |octet: &u8| match octet {
        b'.' | b'\\' => '?',
        0x21..=0x7e => char::from(*octet),
        _ => '?',
    };
    let labels: Vec<String> = name
        .labels()
        .map(|label| label.iter().map(plain).collect())
        .collect();
    (!labels.is_empty()).then(|| labels.join("."))
}

/// A count as the term of a difference.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
