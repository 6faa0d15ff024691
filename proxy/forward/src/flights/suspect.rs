//! Whether a question in flight may be in a loop, and when it is looked at.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use resolver::Moment;

/// What the guard keeps with a question in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Guard {
    /// Who came for it after the first.
    pub(super) joined: usize,
    /// The first few of them.
    pub(super) joiners: [Option<IpAddr>; JOINERS],
    /// Who brought back the probe after it, and the upstream that this was sent to;
    /// where the question itself did not come from there.
    pub(super) returned: Option<(IpAddr, usize)>,
    /// The last hop of the loop that it was found to be in.
    pub(super) ring: Option<IpAddr>,
    /// How often it came from an upstream that it had been sent to, at most once for
    /// each query of ours.
    pub(super) laps: usize,
    /// Queries that we had sent at the last of these.
    lap_of: usize,
    /// Probes that were sent after it.
    pub(super) probes: u8,
    /// Until when it waits for its turn to be probed.
    pub(super) waits_until: Option<Moment>,
    /// An upstream of it turned out to lead back to us.
    pub(super) looped: bool,
}

impl Guard {
    /// Notes that one came for it after the first.
    pub(super) fn note_joiner(&mut self, peer: Option<SocketAddr>) {
        if let Some(place) = self.joiners.get_mut(self.joined) {
            *place = peer.map(|peer| peer.ip());
        }
        self.joined += 1;
    }

    /// Notes that an upstream asked for it that had been asked, after `sent` queries
    /// in all. Several for one query may be programs of the upstream's host.
    pub(super) const fn note_lap(&mut self, sent: usize) {
        if sent > self.lap_of {
            self.laps += 1;
            self.lap_of = sent;
        }
    }

    /// Returns when to look whether a question that began at `started`, of
    /// which `sent` queries were sent, went round; none for no reason to.
    pub(super) fn look_at(&self, started: Moment, sent: usize) -> Option<Moment> {
        let wait = match self.joined <= sent * JOINS_PER_QUERY {
            _ if self.joined == 0 || self.probes >= MAX_PROBES => return None,
            _ if self.probes > 0 => SECOND_LOOK,
            true if self.laps > 0 => Duration::ZERO,
            true => PATIENCE,
            // A herd: no ring brings so many for one query.
            false => HERD_PATIENCE,
        };
        let at = started + wait;
        Some(self.waits_until.map_or(at, |until| until.max(at)))
    }
}

/// Those who joined that are remembered: more than the last hops of a ring.
const JOINERS: usize = 4;

/// How long a question that others joined may go without an answer before it
/// is looked at: most upstreams have answered by then.
const PATIENCE: Duration = Duration::from_millis(150);

/// The same where more joined than a ring brings: so that a probe is back before
/// the first retry.
const HERD_PATIENCE: Duration = Duration::from_millis(350);

/// The first probe may be lost.
const MAX_PROBES: u8 = 2;

/// When the second one is due, if there is no answer.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// Queries that one query of ours becomes in a ring whose hops ask several
/// servers each, or ask again.
const JOINS_PER_QUERY: usize = 4;
