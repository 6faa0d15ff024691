//! Behind the proxy the real CoreDNS gives the answers that it gives directly.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use testbed::client::{Message, Record};
use testbed::{Client, Component, Coredns, Fivedots, query};

/// Names of every shape of answer, at fixed addresses.
const CLUSTER: &str = "\
$ORIGIN cluster.local.
@ 30 IN SOA ns.dns admin 1 7200 1800 86400 5
@ 30 IN NS ns.dns
ns.dns 30 IN A 10.96.0.10
kubernetes.default.svc 30 IN A 10.96.0.1
kubernetes.default.svc 30 IN AAAA fd00::1
many.default.svc 30 IN A 10.0.0.1
many.default.svc 30 IN A 10.0.0.2
many.default.svc 30 IN A 10.0.0.3
_https._tcp.kubernetes.default.svc 30 IN SRV 0 100 443 kubernetes.default.svc
alias.default.svc 20 IN CNAME alias2.default.svc
alias2.default.svc 25 IN CNAME kubernetes.default.svc
short.default.svc 30 IN TXT \"v=1\"
";

const REVERSE: &str = "\
$ORIGIN 10.in-addr.arpa.
@ 30 IN SOA ns.dns.cluster.local. admin.cluster.local. 1 7200 1800 86400 5
@ 30 IN NS ns.dns.cluster.local.
1.0.96 30 IN PTR kubernetes.default.svc.cluster.local.
";

const OUTSIDE: &str = "\
$ORIGIN example.
@ 30 IN SOA ns admin 1 7200 1800 86400 5
@ 30 IN NS ns
ns 30 IN A 192.0.2.53
www 30 IN A 192.0.2.80
";

/// Names outside of it do not exist, but for `test.`, which is refused: there
/// is no plugin to answer it.
pub(crate) const COREFILE: &str = "\
cluster.local:{port} example:{port} 10.in-addr.arpa:{port} {
    bind {ip}
    file cluster cluster.local
    file reverse 10.in-addr.arpa
    file outside example
    loadbalance
}
test:{port} {
    bind {ip}
}
.:{port} {
    bind {ip}
    template ANY ANY . {
        rcode NXDOMAIN
        authority \". 30 IN SOA a.root.test. admin.root.test. 1 7200 1800 86400 5\"
    }
}
";

