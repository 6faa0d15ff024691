//! What the capture shows of one case, by rules of its own.

use std::collections::{BTreeMap, HashMap};

use testbed::Captured;

/// One packet.
#[derive(Clone, Debug)]
struct Packet {
    /// Nanoseconds since 1970.
    at: u64,
    /// The client's port and the id.
    key: (u16, u16),
    server: String,
    question: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Query,
    Response,
    Icmp,
}

/// All packets, by the server's address.
pub(crate) struct Wire {
    by_server: HashMap<String, Vec<Packet>>,
}

/// What became of the queries of one case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// When each query left, in order, in nanoseconds since 1970.
    pub(crate) left: Vec<u64>,
    /// For each query answered in time: its place in `left`, and nanoseconds to
    /// the answer.
    pub(crate) answered: Vec<(usize, u64)>,
}

impl Wire {
    pub(crate) fn read(captured: &Captured) -> Self {
        let fields = captured
            .fields([
                "frame.time_epoch",
                "ip.src",
                "ip.dst",
                "ipv6.src",
                "ipv6.dst",
                "icmp.type",
                "udp.srcport",
                "udp.dstport",
                "dns.id",
                "dns.flags.response",
                "dns.qry.name",
            ])
            .unwrap();
        let mut by_server: HashMap<String, Vec<Packet>> = HashMap::new();
        for packet in fields.iter().filter_map(packet) {
            by_server
                .entry(packet.server.clone())
                .or_default()
                .push(packet);
        }
        for packets in by_server.values_mut() {
            packets.sort_by_key(|packet| packet.at);
        }
        Self { by_server }
    }

    /// Judges what `server` was asked from `start` until `end`, with this timeout.
    pub(crate) fn truth(&self, server: &str, start: u64, end: u64, timeout: u64) -> Truth {
        let none = Vec::new();
        let packets = self.by_server.get(server).unwrap_or(&none);
        let mut truth = Truth::default();
        for name in ["sent", "answered", "late", "lost", "refused", "duplicate", "wrong"] {
            truth.counts.insert(name, 0);
        }
        let mut open: HashMap<(u16, u16), Latest<'_>> = HashMap::new();
        // Half a second of doubt before the start: no other case has this address.
        let within = |packet: &&Packet| packet.at + 500_000_000 >= start && packet.at <= end;
        for packet in packets.iter().filter(within) {
            let found = open.get_mut(&packet.key);
            match (packet.kind, found) {
                (Kind::Query, _) => {
                    let place = truth.left.len();
                    truth.left.push(packet.at);
                    truth.add("sent");
                    truth.add("lost");
                    open.insert(packet.key, (place, packet.at, &packet.question, None));
                }
                (Kind::Icmp, Some((.., end @ None))) => {
                    *end = Some(Kind::Icmp);
                    truth.moved("lost", "refused");
                }
                (Kind::Response, Some((place, at, question, end)))
                    if *question == packet.question =>
                {
                    match end {
                        Some(Kind::Response) => truth.add("duplicate"),
                        _ if packet.at - *at > timeout => truth.moved("lost", "late"),
                        _ => {
                            truth.moved("lost", "answered");
                            truth.answered.push((*place, packet.at - *at));
                        }
                    }
                    *end = Some(Kind::Response);
                }
                (Kind::Response, _) => truth.add("wrong"),
                (Kind::Icmp, _) => {}
            }
        }
        truth
    }
}

/// The latest query of a port and id: its place, time, question and end.
type Latest<'a> = (usize, u64, &'a str, Option<Kind>);

impl Truth {
    fn add(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    fn moved(&mut self, from: &'static str, to: &'static str) {
        *self.counts.entry(from).or_default() -= 1;
        self.add(to);
    }

    /// The most queries that left in any 100 ms.
    pub(crate) fn most_in_100_ms(&self) -> usize {
        let mut first = 0;
        let each = self.left.iter().enumerate().map(|(last, at)| {
            while at - self.left[first] >= 100_000_000 {
                first += 1;
            }
            last - first + 1
        });
        each.max().unwrap_or(0)
    }

    /// Milliseconds from the send of the packet, at p50.
    pub(crate) fn p50_from_send(&self) -> Option<f64> {
        percentile(self.answered.iter().map(|(_, took)| *took).collect(), 50)
    }

    /// The same at p99.
    pub(crate) fn p99_from_send(&self) -> Option<f64> {
        percentile(self.answered.iter().map(|(_, took)| *took).collect(), 99)
    }

    /// How far the gaps are from exponential ones of their mean (Kolmogorov and
    /// Smirnov), and from where on that is no chance, at 1 %.
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
    pub(crate) fn exponential_gaps(&self) -> (f64, f64) {
        let mut gaps: Vec<f64> = self
            .left
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64)
            .collect();
        gaps.sort_by(f64::total_cmp);
        let count = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / count;
        let apart = (0..).zip(&gaps).map(|(n, gap)| {
            let expected = 1.0 - (-gap / mean).exp();
            (expected - f64::from(n) / count)
                .abs()
                .max((f64::from(n + 1) / count - expected).abs())
        });
        (apart.fold(0.0, f64::max), 1.628 / count.sqrt())
    }

    /// Milliseconds from the due time at p99; `dues` are nanoseconds since 1970.
    pub(crate) fn p99_from_due(&self, dues: &[u64]) -> Option<f64> {
        let latency = |(place, took): &(usize, u64)| {
            let arrived = self.left[*place] + took;
            arrived.saturating_sub(*dues.get(*place).unwrap_or(&arrived))
        };
        percentile(self.answered.iter().map(latency).collect(), 99)
    }
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
fn percentile(mut values: Vec<u64>, percent: usize) -> Option<f64> {
    values.sort_unstable();
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).map(|nanos| *nanos as f64 / 1e6)
}

fn packet(fields: &[String; 11]) -> Option<Packet> {
    let [time, v4_src, v4_dst, v6_src, v6_dst, icmp, src_port, dst_port, id, response, name] =
        fields;
    let first = |text: &str| text.split(',').next().unwrap_or_default().to_owned();
    let (seconds, fraction) = time.split_once('.')?;
    let at = seconds.parse::<u64>().ok()? * 1_000_000_000
        + format!("{fraction:0<9}").parse::<u64>().ok()?;
    let (src, dst) = (first(v4_src) + &first(v6_src), first(v4_dst) + &first(v6_dst));
    let id = u16::from_str_radix(first(id).trim_start_matches("0x"), 16).ok()?;
    let is_response = matches!(response.as_str(), "1" | "True");
    let (src_port, dst_port) = (first(src_port).parse().ok()?, first(dst_port).parse().ok()?);
    // An ICMP message quotes the query, whose ports and id it shows.
    let (kind, server, port) = match (icmp.is_empty(), is_response) {
        (false, _) => (Kind::Icmp, src, src_port),
        (true, true) => (Kind::Response, src, dst_port),
        (true, false) => (Kind::Query, dst, src_port),
    };
    Some(Packet { at, key: (port, id), server, question: first(name), kind })
}
