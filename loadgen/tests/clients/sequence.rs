//! What the capture shows of each client, in a form that can be compared.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;
use testbed::Captured;

use crate::situations::Pair;

/// One packet of a client.
#[derive(Clone, Debug)]
struct Packet {
    /// Seconds.
    at: f64,
    port: u16,
    server: String,
    what: What,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum What {
    Connect,
    Query(Query),
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Query {
    over_tcp: bool,
    id: String,
    flags: String,
    name: String,
    qtype: String,
    /// The payload size of its OPT record.
    payload: String,
}

/// All packets, by the folder of addresses that they went to.
pub(crate) struct Sequences {
    by_side: HashMap<String, Vec<Packet>>,
}

/// Two sequences that are not the same.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) pair: Pair,
    why: String,
    sides: [Vec<String>; 2],
}

impl Difference {
    /// Nothing is known of this one.
    pub(crate) fn unseen(pair: Pair, error: &dyn fmt::Display) -> Self {
        Self { pair, why: error.to_string(), sides: [Vec::new(), Vec::new()] }
    }
}

impl Sequences {
    pub(crate) fn read(captured: &Captured) -> Self {
        let fields = captured
            .fields([
                "frame.time_epoch",
                "ip.dst",
                "udp.srcport",
                "tcp.srcport",
                "tcp.flags",
                "dns.flags.response",
                "dns.id",
                "dns.flags",
                "dns.qry.name",
                "dns.qry.type",
                "dns.rr.udp_payload_size",
            ])
            .unwrap();
        let mut by_side: HashMap<String, Vec<Packet>> = HashMap::new();
        for packet in fields.iter().flat_map(packets) {
            let side = packet.server.rsplit_once('.').unwrap().0.to_owned();
            by_side.entry(side).or_default().push(packet);
        }
        Self { by_side }
    }

