//! Which lookup each query belongs to, and when lookups are over.

use std::mem;
use std::sync::Arc;

use resolver::Moment;

use crate::accounts::{Client, Named, Noted, client_key, count, count_found};
use crate::intake::QueryEvent;
use crate::lookup::{Again, Candidate, Lookup, LookupContext, Placed, Repeated};
use crate::observer::{Marks, Observer};
use crate::tables::{Count, Counters, HeavyHitters, hash_of_name};

impl Observer {
    /// Learns that all that was answered before `until` has been taken.
    pub fn settle(&mut self, until: Moment) {
        self.settled = self.settled.max(until);
        self.weigh_active();
        self.close_leaving();
    }

    /// Settles all that is left, as if nothing more could come.
    pub fn finish(&mut self) {
        self.settle(Moment::from_micros(u64::MAX));
        self.sweep();
    }

    /// Ends the lookups that nothing can belong to any more.
    pub(super) fn sweep(&mut self) {
        let Self { clients, context, node, top_pairs, now, settled, .. } = self;
        let mut sums = Sums { node, top_pairs, now: *now };
        for client in clients.iter_mut() {
            client.counters.advance(*now);
            client.origins.advance(*now);
            for lookup in client.sweep(*settled, context) {
                sums.close(lookup, client, context);
            }
        }
        for addr in context.finished.confirmed(*settled) {
            let again = Again::Answered.count() as usize;
            sums.node.add(again, 1, *now);
            if let Some(client) = clients.get_mut(addr) {
                client.counters.add(again, 1, *now);
            }
        }
        self.close_leaving();
    }

    /// Puts a query on the account of its client, and to the lookup that it
    /// belongs to.
    pub(super) fn place(
        &mut self,
        event: &QueryEvent<'_>,
        (marks, noted): (Marks, &Noted),
        repeated: Option<Repeated>,
    ) {
        let Marks { name: asked, slot, .. } = marks;
        let Self { clients, names, config, context, node, top_pairs, active, now, .. } = self;
        let now = *now;
        let again = repeated.filter(|repeated| !repeated.is_copy);
        let again = again.map(|repeated| repeated.again.count() as usize);
        if let Some(again) = again {
            node.add(again, 1, now);
        }
        let addr = event.record.client;
        let opened = clients.open(addr, slot, || {
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
        client.note(event, noted, now);
        if let Some(again) = again {
            client.counters.add(again, 1, now);
        }
        let mut sums = Sums { node, top_pairs, now };
        if repeated.is_none() {
            for held in client.learn(event, asked, context) {
                let event = held.event();
                let placed = client.place(&event, hash_of_name(event.qname), None, context);
                sums.take(placed, &event, client, context);
            }
        }
        let placed = client.place(event, asked, repeated, context);
        sums.take(placed, event, client, context);
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

    /// Ends what the clients that lost their accounts left open, and gives what
    /// they asked to their workloads.
    pub(super) fn close_leaving(&mut self) {
        let Self { clients, context, node, top_pairs, top_clients, workloads, now, .. } = self;
        let mut sums = Sums { node, top_pairs, now: *now };
        for mut client in clients.take_leaving() {
            for lookup in client.finish(context) {
                sums.close(lookup, &mut client, context);
            }
            weigh(&mut client, top_clients);
            workloads.keep(&client, self.config.names_per_client, *now);
        }
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
    /// Counts what a query was for, if that is known.
    fn take(
        &mut self,
        placed: Placed,
        event: &QueryEvent<'_>,
        client: &mut Client,
        context: &mut LookupContext,
    ) {
        match placed {
            Placed::Unrelated | Placed::Retransmit | Placed::Open => {}
            Placed::Again(again) => self.add(again.count(), 1, client),
            Placed::Ended(lookup) => self.close(lookup, client, context),
            Placed::Cut(lookup) => {
                self.add(Count::CutLookups, 1, client);
                self.leave_undecided(lookup.queries.into(), client);
                context.scratch.give_back(lookup.base);
            }
            Placed::AtOnce(_) | Placed::Joined(_) if client.is_in_doubt() => {
                self.leave_undecided(1, client);
            }
            Placed::AtOnce(candidate) => self.close_at_once(event, &candidate, client, context),
            Placed::Joined(joined) => {
                self.add(Count::LookupQueries, 1, client);
                client.tallies.join(&joined, event.record.arrived);
            }
        }
    }

    fn add(&mut self, count: Count, more: u64, client: &mut Client) {
        client.counters.add(count as usize, more, self.now);
        self.node.add(count as usize, more, self.now);
    }

    /// Counts queries of which nobody knows what they were for.
    fn leave_undecided(&mut self, queries: u64, client: &mut Client) {
        self.add(Count::UndecidedQueries, queries, client);
    }

    /// Counts a lookup of a client that is over.
    fn close(&mut self, lookup: Lookup, client: &mut Client, context: &mut LookupContext) {
        if client.is_in_doubt() {
            self.leave_undecided(lookup.queries.into(), client);
            return context.scratch.give_back(lookup.base);
        }
        client.close(&lookup, self.now);
        count(self.node, &lookup, self.now);
        if lookup.wasted_queries > 0 {
            let mut pair = context.scratch.name();
            pair.clear();
            pair.extend_from_slice(&client_key(client.addr));
            pair.extend_from_slice(&lookup.base);
            self.top_pairs.add(&pair, lookup.wasted_queries.into());
            context.scratch.give_back(pair);
        }
        context.scratch.give_back(lookup.base);
    }

    /// Counts a lookup that found its name with its first query.
    fn close_at_once(
        &mut self,
        event: &QueryEvent<'_>,
        candidate: &Candidate,
        client: &mut Client,
        context: &mut LookupContext,
    ) {
        let mut base = context.scratch.name();
        let octets = candidate.base_of(event.qname, &mut base);
        let ending = context.rules_for(&client.search).found(octets, candidate);
        count_found(self.node, &ending, self.now);
        let name = Named { octets, hash: candidate.base };
        client.close_found(name, &ending, event.record.arrived, self.now);
        context.scratch.give_back(base);
    }
}
