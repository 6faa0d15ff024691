//! Which lookup each query belongs to: settled a moment after its answer, when
//! nothing from before it can come any more.

use std::mem;
use std::time::Duration;

use super::chains::{Closer, SPARE};
use super::client::{Client, count};
use super::count::{Count, Counters};
use super::observer::{Observer, client_key};
use super::order::{Marks, Order, Released};
use super::record::Seen;
use super::retransmit::Again;
use super::top::Top;
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
            Released::Soon(marks) => self.retransmits.touch(marks.query),
            Released::Now(seen, marks) => self.place(seen, marks, &mut closer),
        });
        self.order = order;
        self.weigh_active();
        self.settled = self.settled.max(Order::rid_until(until));
        self.put_back(closer);
    }

    /// Ends the lookups that nothing can belong to any more.
    pub(super) fn sweep(&mut self) {
        let mut closer = mem::take(&mut self.closer);
        let mut clients = mem::take(&mut self.clients);
        for client in clients.iter_mut() {
            client.counters.advance(self.now);
            client.origins.advance(self.now);
            client.sweep(self.settled, &mut closer);
            self.sums().collect(client, &mut closer);
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

    fn place(&mut self, seen: &Seen<'_>, marks: Marks, closer: &mut Closer) {
        let now = self.now;
        let repeated = self.retransmits.judge(seen, marks.query);
        let again = repeated.map(|repeated| Count::of_again(repeated.again) as usize);
        if let Some(again) = again {
            self.node.add(again, 1, now);
        }
        let Self { clients, node, top_pairs, .. } = self;
        let Some(client) = clients.get_at(marks.client, seen.record.client) else {
            self.unplaced += 1;
            return;
        };
        if let Some(again) = again {
            client.counters.add(again, 1, now);
        }
        client.place(seen, marks.name, repeated, closer);
        Sums { node, top_pairs, now }.collect(client, closer);
    }

    /// Notes how much the clients asked since the last time: a busy one's
    /// queries at once.
    fn weigh_active(&mut self) {
        let Self { active, clients, top_clients, .. } = self;
        for slot in active.drain(..) {
            let Some(client) = clients.at(slot) else { continue };
            weigh(client, top_clients);
        }
    }

    const fn sums(&mut self) -> Sums<'_> {
        Sums { node: &mut self.node, top_pairs: &mut self.top_pairs, now: self.now }
    }

    /// Ends what the clients that lost their accounts left open, and gives what
    /// they asked to their workloads.
    pub(super) fn put_back(&mut self, mut closer: Closer) {
        for mut client in self.clients.take_leaving() {
            client.finish(&mut closer);
            weigh(&mut client, &mut self.top_clients);
            self.sums().collect(&mut client, &mut closer);
            self.workloads
                .keep(&client, self.config.names_per_client, self.now);
        }
        self.cut_lookups += mem::take(&mut closer.cut);
        self.closer = closer;
    }
}

/// Notes how much a client asked since the last time.
fn weigh(client: &mut Client, top_clients: &mut Top) {
    let asked = mem::take(&mut client.asked);
    if asked > 0 {
        top_clients.add(&client_key(client.addr), asked.into());
    }
}

/// Where lookups are counted beside the account of their client.
struct Sums<'a> {
    node: &'a mut Counters,
    top_pairs: &'a mut Top,
    now: Moment,
}

impl Sums<'_> {
    /// Counts the lookups of a client that were closed.
    fn collect(&mut self, client: &mut Client, closer: &mut Closer) {
        let Closer { closed, names, pair, .. } = closer;
        for lookup in closed.drain(..) {
            client.close(&lookup, self.now);
            count(self.node, &lookup, self.now);
            if lookup.wasted_queries > 0 {
                pair.clear();
                pair.extend_from_slice(&client_key(client.addr));
                pair.extend_from_slice(&lookup.base);
                self.top_pairs.add(pair, lookup.wasted_queries.into());
            }
            if names.len() < SPARE {
                names.push(lookup.base);
            }
        }
    }
}

fn back(moment: Moment) -> Moment {
    let micros = u64::try_from(TOLERANCE.as_micros()).unwrap_or(u64::MAX);
    Moment::from_micros(moment.as_micros().saturating_sub(micros))
}

/// How late a thread may note what it answered: it reads the clock, and may
/// lose its processor before it notes the record. For the names of one walk
/// nothing depends on it: a datagram is noted before it is sent, so all that
/// came before a query is in the rings before that query is.
const TOLERANCE: Duration = Duration::from_millis(50);
