//! The packets of a capture, as tshark read them.

use std::net::IpAddr;

use testbed::Captured;

/// One DNS message over UDP.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// Nanoseconds since 1970.
    pub(crate) time: u64,
    pub(crate) client: IpAddr,
    pub(crate) port: u16,
    pub(crate) id: u16,
    /// In lower case, without a last dot.
    pub(crate) qname: String,
    pub(crate) qtype: u16,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Query,
    Response(Outcome),
}

/// What a response says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// Records of the type that was asked for.
    Data,
    /// NXDOMAIN, or NODATA: NOERROR without such records.
    Denied,
    /// Another RCODE.
    Failed,
}

/// All DNS messages of a capture, in the order of their times.
pub(crate) fn packets(captured: &Captured) -> Vec<Packet> {
    let rows = captured.fields(FIELDS).unwrap();
    let mut packets: Vec<_> = rows.iter().map(packet).collect();
    packets.sort_by_key(|packet| packet.time);
    packets
}

const FIELDS: [&str; 11] = [
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "udp.srcport",
    "udp.dstport",
    "dns.id",
    "dns.qry.name",
    "dns.qry.type",
    "dns.flags.response",
    "dns.flags.rcode",
    "dns.resp.type",
];

fn packet(row: &[String; FIELDS.len()]) -> Packet {
    let [time, from, to, from_port, to_port, id, qname, qtype, response, rcode, types] = row;
    let is_response = ["1", "True"].contains(&response.as_str());
    let (client, port) = if is_response { (to, to_port) } else { (from, from_port) };
    let kind = if is_response { Kind::Response(outcome(rcode, qtype, types)) } else { Kind::Query };
    Packet {
        time: nanoseconds(time),
        client: client.parse().unwrap(),
        port: port.parse().unwrap(),
        id: u16::from_str_radix(id.trim_start_matches("0x"), 16).unwrap(),
        qname: qname.to_ascii_lowercase(),
        qtype: qtype.parse().unwrap(),
        kind,
    }
}

/// `types` are those of all records, of which none but the answers has the
/// type of the question in what this test serves.
fn outcome(rcode: &str, qtype: &str, types: &str) -> Outcome {
    match rcode {
        "0" if types.split(',').any(|found| found == qtype) => Outcome::Data,
        "0" | "3" => Outcome::Denied,
        _ => Outcome::Failed,
    }
}

/// Reads seconds with a fraction; a float would not hold it.
pub(crate) fn nanoseconds(seconds: &str) -> u64 {
    let (whole, fraction) = seconds.split_once('.').unwrap();
    let fraction = format!("{fraction:0<9}");
    whole.parse::<u64>().unwrap() * 1_000_000_000 + fraction[..9].parse::<u64>().unwrap()
}

#[test]
fn a_row_of_tshark_becomes_a_packet() {
    let row = |text: &str| {
        let fields: Vec<_> = text.split('|').map(str::to_owned).collect();
        packet(&fields.try_into().unwrap())
    };
    let query = row("1.5|10.0.0.2|10.0.0.1|4000|53|0x0aff|A.Example|28|0||");
    assert_eq!((query.time, query.port, query.id), (1_500_000_000, 4000, 0x0aff));
    assert_eq!((query.qname.as_str(), query.qtype, query.kind), ("a.example", 28, Kind::Query));
    let outcome = |rcode, types| {
        let text = format!("1.5|10.0.0.1|10.0.0.2|53|4000|0x1|a|28|1|{rcode}|{types}");
        let response = row(&text);
        assert_eq!((response.client, response.port), (query.client, 4000));
        response.kind
    };
    assert_eq!(outcome(0, "5,28,41"), Kind::Response(Outcome::Data));
    assert_eq!(outcome(0, "5,6"), Kind::Response(Outcome::Denied));
    assert_eq!(outcome(3, "6"), Kind::Response(Outcome::Denied));
    assert_eq!(outcome(2, ""), Kind::Response(Outcome::Failed));
}