/// The zone files of [`COREFILE`]: a TXT RRset that does not fit into 1,232
/// octets, and a hundred addresses, which do not fit into 512.
pub(crate) fn zones() -> [(&'static str, String); 3] {
    let large = (0..8).map(|n| format!("large.default.svc 30 IN TXT \"{n}{}\"\n", "x".repeat(240)));
    let hundred = (0..100).map(|n| format!("hundred.default.svc 30 IN A 10.1.0.{n}\n"));
    let cluster = CLUSTER.to_owned() + &large.chain(hundred).collect::<String>();
    [("cluster", cluster), ("reverse", REVERSE.to_owned()), ("outside", OUTSIDE.to_owned())]
}

struct Pair {
    direct: Client,
    proxy: Fivedots,
    _coredns: Coredns,
}

impl Pair {
    fn start() -> Option<Self> {
        if !testbed::have(Component::Coredns) {
            return None;
        }
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let zones = zones();
        let files = zones.each_ref().map(|(name, text)| (*name, text.as_str()));
        let coredns = Coredns::start(any, COREFILE, &files).unwrap();
        let proxy = Fivedots::start(coredns.addr(), &[]);
        Some(Self { direct: Client::new(coredns.addr()), proxy, _coredns: coredns })
    }
}

/// A section as a set: what each record is, and its TTL.
fn set(records: &[Record]) -> BTreeMap<String, u32> {
    // CoreDNS answers in the case of its zone file; names that we compress have
    // that of the question, whose octets they share.
    let shown = |record: &Record| {
        let Record { name, data, ttl, .. } = record;
        (format!("{name} {} {data}", record.record_type()).to_lowercase(), *ttl)
    };
    records.iter().map(shown).collect()
}

fn compare(what: &str, direct: &Message, behind: &Message) {
    let (d, b) = (&direct.metadata, &behind.metadata);
    assert_eq!(d.response_code, b.response_code, "{what}: rcode");
    assert_eq!(d.authoritative, b.authoritative, "{what}: AA");
    assert_eq!(d.truncation, b.truncation, "{what}: TC");
    assert_eq!(d.authentic_data, b.authentic_data, "{what}: AD");
    assert!(b.recursion_available, "{what}: RA");
    assert_eq!(direct.queries, behind.queries, "{what}: question");
    let (theirs, ours) = (set(&direct.answers), set(&behind.answers));
    if d.truncation {
        // How many records fit is the server's own matter, but never none.
        assert!(!ours.is_empty(), "{what}: musl lives on what fits");
        return;
    }
    let asked = behind.queries[0].name();
    for owner in behind
        .answers
        .iter()
        .map(|record| &record.name)
        .filter(|owner| *owner == asked)
    {
        assert!(owner.eq_case(asked), "{what}: {owner} in another case");
    }
    assert!(ours.keys().eq(theirs.keys()), "{what}: {ours:?} is not {theirs:?}");
    for (record, ttl) in &ours {
        assert!(*ttl <= theirs[record], "{what}: the TTL of {record} grew");
    }
    let [theirs, ours] = [direct, behind].map(|message| set(&message.authorities));
    assert!(ours.keys().eq(theirs.keys()), "{what}: {ours:?} is not {theirs:?}");
}

const CASES: [(&str, &str); 14] = [
    ("kubernetes.default.svc.cluster.local.", "A"),
    ("kubernetes.default.svc.cluster.local.", "AAAA"),
    ("KuberNetes.Default.svc.cluster.LOCAL.", "A"),
    ("many.default.svc.cluster.local.", "A"),
    ("hundred.default.svc.cluster.local.", "A"),
    ("_https._tcp.kubernetes.default.svc.cluster.local.", "SRV"),
    ("1.0.96.10.in-addr.arpa.", "PTR"),
    ("alias.default.svc.cluster.local.", "A"),
    ("alias.default.svc.cluster.local.", "AAAA"),
    ("gone.default.svc.cluster.local.", "A"),
    ("many.default.svc.cluster.local.", "AAAA"),
    ("short.default.svc.cluster.local.", "TXT"),
    ("large.default.svc.cluster.local.", "TXT"),
    ("refused.test.", "A"),
];

#[test]
fn the_answers_of_coredns_come_through_as_they_are() {
    let Some(pair) = Pair::start() else { return };
    let behind = pair.proxy.client();
    for (name, qtype) in CASES {
        for (kind, question) in [
            ("plain", query(name, qtype)),
            ("EDNS", query(name, qtype).edns(1232)),
            ("AD", query(name, qtype).authentic_data()),
        ] {
            // The second time it comes from the cache.
            for round in ["miss", "hit"] {
                let what = format!("{name} {qtype} {kind} UDP {round}");
                let [theirs, ours] = [&pair.direct, &behind].map(|client| client.udp(&question));
                compare(&what, &theirs.unwrap(), &ours.unwrap());
                let what = format!("{name} {qtype} {kind} TCP {round}");
                let [theirs, ours] = [&pair.direct, &behind].map(|client| client.tcp(&question));
                compare(&what, &theirs.unwrap(), &ours.unwrap());
            }
        }
    }
}

/// dig reads by other code than ours, and so says what we got wrong.
#[test]
fn dig_resolves_over_udp_and_tcp() {
    if !testbed::have_program("dig", Component::Coredns) {
        return;
    }
    let Some(pair) = Pair::start() else { return };
    let server = pair.proxy.listen;
    let dig = |arguments: &[&str]| {
        let mut dig = Command::new("dig");
        dig.args([&format!("@{}", server.ip()), "-p", &server.port().to_string()]);
        let output = dig.args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for transport in ["+notcp", "+tcp"] {
        let name = "kubernetes.default.svc.cluster.local";
        assert_eq!(dig(&[transport, "+short", name]).trim(), "10.96.0.1");
        let whole = dig(&[transport, name]);
        let complains = |line: &str| line.contains("WARNING") && !line.contains("Multicast");
        assert!(!whole.lines().any(complains), "{whole}");
        assert!(whole.contains("status: NOERROR"), "{whole}");
        assert!(dig(&[transport, "gone.cluster.local"]).contains("status: NXDOMAIN"));
    }
    // Over UDP first: dig turns to TCP when TC is set.
    let large = dig(&["+short", "TXT", "large.default.svc.cluster.local"]);
    assert_eq!(large.lines().count(), 8, "{large}");
}
