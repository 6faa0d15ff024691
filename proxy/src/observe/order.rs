//! Records in the order of their answers, whichever thread gave them.

use std::collections::VecDeque;
use std::time::Duration;

use super::clients::Slot;
use super::record::{Record, Seen};
use crate::moment::Moment;

/// Holds records back for a moment and gives them out in order.
///
/// Each ring is in order, but they are read one after another. A resolver asks
/// its next name once the last was answered, so the time of the answer is what
/// orders the names of a walk.
///
/// They lie in slices of time, each of which is put in order once, when it is
/// given out: what waits is neither moved nor compared again.
#[derive(Debug, Default)]
pub struct Order {
    slices: VecDeque<Slice>,
    /// The number of the first slice, counted from the start.
    first: u64,
    /// Slices whose memory is kept for the next ones.
    spare: Vec<Slice>,
    len: usize,
}

/// What is worked out about a record when it comes, for when its turn comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Marks {
    /// The hash of its name.
    pub name: u64,
    /// The hash of what it has in common with its repetitions.
    pub query: u64,
    /// Where the account of its client is.
    pub client: Slot,
}

/// What [`Order::release`] gives.
#[derive(Debug)]
pub enum Released<'a> {
    /// A record with these marks is among the next.
    Soon(Marks),
    /// A record, and its marks.
    Now(&'a Seen<'a>, Marks),
}

/// What was answered within [`SLICE`] microseconds.
#[derive(Debug, Default)]
struct Slice {
    held: Vec<Held>,
    names: Vec<u8>,
    /// When each was answered, and its place in `held`.
    queue: Vec<(Moment, u32)>,
    /// None was answered later.
    newest: Moment,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    record: Record,
    name: (u32, u8),
    marks: Marks,
}

impl Order {
    /// Returns how many are held.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Says whether none is held.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Says whether no more should be held before some are released.
    pub const fn is_full(&self) -> bool {
        self.len >= MOST
    }

    /// Returns a moment before which some that are held were answered, but not
    /// many more than have to go at once.
    pub fn oldest(&self) -> Moment {
        let mut slices = self.slices.iter();
        let first = slices.find(|slice| !slice.held.is_empty());
        first.map_or_else(Moment::default, |slice| slice.newest + Duration::from_micros(1))
    }

    /// Takes a record, and what [`Order::release`] is to give back with it.
    pub fn hold(&mut self, seen: &Seen<'_>, marks: Marks) {
        let done = seen.record.arrived + seen.record.took;
        let Some(slice) = self.slice_of(done) else { return };
        slice.hold(seen, marks, done);
        self.len += 1;
    }

    /// Gives out, in order, what was answered before `until`, each with its
    /// marks, and the marks of those that follow ahead of them. Of a slice that
    /// is not over nothing is given yet.
    pub fn release(&mut self, until: Moment, mut give: impl FnMut(Released<'_>)) {
        while let Some(slice) = self.slices.front()
            && (slice.held.is_empty() || slice.newest < until)
        {
            let Some(mut slice) = self.slices.pop_front() else { return };
            self.first += 1;
            self.len -= slice.held.len();
            slice.release(&mut give);
            if slice.held.capacity() <= KEPT && self.spare.len() < SLICES {
                slice.clear();
                self.spare.push(slice);
            }
        }
    }

    /// Returns the moment before which nothing is held any more, once what was
    /// answered before `until` was [released](Self::release): a slice that is
    /// not over has records from before.
    pub const fn rid_until(until: Moment) -> Moment {
        Moment::from_micros(until.as_micros().saturating_sub(SLICE))
    }

    /// Finds the slice of a moment. What is far from all others, since the
    /// observer or the clock stood still, goes to the nearest.
    fn slice_of(&mut self, done: Moment) -> Option<&mut Slice> {
        let number = done.as_micros() / SLICE;
        if self.slices.is_empty() {
            self.first = number;
        }
        while number < self.first && self.slices.len() < SLICES {
            self.slices.push_front(self.spare.pop().unwrap_or_default());
            self.first -= 1;
        }
        let at = usize::try_from(number.saturating_sub(self.first)).unwrap_or(SLICES);
        let at = at.min(SLICES - 1);
        while self.slices.len() <= at {
            self.slices.push_back(self.spare.pop().unwrap_or_default());
        }
        self.slices.get_mut(at)
    }
}

impl Slice {
    fn hold(&mut self, seen: &Seen<'_>, marks: Marks, done: Moment) {
        let at = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let len = u8::try_from(seen.qname.len()).unwrap_or(u8::MAX);
        self.names.extend_from_slice(seen.qname);
        let place = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        self.held
            .push(Held { record: seen.record, name: (at, len), marks });
        self.queue.push((done, place));
        self.newest = self.newest.max(done);
    }

