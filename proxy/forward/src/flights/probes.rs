//! Probes: questions of our own with random names, sent to one upstream each.
//! Only a loop brings one back.

use std::time::Duration;

use dns::{Flags, Name};

use crate::loops::{ProbeNames, Secret};
use crate::{Ask, ProbeReply, ReplyTo};
use resolver::{Hops, KeyHasher, KeyView, Moment, Retained, Ticket};

/// The probes of the last ten seconds, and how many more may be sent.
#[derive(Debug)]
pub(super) struct Probes {
    names: ProbeNames,
    hasher: KeyHasher,
    sent: Vec<Probe>,
    second: u64,
    used: usize,
}

/// A probe that was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Probe {
    /// The random number in its name.
    nonce: u64,
    /// The upstream that it was sent to.
    pub(super) upstream: usize,
    /// The question that it was sent after; none for a timed probe.
    pub(super) suspect: Option<Ticket>,
    sent: Moment,
    returned: bool,
}

impl Probes {
    /// Starts with none; see [`Flights::new`](super::Flights::new).
    pub(super) const fn new(secret: Secret, hasher: KeyHasher) -> Self {
        Self { names: ProbeNames::new(secret), hasher, sent: Vec::new(), second: 0, used: 0 }
    }

    /// Returns the mark by which this process knows a question of its own.
    pub(super) fn mark(&self, query: &Retained) -> u64 {
        self.names.secret().of_question(&query.qname, query.qtype)
    }

    /// Returns the random number in the name of one of our own probes.
    pub(super) fn nonce_in(&self, qname: &Name) -> Option<u64> {
        self.names.nonce_in(qname)
    }

    /// Makes a probe for `upstream` that takes the way of `query`: below its name
    /// and of its type.
    pub(super) fn ask(
        &self,
        query: &Retained,
        (upstream, hops): (usize, Hops),
        nonce: u64,
        now: Moment,
    ) -> Ask {
        let qname = self.names.name(nonce, &query.qname);
        let query = Retained { id: 0, flags: Flags(Flags::RD), qname, edns: None, ..*query };
        let hash = KeyView::of(&query.as_query(), &self.hasher).hash;
        let reply_to = ReplyTo::Probe(ProbeReply { upstream, nonce, tx: None });
        Ask { hash, query, hops, reply_to, limit: 512, arrived: now }
    }

    /// Returns whether a probe more may be sent. One that comes back is not
    /// counted: a real loop is never too much to look at.
    pub(super) const fn may_probe(&mut self, now: Moment) -> bool {
        if self.second != now.as_secs() {
            (self.second, self.used) = (now.as_secs(), 0);
        }
        let may = self.used < PROBES_PER_SECOND;
        self.used += may as usize;
        may
    }

    /// Notes that a probe is sent to an upstream.
    pub(super) fn sent(
        &mut self,
        nonce: u64,
        upstream: usize,
        suspect: Option<Ticket>,
        now: Moment,
    ) {
        self.sent
            .retain(|old| now.saturating_since(old.sent) <= VALID);
        if self.sent.len() >= MAX_PROBES {
            self.sent.remove(0);
        }
        self.sent
            .push(Probe { nonce, upstream, suspect, sent: now, returned: false });
    }

    /// Takes a probe that has come back, once. Later than ten seconds it has
    /// not: some boxes ask names again that they saw long ago.
    pub(super) fn returned(&mut self, nonce: u64, now: Moment) -> Option<Probe> {
        let mut probes = self.sent.iter_mut();
        let probe = probes.find(|probe| probe.nonce == nonce)?;
        let late = now.saturating_since(probe.sent) > VALID;
        if probe.returned || late {
            return None;
        }
        probe.returned = true;
        let was_counted = usize::from(probe.suspect.is_some());
        self.used = self.used.saturating_sub(was_counted);
        Some(*probe)
    }
}

/// A lap takes milliseconds, with lost datagrams seconds.
const VALID: Duration = Duration::from_secs(10);

/// Probes that may come back at a time; the oldest is given up for a new one.
const MAX_PROBES: usize = 1024;

/// Probes after questions that were just slow: what a slow upstream is asked
/// more because of us.
const PROBES_PER_SECOND: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_comes_back_once_and_in_time() {
        let at = |secs: u64| Moment::from_micros(secs * 1_000_000);
        let mut probes = Probes::new(Secret::default(), KeyHasher::default());
        probes.sent(7, 2, None, at(1));
        probes.sent(8, 3, None, at(1));
        assert_eq!(probes.returned(9, at(2)), None);
        assert_eq!(probes.returned(7, at(11)).map(|probe| probe.upstream), Some(2));
        assert_eq!(probes.returned(7, at(11)), None);
        assert_eq!(probes.returned(8, at(12)), None);
    }
}
