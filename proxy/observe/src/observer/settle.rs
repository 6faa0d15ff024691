//! Which lookup each query belongs to, and when lookups are over.

use std::mem;
use std::sync::Arc;

use resolver::Moment;

use crate::accounts::{Client, Named, client_key, count, count_found};
use crate::intake::QueryEvent;
use crate::lookup::{Again, AtOnce, Closer, Repeated, SPARE};
use crate::observer::Observer;
use crate::tables::{Count, Counters, HeavyHitters};

impl Observer {
    /// Learns that all that was answered before `until` has been taken.
    pub fn settle(&mut self, until: Moment) {
        self.settled = self.settled.max(until);
        self.weigh_active();
        let closer = mem::take(&mut self.closer);
        self.put_back(closer);
    }

    /// Settles all that is left, as if nothing more could come.
    pub fn finish(&mut self) {
        self.settle(Moment::from_micros(u64::MAX));
        self.sweep();
    }

    /// Ends the lookups that nothing can belong to any more.
    pub(crate) fn sweep(&mut self) {
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
            let again = Again::Answered.count() as usize;
            self.node.add(again, 1, self.now);
            if let Some(client) = self.clients.get_mut(addr) {
                client.counters.add(again, 1, self.now);
            }
        }
        self.put_back(closer);
    }

    /// Puts a query on the account of its client, and to the lookup that it
    /// belongs to; `asked` is the hash of its name.
    pub(crate) fn place(&mut self, seen: &QueryEvent<'_>, asked: u64, repeated: Option<Repeated>) {
        let Self { clients, names, config, closer, node, top_pairs, active, now, .. } = self;
        let now = *now;
        let again = repeated.map(|repeated| repeated.again.count() as usize);
        if let Some(again) = again {
            node.add(again, 1, now);
        }
        let addr = seen.record.client;
        let opened = clients.open(addr, || {
            let mut client = Client::new(addr, config, now);
            if let Some(identity) = names.get(addr) {
                client.belong(Arc::clone(identity));
            }
            client
        });
        let Some((slot, client)) = opened else { return };
        if client.asked == 0 {
            active.push(slot);
        }
        client.note(seen, now);
        if let Some(again) = again {
            client.counters.add(again, 1, now);
        }
        client.place(seen, asked, repeated, closer);
        let mut sums = Sums { node, top_pairs, now };
        if let Some(at_once) = closer.at_once.take() {
            sums.count_at_once(seen, at_once, client, closer);
        }
        sums.collect(client, closer);
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
    pub(crate) fn put_back(&mut self, mut closer: Closer) {
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
fn weigh(client: &mut Client, top_clients: &mut HeavyHitters) {
    let asked = mem::take(&mut client.asked);
    if asked > 0 {
        top_clients.add(&client_key(client.addr), asked.into());
    }
}

/// Where lookups are counted beside the account of their client.
struct Sums<'a> {
    node: &'a mut Counters,
    top_pairs: &'a mut HeavyHitters,
    now: Moment,
}

impl Sums<'_> {
    /// Counts what a query was for that belongs to no walk.
    fn count_at_once(
        &mut self,
        seen: &QueryEvent<'_>,
        at_once: AtOnce,
        client: &mut Client,
        closer: &mut Closer,
    ) {
        let arrived = seen.record.arrived;
        match at_once {
            AtOnce::Joined(joined) => {
                let one_more = Count::LookupQueries as usize;
                client.counters.add(one_more, 1, self.now);
                self.node.add(one_more, 1, self.now);
                client.tallies.join(&joined, arrived);
            }
            AtOnce::Found(candidate) => {
                let mut base = closer.names.pop().unwrap_or_default();
                let octets = candidate.base_of(seen.qname, &mut base);
                let ending = closer.rules_for(&client.search).found(octets, &candidate);
                count_found(self.node, &ending, self.now);
                let name = Named { octets, hash: candidate.base };
                client.close_found(name, &ending, arrived, self.now);
                closer.names.push(base);
            }
        }
    }

    /// Counts the lookups of a client that were closed.
    fn collect(&mut self, client: &mut Client, closer: &mut Closer) {
        if closer.closed.is_empty() {
            return;
        }
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
