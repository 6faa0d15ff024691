//! Records in the order of their answers, whichever thread gave them.

use super::record::{Record, Seen};
use crate::moment::Moment;

/// Holds records back for a moment and gives them out in order.
///
/// Each ring is in order, but they are read one after another. A resolver asks
/// its next name once the last was answered, so the time of the answer is what
/// orders the names of a walk.
#[derive(Debug, Default)]
pub struct Order {
    held: Vec<Held>,
    names: Vec<u8>,
    /// When each was answered, and its place in `held`.
    queue: Vec<(Moment, u32)>,
    /// What is left over for the next time.
    rest: Rest,
    /// No answer that is held is later.
    newest: Moment,
}

/// What [`Order::release`] gives.
#[derive(Debug)]
pub enum Released<'a> {
    /// A record with this hash is among the next.
    Soon(u64),
    /// A record, and its hash.
    Now(&'a Seen<'a>, u64),
}

#[derive(Debug, Default)]
struct Rest {
    held: Vec<Held>,
    names: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    record: Record,
    name: (u32, u8),
    hash: u64,
}

impl Order {
    /// Returns how many are held.
    pub const fn len(&self) -> usize {
        self.held.len()
    }

    /// Says whether none is held.
    pub const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Says whether no more should be held before some are released.
    pub const fn is_full(&self) -> bool {
        self.held.len() >= MOST
    }

    /// When the last of those that are held was answered.
    pub const fn newest(&self) -> Moment {
        self.newest
    }

    /// Takes a record, and a hash of it for [`Order::release`] to give back.
    pub fn hold(&mut self, seen: &Seen<'_>, hash: u64) {
        let at = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let len = u8::try_from(seen.qname.len()).unwrap_or(u8::MAX);
        self.names.extend_from_slice(seen.qname);
        let place = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        let done = seen.record.arrived + seen.record.took;
        self.held
            .push(Held { record: seen.record, name: (at, len), hash });
        self.queue.push((done, place));
        self.newest = self.newest.max(done);
    }

    /// Gives out, in order, what was answered before `until`, each with its
    /// hash, and the hashes of those that follow ahead of them.
    pub fn release(&mut self, until: Moment, mut give: impl FnMut(Released<'_>)) {
        let Self { held, names, queue, rest, .. } = self;
        let tie = |place: u32| held.get(index(place)).map(|held| tie_of(&held.record));
        // Runs that are in order already are merged, not sorted.
        queue.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| tie(a.1).cmp(&tie(b.1))));
        let seen = |held: &Held| {
            let start = index(held.name.0);
            names
                .get(start..start + usize::from(held.name.1))
                .unwrap_or_default()
        };
        let hash_at = |place: u32| held.get(index(place)).map(|held| held.hash);
        let mut kept = 0;
        for at in 0..queue.len() {
            let Some((done, place)) = queue.get(at).copied() else { break };
            let Some(held) = held.get(index(place)) else { continue };
            if done < until {
                if at % AHEAD == 0 {
                    let next = queue.iter().skip(at).take(AHEAD);
                    let hashes = next.filter_map(|(_, place)| hash_at(*place));
                    hashes.for_each(|hash| give(Released::Soon(hash)));
                }
                let seen = Seen { record: held.record, qname: seen(held) };
                give(Released::Now(&seen, held.hash));
                continue;
            }
            let start = u32::try_from(rest.names.len()).unwrap_or(u32::MAX);
            rest.names.extend_from_slice(seen(held));
            rest.held.push(Held { name: (start, held.name.1), ..*held });
            if let Some(slot) = queue.get_mut(kept) {
                *slot = (done, u32::try_from(kept).unwrap_or(u32::MAX));
            }
            kept += 1;
        }
        queue.truncate(kept);
        std::mem::swap(held, &mut rest.held);
        std::mem::swap(names, &mut rest.names);
        rest.held.clear();
        rest.names.clear();
    }
}

/// Orders what was answered in the same microsecond, the same way however the
/// records came.
fn tie_of(record: &Record) -> impl Ord {
    (record.arrived, record.client, record.port, record.id, record.qtype.0)
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Some 100 octets each, twice: 3 MiB, and 109 ms of 150,000 queries a second,
/// of which 70 are held.
const MOST: usize = 1 << 14;

/// Records that are told of ahead: their memory is fetched side by side.
const AHEAD: usize = 16;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use dns::{Rcode, Rtype};

    use super::*;
    use crate::observe::{Origin, Traits};

    fn record(arrived: u64, took: u64) -> Record {
        Record {
            arrived: Moment::from_micros(arrived),
            took: Duration::from_micros(took),
            client: Ipv4Addr::LOCALHOST.into(),
            port: 1000,
            id: 1,
            qtype: Rtype::A,
            rcode: Rcode::NOERROR,
            origin: Origin::Cache,
            upstream: None,
            traits: Traits::ANSWERED,
        }
    }

    fn released(order: &mut Order, until: u64) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        order.release(Moment::from_micros(until), |released| {
            let Released::Now(seen, 7) = released else { return };
            let name = String::from_utf8(seen.qname.to_vec()).unwrap();
            all.push((seen.record.arrived.as_micros(), name));
        });
        all
    }

    /// With more than it holds, all but the last instant is released.
    #[test]
    fn it_is_full_only_until_it_is_emptied() {
        let mut order = Order::default();
        for n in 0..MOST as u64 {
            order.hold(&Seen { record: record(1, n), qname: b"x" }, 7);
        }
        assert!(order.is_full());
        let newest = order.newest();
        let mut count = 0;
        order.release(newest, |released| {
            count += usize::from(matches!(released, Released::Now(..)))
        });
        assert_eq!((count, order.len()), (MOST - 1, 1));
    }

    #[test]
    fn records_are_released_by_the_time_of_their_answers() {
        let mut order = Order::default();
        for (arrived, took, name) in [(1, 100, "late"), (5, 2, "first"), (6, 90, "second")] {
            order.hold(&Seen { record: record(arrived, took), qname: name.as_bytes() }, 7);
        }
        assert_eq!(released(&mut order, 7), []);
        assert_eq!(order.len(), 3);
        assert_eq!(released(&mut order, 97), [(5, "first".to_owned()), (6, "second".to_owned())]);
        order.hold(&Seen { record: record(2, 1), qname: b"too late" }, 7);
        let rest = [(2, "too late".to_owned()), (1, "late".to_owned())];
        assert_eq!(released(&mut order, 1000), rest);
        assert!(order.is_empty() && order.names.is_empty() && order.queue.is_empty());
    }
}
