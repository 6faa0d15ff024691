//! Looking for loops before a client finds them: one question at a time, through
//! each upstream, that only a loop brings back.

use std::time::Duration;

use dns::{Class, Flags, Name, Rcode, Rtype};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::loops::ProbeNames;
use crate::{Ask, Forwarder, ProbeReply, ReplyTo};
use resolver::Clock;
use resolver::{Hops, Retained};
use resolver::{KeyHasher, KeyView};

impl Forwarder {
    /// Sends a probe for every zone, and for each of `names`, through each
    /// upstream that is asked for it: soon, and again every `interval` or so; more often
    /// while there is a loop, to see when it ends. Never ends.
    pub async fn look_for_loops(self, names: Vec<Name>, interval: Duration, clock: Clock) {
        let hasher = KeyHasher::default();
        let (tx, mut answers) = mpsc::channel(1);
        sleep(jittered(START.min(interval))).await;
        loop {
            // Other zones may have taken the place of those before.
            let ways = self.ways(&names);
            for (name, upstream) in &ways {
                for qtype in TYPES {
                    // An answer to the one before that came late.
                    while answers.try_recv().is_ok() {}
                    let ask = self.probe((name, *qtype), *upstream, &tx, (&hasher, clock));
                    if self.ask(ask).is_err() {
                        break;
                    }
                    let rcode = timeout(PATIENCE, answers.recv()).await.ok().flatten();
                    if !rcode.is_some_and(|rcode| REFUSALS.contains(&rcode)) {
                        break;
                    }
                }
                sleep(PAUSE.min(interval)).await;
            }
            self.pause(interval, clock).await;
        }
    }

    /// Waits for `interval` or so, but not for long while there is a loop, whoever found
    /// it.
    async fn pause(&self, interval: Duration, clock: Clock) {
        let end = clock.now() + jittered(interval);
        loop {
            sleep(jittered(AGAIN.min(interval))).await;
            let now = clock.now();
            if now >= end || !self.loops.active(now).is_empty() {
                return;
            }
        }
    }

    /// Every name with each upstream that is asked for it.
    fn ways(&self, names: &[Name]) -> Vec<(Name, usize)> {
        let zones = self.zones();
        let mut all: Vec<Name> = zones.iter().map(|zone| zone.suffix).collect();
        for name in names {
            if !all.contains(name) {
                all.push(*name);
            }
        }
        let of = |name: Name| {
            let zone = zones.find(&name).and_then(|at| zones.get(at));
            let upstreams = zone.map_or(&[][..], |zone| &zone.upstreams);
            upstreams.iter().map(move |upstream| (name, *upstream))
        };
        all.into_iter().flat_map(of).collect()
    }

    fn probe(
        &self,
        (name, qtype): (&Name, Rtype),
        upstream: usize,
        tx: &mpsc::Sender<Rcode>,
        (hasher, clock): (&KeyHasher, Clock),
    ) -> Ask {
        let nonce = rand::random();
        let query = Retained {
            id: 0,
            flags: Flags(Flags::RD),
            qname: ProbeNames::new(self.loops.secret().clone()).name(nonce, name),
            qtype,
            qclass: Class::IN,
            edns: None,
        };
        Ask {
            hash: KeyView::of(&query.as_query(), hasher).hash,
            query,
            hops: Hops::default(),
            reply_to: ReplyTo::Probe(ProbeReply { upstream, nonce, tx: Some(tx.clone()) }),
            limit: 512,
            arrived: clock.now(),
        }
    }
}

/// A quarter more or less, so that the nodes of a cluster do not ask as one.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(rand::random_range(0.75..1.25))
}

/// The first is what CoreDNS's `loop` asks for, which no client does. Some
/// servers refuse it, or do not know it.
const TYPES: &[Rtype] = &[Rtype::HINFO, Rtype::TXT, Rtype::A];

/// What says nothing about names, only about the type.
const REFUSALS: &[Rcode] = &[Rcode::REFUSED, Rcode::NOTIMP, Rcode::FORMERR];

/// After the start: upstreams may start as well.
const START: Duration = Duration::from_secs(1);

/// More than a probe lives.
const PATIENCE: Duration = Duration::from_millis(2500);

/// From one round to the next while there is a loop.
const AGAIN: Duration = Duration::from_secs(10);

/// Between two probes.
const PAUSE: Duration = Duration::from_millis(20);