    /// Compares what a program sent with what its model did; returns how many packets
    /// there were.
    pub(crate) fn compare(&self, pair: Pair, report: &Value) -> Result<usize, Difference> {
        let sides = [false, true].map(|is_model| {
            let address = pair.address(is_model, 0);
            let side = address.rsplit_once('.').unwrap().0;
            let packets = self.by_side.get(side).cloned().unwrap_or_default();
            in_order(packets, pair.client().model == "go")
        });
        let lines = sides.each_ref().map(|side| labelled(side));
        let why = differs(pair, &sides, &lines, report);
        match why {
            None => Ok(sides[0].len()),
            Some(why) => {
                let shown = [0, 1].map(|side| shown(&sides[side], &lines[side]));
                Err(Difference { pair, why, sides: shown })
            }
        }
    }
}

fn differs(
    pair: Pair,
    sides: &[Vec<Packet>; 2],
    lines: &[Vec<String>; 2],
    report: &Value,
) -> Option<String> {
    if lines[0] != lines[1] {
        return Some("other packets".to_owned());
    }
    if sides[0].is_empty() {
        return Some("no packet at all".to_owned());
    }
    let queries = sides[1]
        .iter()
        .filter(|packet| packet.what != What::Connect)
        .count();
    if report["run"]["counts"]["sent"] != queries {
        return Some(format!("the report counts {}", report["run"]["counts"]["sent"]));
    }
    let servers = pair.situation().servers.len();
    for (n, (one, other)) in sides[0].iter().zip(&sides[1]).enumerate() {
        let [one, other] = [one.at - sides[0][0].at, other.at - sides[1][0].at];
        if pair.client().model == "c-ares" {
            // A random part of each wait is left out, and Node.js looks once a second.
            let before = n.saturating_sub(1);
            let gaps = [0, 1].map(|side: usize| sides[side][n].at - sides[side][before].at);
            let base = if pair.situation().options.contains("timeout:1") { 1.0 } else { 2.0 };
            let longest = base * f64::from(1_u32 << (before / servers).min(4)) + 1.1;
            if gaps.into_iter().any(|gap| gap > longest) {
                return Some(format!("packet {n} after {gaps:.3?} s, at most {longest}"));
            }
        } else if (one - other).abs() > TOLERANCE {
            return Some(format!("packet {n} after {one:.3} and {other:.3} s"));
        }
    }
    None
}

/// Go starts A and AAAA side by side, and either may be first: within one burst they
/// are sorted by name and type.
fn in_order(mut packets: Vec<Packet>, is_go: bool) -> Vec<Packet> {
    packets.sort_by(|one, other| one.at.total_cmp(&other.at));
    if !is_go {
        return packets;
    }
    let mut names: Vec<String> = Vec::new();
    let mut burst = 0;
    let mut last = 0.0;
    let mut by_port: HashMap<u16, (usize, String)> = HashMap::new();
    // The query of a connection says what it was made for.
    for packet in &packets {
        if let What::Query(query) = &packet.what {
            let known = names.iter().position(|name| *name == query.name);
            let name = known.unwrap_or_else(|| {
                names.push(query.name.clone());
                names.len() - 1
            });
            by_port.insert(packet.port, (name, query.qtype.clone()));
        }
    }
    let mut keyed: Vec<_> = packets
        .into_iter()
        .map(|packet| {
            burst += usize::from(packet.at - last > BURST);
            last = packet.at;
            let about = by_port.get(&packet.port).cloned().unwrap_or_default();
            ((burst, about), packet)
        })
        .collect();
    keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
    keyed.into_iter().map(|(_, packet)| packet).collect()
}

/// Each packet with its port, id and server by the order in which they appear.
fn labelled(packets: &[Packet]) -> Vec<String> {
    let (mut ports, mut ids) = (Vec::new(), Vec::new());
    let number = |server: &str| server.rsplit_once('.').unwrap().1.parse::<i32>().unwrap();
    let first = packets.first().map_or(1, |packet| number(&packet.server));
    let line = |packet: &Packet| {
        let port = place(&mut ports, packet.port.to_string());
        // With `rotate` the first server is a random one.
        let server = (number(&packet.server) - first).rem_euclid(3);
        match &packet.what {
            What::Connect => format!("connect port {port} server +{server}"),
            What::Query(query) => {
                let id = place(&mut ids, query.id.clone());
                let Query { over_tcp, flags, name, qtype, payload, .. } = query;
                let transport = if *over_tcp { "tcp" } else { "udp" };
                format!(
                    "{transport} port {port} id {id} server +{server} {name} {qtype} {flags} opt {payload}"
                )
            }
        }
    };
    packets.iter().map(line).collect()
}

fn place(known: &mut Vec<String>, new: String) -> usize {
    known.iter().position(|one| *one == new).unwrap_or_else(|| {
        known.push(new);
        known.len() - 1
    })
}

fn shown(packets: &[Packet], lines: &[String]) -> Vec<String> {
    let start = packets.first().map_or(0.0, |packet| packet.at);
    let lines = packets.iter().zip(lines);
    lines
        .map(|(packet, line)| format!("{:7.3} {line}", packet.at - start))
        .collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.pair, self.why)?;
        let [program, model] = &self.sides;
        writeln!(f, "  {:96} | model", "program")?;
        for n in 0..program.len().max(model.len()) {
            let [one, other] = [program, model].map(|side| side.get(n).map_or("", String::as_str));
            let mark = if one.get(8..) == other.get(8..) { ' ' } else { '!' };
            writeln!(f, "{mark} {one:96} | {other}")?;
        }
        Ok(())
    }
}

/// The packets of a client in one frame: over TCP there may be several.
fn packets(fields: &[String; 11]) -> Vec<Packet> {
    let [time, server, udp, tcp, tcp_flags, response, id, flags, name, qtype, payload] = fields;
    let Ok(port) = format!("{udp}{tcp}").parse() else { return Vec::new() };
    let (Ok(at), over_tcp) = (time.parse(), !tcp.is_empty()) else { return Vec::new() };
    let packet = |what| Packet { at, port, server: server.clone(), what };
    if tcp_flags == SYN {
        return vec![packet(What::Connect)];
    }
    let is_response = response.split(',').any(|one| matches!(one, "1" | "True"));
    if id.is_empty() || is_response {
        return Vec::new();
    }
    let part = |field: &str, n| field.split(',').nth(n).unwrap_or_default().to_owned();
    (0..id.split(',').count())
        .map(|n| {
            let query = Query {
                over_tcp,
                id: part(id, n),
                flags: part(flags, n),
                name: part(name, n),
                qtype: part(qtype, n),
                payload: part(payload, n),
            };
            packet(What::Query(query))
        })
        .collect()
}

/// Seconds between the same packet of both, counted from the first of each.
const TOLERANCE: f64 = 0.05;
/// Seconds between two bursts of Go: no timeout is shorter.
const BURST: f64 = 0.7;
const SYN: &str = "0x0002";
