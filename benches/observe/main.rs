//! What the observer takes for a query, by the traffic it sees.
//!
//! `cargo bench -p benches --bench observe`. Not by criterion: what a query
//! costs depends on all that came before it, so whole streams are timed. A word
//! after `--` chooses those that have it in their names.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dns::{Name, Rcode, Rtype};
use observe::{Batch, ObserveConfig, Observer, QueryEvent, QueryFlags, Record, SearchRule};
use resolver::Moment;
use resolver::Origin;

fn main() {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    say("ns per query, median of 5            taken and settled");
    let streams: [(&str, Make); 9] = [
        ("200 pods, whole names, A and AAAA", whole_names),
        ("200 pods, search lists, ndots 5", || walks(Some(5))),
        ("the same, search list unknown", || walks(None)),
        ("one pod, one name, A", one_name),
        ("one pod, 1,000 names, A", || thousand_names(1)),
        ("500 pods, 1,000 names, A", || thousand_names(500)),
        ("one pod, 32 walks at once", || busy_walks(true)),
        ("one pod, names of walks at random", || busy_walks(false)),
        ("as many clients as queries", strangers),
    ];
    for (what, stream) in streams {
        if wanted
            .as_ref()
            .is_some_and(|wanted| !what.contains(wanted.as_str()))
        {
            continue;
        }
        let stream = stream();
        let mut times: Vec<f64> = (0..5).map(|_| stream.time()).collect();
        times.sort_by(f64::total_cmp);
        let median = times.get(2).copied().unwrap_or_default();
        say(&format!("{what:<36} {median:>8.0}"));
    }
}

/// Makes a stream.
type Make = fn() -> Stream;

/// Queries in the order of their answers.
struct Stream {
    told: Vec<SearchRule>,
    queries: Vec<(Record, Box<[u8]>)>,
}

impl Stream {
    /// Returns the nanoseconds of CPU that each query took.
    fn time(&self) -> f64 {
        let config = ObserveConfig { search: self.told.clone(), ..ObserveConfig::default() };
        let mut observer = Observer::new(config, &[], 1, Moment::default());
        let mut part = Batch::default();
        let begun = udp::thread_cpu_time();
        let mut settled = Moment::default();
        for queries in self.queries.chunks(Batch::ROOM) {
            part.clear();
            let seen = queries
                .iter()
                .map(|(record, qname)| QueryEvent { record: *record, qname });
            // As many as it holds.
            assert!(seen.fold(true, |fits, seen| fits & part.push(&seen)));
            let Some((last, _)) = queries.last() else { continue };
            let done = last.arrived + last.took;
            if done.saturating_since(settled) >= TICK {
                settled = done;
                observer.advance(done);
                observer.settle(done);
            }
            observer.take_all(&part);
        }
        observer.finish();
        let took = udp::thread_cpu_time() - begun;
        std::hint::black_box(&observer);
        took.as_secs_f64() * 1e9 / self.queries.len() as f64
    }

    /// One more query, 6.7 us after the last: 150,000 a second.
    fn ask(&mut self, client: u32, port: u16, name: &str, qtype: Rtype, has_data: bool) {
        let at = self.queries.len() as u64;
        let record = Record {
            arrived: Moment::from_micros(1_000_000 + at * 20 / 3),
            took: Duration::from_micros(20),
            client: IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + client)),
            port,
            id: u16::try_from(at * 40_503 % 65_536).unwrap_or_default(),
            qtype,
            rcode: if has_data { Rcode::NOERROR } else { Rcode::NXDOMAIN },
            origin: Origin::Cache,
            first: None,
            upstream: None,
            errno: 0,
            flags: QueryFlags::ANSWERED.with_if(QueryFlags::DATA, has_data),
        };
        let name = Name::from_text(name).unwrap_or(Name::ROOT);
        self.queries.push((record, name.as_wire().into()));
    }

    fn pair(&mut self, client: u32, name: &str, has_data: bool) {
        let port = u16::try_from(self.queries.len() * 31 % 65_536).unwrap_or_default();
        for qtype in [Rtype::A, Rtype::AAAA] {
            self.ask(client, port, name, qtype, has_data);
        }
    }

    const fn new() -> Self {
        Self { told: Vec::new(), queries: Vec::new() }
    }
}

fn whole_names() -> Stream {
    let mut stream = Stream::new();
    for n in 0..QUERIES / 2 {
        stream.pair(n % 200, &format!("api{}.example.com", n % 1000), true);
    }
    stream
}

/// Two hundred pods, each in the middle of a walk.
fn walks(ndots: Option<u8>) -> Stream {
    let mut stream = Stream::new();
    let name = |text: &str| Name::from_text(text).unwrap_or(Name::ROOT);
    stream.told = ndots
        .map(|ndots| SearchRule {
            clients: ipnet::Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8).into(),
            domains: DOMAINS.map(name).into(),
            ndots,
        })
        .into_iter()
        .collect();
    for n in 0..QUERIES / 8 / 200 {
        let base = |client: u32| format!("api{}.example.com", (n + client) % 50);
        for domain in DOMAINS {
            (0..200).for_each(|client| {
                stream.pair(client, &format!("{}.{domain}", base(client)), false);
            });
        }
        (0..200).for_each(|client| stream.pair(client, &base(client), true));
    }
    stream
}

fn one_name() -> Stream {
    let mut stream = Stream::new();
    for n in 0..QUERIES {
        let port = u16::try_from(n % 60_000).unwrap_or_default();
        stream.ask(1, port, "api.example.com", Rtype::A, true);
    }
    stream
}

/// What a load generator looks like.
fn thousand_names(pods: u32) -> Stream {
    let mut stream = Stream::new();
    for n in 0..QUERIES {
        let name = format!("api{}.example.com", u64::from(n) * 40_503 % 1000);
        stream.ask(
            n % pods,
            1000 + u16::try_from(n % 8).unwrap_or_default(),
            &name,
            Rtype::A,
            true,
        );
    }
    stream
}

/// More lookups at once than a program has, of a client whose search list has to
/// be learned; without order they are none, and of all lengths.
fn busy_walks(in_order: bool) -> Stream {
    let mut stream = Stream::new();
    let mut steps = [(0, 0); 32];
    let mut state = 7_u32;
    let mut random = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    for _ in 0..QUERIES / 2 {
        let place = random(32) as usize;
        let Some((base, step)) = steps.get_mut(place) else { continue };
        if *step == 0 || !in_order {
            *base = random(100);
        }
        let at = if in_order { *step } else { random(4) as usize };
        *step = (*step + 1) % 4;
        match DOMAINS.get(at) {
            Some(domain) => stream.pair(1, &format!("x{base}.example.com.{domain}"), false),
            None => stream.pair(1, &format!("x{base}.example.com"), true),
        }
    }
    stream
}

fn strangers() -> Stream {
    let mut stream = Stream::new();
    for n in 0..QUERIES {
        stream.ask(n, 1000, &format!("host{n}.example.com"), Rtype::A, true);
    }
    stream
}

const DOMAINS: [&str; 3] = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];

const QUERIES: u32 = 400_000;

/// How often the observer's thread looks.
const TICK: Duration = Duration::from_millis(40);

/// Prints a line of the result.
#[expect(clippy::print_stdout, reason = "the result, for the person")]
fn say(line: &str) {
    println!("{line}");
}
