//! A pod whose stub resolver looks names up, and the truth about what it did.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dns::{Name, Rcode, Rtype};
use resolver::{Moment, Origin};
use stub::{Library, Options, Outcome, ResolvConf, expand};

use crate::config::{ObserveConfig, SearchRule};
use crate::intake::{QueryEvent, QueryFlags, Record};
use crate::observer::Observer;
use crate::tables::{Figures, Window};

/// Kubernetes' search list in the namespace `shop`.
pub(super) const SEARCH: [&str; 3] =
    ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];

/// A query and when it was answered.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) record: Record,
    pub(super) qname: Box<[u8]>,
}

/// What really happened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Truth {
    pub(super) lookups: u64,
    pub(super) steps: u64,
    pub(super) queries: u64,
    pub(super) wasted: u64,
    pub(super) retransmits: u64,
    pub(super) found: u64,
}

impl Truth {
    /// The same, as the observer counted it.
    pub(super) const fn of(figures: &Figures) -> Self {
        Self {
            lookups: figures.lookups,
            steps: figures.steps,
            queries: figures.lookup_queries,
            wasted: figures.wasted_queries,
            retransmits: figures.retransmits,
            found: figures.external + figures.cluster + figures.fqdn_no_dot,
        }
    }

    pub(super) const fn add(&mut self, other: &Self) {
        self.lookups += other.lookups;
        self.steps += other.steps;
        self.queries += other.queries;
        self.wasted += other.wasted;
        self.retransmits += other.retransmits;
        self.found += other.found;
    }
}

/// One client.
#[derive(Clone, Debug)]
pub(super) struct Pod {
    pub(super) library: Library,
    pub(super) ndots: u8,
    pub(super) address: IpAddr,
    pub(super) events: Vec<Event>,
    now: u64,
    counter: u64,
    truth: Truth,
    /// The numbers of the answers that are lost, counted from 0.
    lost: Vec<u64>,
    answers: u64,
    types: Vec<Rtype>,
    search: Vec<String>,
}

impl Pod {
    pub(super) fn new(library: Library, ndots: u8) -> Self {
        Self {
            library,
            ndots,
            address: Ipv4Addr::new(10, 0, 0, 1).into(),
            events: Vec::new(),
            now: 1_000_000,
            counter: 1,
            truth: Truth::default(),
            lost: Vec::new(),
            answers: 0,
            types: vec![Rtype::A, Rtype::AAAA],
            search: SEARCH.map(str::to_owned).into(),
        }
    }

    pub(super) fn at(mut self, address: IpAddr, seed: u16) -> Self {
        self.address = address;
        self.counter = seed.into();
        self
    }

    pub(super) fn loses(mut self, answers: &[u64]) -> Self {
        self.lost = answers.to_vec();
        self
    }

    pub(super) fn asks(mut self, types: &[Rtype]) -> Self {
        self.types = types.to_vec();
        self
    }

    pub(super) fn searches(mut self, search: &[&str]) -> Self {
        self.search = search.iter().map(|domain| (*domain).to_owned()).collect();
        self
    }

    pub(super) const fn truth(&self) -> Truth {
        self.truth
    }

    /// Goes on at this microsecond.
    pub(super) const fn set_time(&mut self, now: u64) {
        self.now = now;
    }

    pub(super) const fn time(&self) -> u64 {
        self.now
    }

    /// Looks `name` up; `exists` is the one name that has data.
    pub(super) fn looks_up(mut self, name: &str, exists: &str) -> Self {
        self.look_up(name, exists);
        self
    }

    pub(super) fn look_up(&mut self, name: &str, exists: &str) {
        let conf = ResolvConf {
            search: self.search.clone(),
            options: Options { ndots: self.ndots, ..Options::default() },
            ..ResolvConf::default()
        };
        let outcome = |asked: &str| match asked == exists {
            true => Outcome::Answer,
            false => Outcome::NxDomain,
        };
        let asked = expand(self.library, &conf, name, outcome);
        let types = self.types.len() as u64;
        let steps = asked.len() as u64;
        self.truth.lookups += 1;
        self.truth.steps += steps;
        self.truth.queries += steps * types;
        self.truth.wasted += (steps - 1) * types;
        for step in asked {
            let has_data = step == exists;
            self.truth.found += u64::from(has_data);
            self.step(&step, has_data);
        }
        self.now += 700;
    }

