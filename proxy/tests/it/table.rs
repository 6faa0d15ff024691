//! The rules of the listener, packet by packet: what a client in a namespace
//! of its own sends to a host with two addresses of each family, and what
//! comes back.
//!
//! The client's sockets are connected, so a reply from another address than
//! the one that was asked is silence. Silence itself is proven by a second
//! query behind the first: its answer is the first thing that comes.

use std::net::SocketAddr;
use std::time::Duration;

use testbed::client::{Message, RData, parse, receive_datagram};
use testbed::{Client, Component, Lan, Process, fivedots, netns, pace, query};
use upstream::{Rule, Upstream};

use crate::{PROGRAM, SOON};

mod cases;
mod frames;

use cases::{Case, cases};

/// The host's addresses; the client asks each.
const HOST: [&str; 4] = ["10.77.1.1", "10.77.1.2", "fd77:1::1", "fd77:1::2"];

const UPSTREAM: &str = "127.0.0.1:5300";

/// Plays three parts: outside it makes the hosts; on one of them it is the
/// upstream behind the proxy, on the other the client.
#[test]
fn each_packet_gets_what_the_rules_say() {
    match netns::role().as_deref() {
        Some("upstream") => return be_upstream(),
        Some("client") => return be_client(),
        _ => {}
    }
    if !testbed::have(Component::Netns) {
        return;
    }
    let test = "table::each_packet_gets_what_the_rules_say";
    let lan = Lan::new().unwrap();
    let with_prefix =
        HOST.map(|ip| format!("{ip}{}", if ip.contains(':') { "/64" } else { "/24" }));
    let host = lan
        .host(&with_prefix.each_ref().map(String::as_str))
        .unwrap();
    let client = lan.host(&["10.77.1.9/24", "fd77:1::9/64"]).unwrap();

    let mut upstream = host.command(std::env::current_exe().unwrap());
    upstream
        .args(["--exact", test, "--nocapture"])
        .env(netns::INSIDE, "upstream");
    let upstream = Process::spawn(&mut upstream).unwrap();
    upstream.wait_for_line("upstream is ready", SOON).unwrap();
    let flags = ["--listen", "0.0.0.0:53", "--listen", "[::]:53", "--upstream", UPSTREAM];
    let _proxy = fivedots::serve(&mut host.command(PROGRAM), "", &flags).unwrap();

    let output = client.run_test(test, "client").unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

fn be_upstream() {
    let many = (0..100).map(|n| format!("many 60 A 10.0.1.{n}\n"));
    let text = (0..8).map(|n| format!("text 60 TXT \"{n}{}\"\n", "x".repeat(240)));
    let records = many.chain(text).collect::<String>() + "web 60 A 10.0.0.1\nalias 60 CNAME web";
    let server = Upstream::builder()
        .listen(UPSTREAM.parse().unwrap())
        .zone("test.", &records)
        .rule(Rule::on("late.test.").delay(Duration::from_millis(200)))
        .start()
        .unwrap();
    println!("upstream is ready");
    // It is stopped from outside; this only bounds a run that forgets to.
    pace(Duration::from_secs(120));
    drop(server);
}

fn be_client() {
    let mut wrong = Vec::new();
    println!(
        "{:<26} {:<4} {:<11} {:<42} received (expected, where it differs)",
        "case", "over", "address", "sent"
    );
    for ip in HOST {
        let client = Client::new(SocketAddr::new(ip.parse().unwrap(), 53));
        for case in cases() {
            for (over, received, expected) in [
                ("UDP", case.over_udp(&client), case.udp),
                ("TCP", case.over_tcp(&client), case.tcp),
            ] {
                let mut line =
                    format!("{:<26} {over:<4} {ip:<11} {:<42} {received}", case.name, case.sent());
                if received != expected {
                    line += &format!("  (expected {expected})");
                    wrong.push(line.clone());
                }
                println!("{line}");
            }
        }
        wrong.extend(
            frames::check(&client)
                .into_iter()
                .map(|line| format!("{ip} {line}")),
        );
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

impl Case {
    /// The first octets, enough to know the packet by.
    fn sent(&self) -> String {
        let hex: String = self
            .octets
            .iter()
            .take(16)
            .map(|octet| format!("{octet:02x}"))
            .collect();
        format!("{} B {hex}", self.octets.len())
    }

    fn over_udp(&self, client: &Client) -> String {
        let socket = client.socket().unwrap();
        socket.send(&self.octets).unwrap();
        if self.udp == SILENCE {
            socket.send(&canary()).unwrap();
        }
        match receive_datagram(&socket).unwrap() {
            None => "no answer at all".to_owned(),
            Some(reply) => {
                let limit = self.udp_limit;
                let size = if reply.len() > limit {
                    format!("{} B! ", reply.len())
                } else {
                    String::new()
                };
                size + &self.summary(&reply)
            }
        }
    }

    fn over_tcp(&self, client: &Client) -> String {
        let mut connection = client.connect().unwrap();
        connection.send(&self.octets).unwrap();
        if self.tcp == SILENCE {
            connection.send(&canary()).unwrap();
        }
        match connection.receive() {
            Ok(Some(reply)) => self.summary(&reply),
            Ok(None) => "closed".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    fn summary(&self, reply: &[u8]) -> String {
        let Ok(message) = parse(reply) else { return format!("unreadable {reply:02x?}") };
        if message.metadata.id == CANARY {
            return SILENCE.to_owned();
        }
        if reply.get(..2) != self.octets.get(..2) {
            return "another id".to_owned();
        }
        let question = &reply[12..];
        let echoed = message.queries.is_empty()
            || self.octets.get(12..12 + self.question_len(&message))
                == question.get(..self.question_len(&message));
        let echo = if echoed { "" } else { "another question, " };
        format!("{echo}{}", shown(&message))
    }

    fn question_len(&self, message: &Message) -> usize {
        message.queries[0].name().len() + 4
    }
}

/// RCODE, flags but QR, what is in each section, and the OPT.
fn shown(message: &Message) -> String {
    let m = &message.metadata;
    let flags = [
        (m.authoritative, "aa"),
        (m.truncation, "tc"),
        (m.recursion_desired, "rd"),
        (m.recursion_available, "ra"),
        (m.authentic_data, "ad"),
        (m.checking_disabled, "cd"),
    ];
    let flags: Vec<_> = flags
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| *name)
        .collect();
    // hickory calls 16 by its other name, that of TSIG.
    let rcode = match u16::from(m.response_code) {
        16 => "BADVERS".to_owned(),
        _ => format!("{:?}", m.response_code),
    };
    let mut text = format!("{rcode} {}", flags.join(" "));
    if message.queries.is_empty() {
        text += ", no question";
    }
    if let Some(first) = message.answers.first() {
        text += &format!(", {} {}", message.answers.len(), first.record_type());
        if let RData::HINFO(hinfo) = &first.data {
            text += &format!(" {}", String::from_utf8_lossy(&hinfo.cpu));
        }
    }
    if let Some(first) = message.authorities.first() {
        text += &format!(", {}", first.record_type());
    }
    if let Some(edns) = &message.edns {
        let options = edns.options().as_ref().len();
        text += &format!(", opt {}", edns.max_payload());
        if edns.flags().dnssec_ok {
            text += " do";
        }
        if options > 0 {
            text += &format!(" with {options} options");
        }
    }
    text
}

fn canary() -> Vec<u8> {
    query("web.test.", "A").id(CANARY).octets()
}

/// The id of the query behind one that is met with silence.
const CANARY: u16 = 0xcafe;

const SILENCE: &str = "silence";
