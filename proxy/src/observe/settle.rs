//! Which lookup each query belongs to: settled a moment after its answer, when
//! nothing from before it can come any more.

use std::mem;
use std::net::IpAddr;
use std::time::Duration;

use super::chains::Closer;
use super::client::{Client, count};
use super::count::Count;
use super::observer::Observer;
use super::order::Released;
use super::record::{Seen, octets_of};
use super::retransmit::Again;
use crate::moment::Moment;

impl Observer {
    /// Settles the queries that were answered a while before `read`, the moment
    /// before all rings were read to their ends.
    pub fn settle(&mut self, read: Moment) {
        self.settle_until(back(read));
    }

    /// Settles all that is left, as if nothing more could come.
    pub fn finish(&mut self) {
        self.settle_until(Moment::from_micros(u64::MAX));
        self.sweep();
    }

    pub(super) fn settle_until(&mut self, until: Moment) {
        let mut order = mem::take(&mut self.order);
        let mut closer = mem::take(&mut self.closer);
        order.release(until, |released| match released {
            Released::Soon(hash) => self.retransmits.touch(hash),
            Released::Now(seen, hash) => self.place(seen, hash, &mut closer),
        });
        self.order = order;
        self.settled = self.settled.max(until);
        self.put_back(closer);
    }

    /// Ends the lookups that nothing can belong to any more.
    pub(super) fn sweep(&mut self) {
        let mut closer = mem::take(&mut self.closer);
        let mut clients = mem::take(&mut self.clients);
        for (addr, client) in clients.iter_mut() {
            client.counters.advance(self.now);
            client.origins.advance(self.now);
            client.sweep(self.settled, &mut closer);
            self.collect(*addr, Some(client), &mut closer);
        }
        self.clients = clients;
        for addr in closer.finished.confirmed(self.settled) {
            let again = Count::of_again(Again::Answered) as usize;
            self.node.add(again, 1, self.now);
            if let Some(client) = self.clients.get_mut(addr) {
                client.counters.add(again, 1, self.now);
            }
        }
        self.put_back(closer);
    }

    fn place(&mut self, seen: &Seen<'_>, hash: u64, closer: &mut Closer) {
        let (addr, now) = (seen.record.client, self.now);
        let repeated = self.retransmits.judge(seen, hash);
        let again = repeated.map(|repeated| Count::of_again(repeated.again) as usize);
        if let Some(again) = again {
            self.node.add(again, 1, now);
        }
        let Some(client) = self.clients.get_mut(addr) else {
            self.unplaced += 1;
            return;
        };
        if let Some(again) = again {
            client.counters.add(again, 1, now);
        }
        client.place(seen, repeated, closer);
        if closer.closed.is_empty() {
            return;
        }
        for lookup in &closer.closed {
            client.close(lookup, now);
        }
        self.collect(addr, None, closer);
    }

    /// Counts the lookups that were closed: for the node, and for their client
    /// if it is given.
    fn collect(&mut self, addr: IpAddr, mut client: Option<&mut Client>, closer: &mut Closer) {
        for lookup in closer.closed.drain(..) {
            if let Some(client) = &mut client {
                client.close(&lookup, self.now);
            }
            count(&mut self.node, &lookup, self.now);
            if lookup.wasted_queries > 0 {
                let key = [&octets_of(addr)[..], &lookup.base].concat();
                self.top_pairs.add(&key, lookup.wasted_queries.into());
            }
        }
    }

    /// Ends what the clients that lost their accounts left open, and gives what
    /// they asked to their workloads.
    pub(super) fn put_back(&mut self, mut closer: Closer) {
        for (addr, mut client) in self.clients.take_leaving() {
            client.finish(&mut closer);
            self.collect(addr, Some(&mut client), &mut closer);
            self.workloads
                .keep(&client, self.config.names_per_client, self.now);
        }
        self.cut_lookups += mem::take(&mut closer.cut);
        self.closer = closer;
    }
}

fn back(moment: Moment) -> Moment {
    let micros = u64::try_from(TOLERANCE.as_micros()).unwrap_or(u64::MAX);
    Moment::from_micros(moment.as_micros().saturating_sub(micros))
}

/// How late a thread may note what it answered: it reads the clock, and may
/// lose its processor before it notes the record.
const TOLERANCE: Duration = Duration::from_millis(50);