    /// Asks all types of a name and waits for the answers.
    fn step(&mut self, name: &str, has_data: bool) {
        let shared = self.library != Library::Go;
        let port = self.next();
        let mut end = self.now;
        for (n, qtype) in self.types.clone().into_iter().enumerate() {
            let port = if shared || n == 0 { port } else { self.next() };
            let from = (port, self.next());
            let asked = self.now + 20 * n as u64;
            end = end.max(self.query(name, qtype, from, asked, has_data));
        }
        self.now = end + 150;
    }

    /// Sends a query until its answer comes through; returns when it does.
    fn query(
        &mut self,
        name: &str,
        qtype: Rtype,
        mut from: (u16, u16),
        mut asked: u64,
        has_data: bool,
    ) -> u64 {
        loop {
            let took = 40 + u64::from(from.1) % 97 * 11;
            self.push(name, qtype, from, (asked, took), has_data);
            self.answers += 1;
            if !self.lost.contains(&(self.answers - 1)) {
                return asked + took;
            }
            self.truth.retransmits += 1;
            if self.library == Library::Go {
                // Nothing in it says that it was sent before.
                from = (self.next(), self.next());
            }
            asked += if self.library == Library::Musl { 2_500_000 } else { 5_000_000 };
        }
    }

    fn push(
        &mut self,
        name: &str,
        qtype: Rtype,
        (port, id): (u16, u16),
        (asked, took): (u64, u64),
        has_data: bool,
    ) {
        let flags = QueryFlags::ANSWERED
            .with_if(QueryFlags::DATA, has_data)
            .with_if(QueryFlags::EDNS, self.library == Library::Go);
        let record = Record {
            arrived: Moment::from_micros(asked),
            took: Duration::from_micros(took),
            client: self.address,
            port,
            id,
            qtype,
            rcode: if has_data { Rcode::NOERROR } else { Rcode::NXDOMAIN },
            origin: Origin::Cache,
            first: None,
            upstream: None,
            errno: 0,
            flags,
        };
        let qname = Name::from_text(name).unwrap().folded().as_wire().into();
        self.events.push(Event { record, qname });
    }

    /// A number that looks random.
    #[expect(clippy::cast_possible_truncation, reason = "16 bits of 31")]
    const fn next(&mut self) -> u16 {
        self.counter = self
            .counter
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.counter >> 40) as u16
    }

    /// Lets an observer that was told its search list see all of it.
    pub(super) fn observed(self) -> Observer {
        observe(std::slice::from_ref(&self), &self.events)
    }
}

/// Lets an observer see events, as they come.
pub(super) fn observe(pods: &[Pod], events: &[Event]) -> Observer {
    let mut observer = observer(pods);
    feed(&mut observer, events);
    observer
}

/// The same, with room for so many lookups at a time.
pub(super) fn observe_within(open_lookups: usize, pods: &[Pod], events: &[Event]) -> Observer {
    let config = ObserveConfig { open_lookups, ..observer(pods).config };
    let mut observer = Observer::new(config, &[], 1, Moment::default());
    feed(&mut observer, events);
    observer
}

/// The same with room for so many clients, of whom nothing is known.
pub(super) fn observe_within_clients(clients: usize, events: &[Event]) -> Observer {
    let config = ObserveConfig { clients, ..ObserveConfig::default() };
    let mut observer = Observer::new(config, &[], 1, Moment::default());
    feed(&mut observer, events);
    observer
}

/// Makes an observer that knows the search lists of these.
pub(super) fn observer(pods: &[Pod]) -> Observer {
    let name = |text: &String| Name::from_text(text).unwrap();
    let rule = |pod: &Pod| SearchRule {
        clients: pod.address.into(),
        domains: pod.search.iter().map(name).collect(),
        ndots: pod.ndots,
    };
    let search = pods.iter().map(rule).collect();
    let config = ObserveConfig { search, ..ObserveConfig::default() };
    Observer::new(config, &[], 1, Moment::default())
}

/// Lets an observer see events in the order of their answers, and settle what is
/// due as its thread does.
fn feed(observer: &mut Observer, events: &[Event]) {
    let mut settled = Moment::default();
    for Event { record, qname } in events {
        let done = record.arrived + record.took;
        while settled + TICK < done {
            settled = settled + TICK;
            observer.advance(settled);
            observer.settle(settled);
        }
        observer.take(&QueryEvent { record: *record, qname });
    }
    observer.finish();
}

/// How often it looks.
const TICK: Duration = Duration::from_millis(20);

/// The counts of every client.
pub(super) fn by_client(observer: &Observer) -> BTreeMap<IpAddr, Truth> {
    let truth = |counters| Truth::of(&Figures::of(counters, Window::Start));
    let clients = observer.clients.iter();
    clients
        .map(|(addr, client)| (*addr, truth(&client.counters)))
        .collect()
}
