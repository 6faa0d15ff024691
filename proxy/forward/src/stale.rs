//! The stale answer of the cache, where an upstream has none.

use std::time::Duration;

use crate::flights::{Closed, Flights};
use resolver::{Cache, Moment, Origin, Ticket};

/// Ends the wait of those who wait for a question, if the cache has a stale answer:
/// what they get. The question goes on.
pub(crate) fn instead_of_waiting(
    flights: &mut Flights,
    ticket: Ticket,
    cache: &Cache,
    now: Moment,
) -> Option<Closed> {
    let key = flights.key_of(ticket)?;
    let entry = cache.hold_stale(&key.view(), now + HOLD, now)?;
    let waiters = flights.detach(ticket);
    let (origin, upstream) = (Origin::of_cached(&entry.head), None);
    Some(Closed { waiters, entry, truncated: None, keep: None, origin, upstream, ring: None })
}

/// Puts a stale answer, if the cache has one, in the place of a failure: for those who
/// wait, and in the cache for as long as the failure would be there.
pub(crate) fn instead_of_failure(closed: &mut Closed, cache: &Cache, now: Moment) {
    if !closed.origin.is_failure() {
        return;
    }
    let Some(first) = closed.waiters.first() else { return };
    let until = closed.keep.map_or(now + HOLD, |head| head.expires);
    if let Some(entry) = cache.hold_stale(&first.key_view(), until, now) {
        closed.origin = Origin::of_cached(&entry.head);
        (closed.entry, closed.keep, closed.upstream) = (entry, None, None);
    }
}

/// How long a stale answer is used before the name is asked for again: as long as a
/// failure is remembered at most, and longer than a question is in flight.
const HOLD: Duration = Duration::from_secs(5);