    fn release(&mut self, give: &mut impl FnMut(Released<'_>)) {
        let Self { held, names, queue, .. } = self;
        // Runs that are in order already are merged, not sorted. What one thread
        // answered in one batch has one time, and stays as it came.
        queue.sort_by_key(|(done, _)| *done);
        for group in queue.chunks(AHEAD) {
            let group = group
                .iter()
                .filter_map(|(_, place)| held.get(index(*place)));
            for held in group.clone() {
                give(Released::Soon(held.marks));
            }
            for held in group {
                let (start, len) = (index(held.name.0), usize::from(held.name.1));
                let qname = names.get(start..start + len).unwrap_or_default();
                give(Released::Now(&Seen { record: held.record, qname }, held.marks));
            }
        }
    }

    fn clear(&mut self) {
        self.held.clear();
        self.names.clear();
        self.queue.clear();
        self.newest = Moment::default();
    }
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Some 150 octets each: 5 MiB, and 130 ms of 250,000 queries a second, of
/// which 80 are held.
const MOST: usize = 1 << 15;

/// Microseconds of a slice: a sixth of the time for which records are held, so
/// that few of them wait for others.
const SLICE: u64 = 8_000;

/// Slices from the first to the last: half a second, ten times as long as what
/// is answered waits.
const SLICES: usize = 64;

/// Records for which a slice's memory is kept: 500,000 queries a second.
const KEPT: usize = 1 << 12;

/// Records that are told of ahead: their memory is fetched side by side.
const AHEAD: usize = 16;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

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
            let Released::Now(seen, MARKS) = released else { return };
            let name = String::from_utf8(seen.qname.to_vec()).unwrap();
            all.push((seen.record.arrived.as_micros(), name));
        });
        all
    }

    /// With more than it holds, the oldest slice is released and no other.
    #[test]
    fn it_is_full_only_until_it_is_emptied() {
        let mut order = Order::default();
        for n in 0..MOST as u64 {
            order.hold(&Seen { record: record(n * 10, 1), qname: b"x" }, MARKS);
        }
        assert!(order.is_full());
        let oldest = order.oldest();
        let mut count = 0;
        order.release(oldest, |released| {
            count += usize::from(matches!(released, Released::Now(..)))
        });
        assert_eq!((count, order.len()), (800, MOST - 800));
        assert!(!order.is_full());
    }

    #[test]
    fn at_one_moment_it_is_emptied_as_well() {
        let mut order = Order::default();
        for _ in 0..MOST {
            order.hold(&Seen { record: record(1, 1), qname: b"x" }, MARKS);
        }
        order.release(order.oldest(), |_| {});
        assert!(order.is_empty());
    }

    #[test]
    fn records_are_released_by_the_time_of_their_answers() {
        let mut order = Order::default();
        for (arrived, took, name) in [(1, 100, "late"), (5, 2, "first"), (6, 9000, "second")] {
            order.hold(&Seen { record: record(arrived, took), qname: name.as_bytes() }, MARKS);
        }
        assert_eq!(released(&mut order, 101), [], "not all of the slice");
        assert_eq!(Order::rid_until(Moment::from_micros(8_007)).as_micros(), 7);
        let first = [(5, "first".to_owned()), (1, "late".to_owned())];
        assert_eq!(released(&mut order, 102), first);
        assert_eq!(order.len(), 1);
        order.hold(&Seen { record: record(2, 1), qname: b"too late" }, MARKS);
        let rest = [(2, "too late".to_owned()), (6, "second".to_owned())];
        assert_eq!(released(&mut order, 100_000), rest);
        assert!(order.is_empty() && order.slices.is_empty());
    }

    /// However far apart they are, there are no more slices than a few.
    #[test]
    fn a_clock_that_stood_still_costs_no_memory() {
        let mut order = Order::default();
        let times = [5_000_000, 9_000_000_000, 9_000_001_000, 1_000, 8_000_000_000];
        for time in times {
            order.hold(&Seen { record: record(time, 0), qname: b"x" }, MARKS);
        }
        assert!(order.slices.len() <= SLICES);
        let times: Vec<u64> = released(&mut order, u64::MAX)
            .iter()
            .map(|(time, _)| *time)
            .collect();
        assert_eq!(times, [1_000, 5_000_000, 8_000_000_000, 9_000_000_000, 9_000_001_000]);
    }

    const MARKS: Marks = Marks { name: 7, query: 8, client: Slot(9) };
}
