//! CoreDNS and the Internet behind the proxy: a scripted server, in a process of its
//! own, with the faults that names and domains have.

use std::time::Duration;

use testbed::netns;
use upstream::{Flags, RecordType, ResponseCode, Rule, Script, Upstream, Zone};

use crate::referee::CLUSTER_DOMAIN;

/// Serves the cluster's names and the Internet's if this process is the one
/// that [`Node::start`] started for that; says whether it was.
pub(crate) fn play_upstream() -> bool {
    if netns::role().as_deref() != Some(UPSTREAM_ROLE) {
        return false;
    }
    let addr = UPSTREAM.parse().unwrap();
    let server = Upstream::builder().listen(addr).script(script()).start();
    println!("{UPSTREAM_SERVES}");
    // Killed long before, unless its parent was.
    assert!(!server.unwrap().wait_for(u64::MAX, UPSTREAM_LIFE));
    true
}

fn script() -> Script {
    let internet = Zone::new(".").flags(Flags::RECURSIVE);
    Script::new()
        .zone(Zone::new(format!("{CLUSTER_DOMAIN}.")).records(&services()))
        .zone(internet.records(INTERNET))
        .rule(Rule::on(LATE_NAME).delay(LATE))
        .rule(Rule::on("slow.example.com").delay(SLOW))
        .rule(Rule::on("late-for-all.example.com").delay(TOO_LATE))
        .rule(
            Rule::on("half.example.com")
                .qtype(RecordType::AAAA)
                .silence(),
        )
        .rule(Rule::on("broken.example.com").rcode(ResponseCode::ServFail))
        .rule(Rule::on("refused.example.com").rcode(ResponseCode::Refused))
        .rule(Rule::on("broken.internal").rcode(ResponseCode::ServFail))
        .rule(Rule::on("refused.internal").rcode(ResponseCode::Refused))
        .rule(Rule::on("silent.internal").silence())
        .rule(Rule::on("slow.internal").delay(SLOW))
}

/// Services in the pods' own namespace and in another.
fn services() -> String {
    let own = (0..SERVICES).map(|n| format!("web{n}.shop.svc"));
    let others = (0..SERVICES).map(|n| format!("db{n}.data.svc"));
    let all = own.chain(others).chain(["cart.shop.svc".to_owned()]);
    let records = |name| format!("{name} 30 A 10.96.0.7\n{name} 30 AAAA fd00::7\n");
    all.map(records).collect()
}

/// `web0` and up, and as many of `db0.data`.
pub(crate) const SERVICES: usize = 20;

const INTERNET: &str = "api.example.com. 60 A 192.0.2.1
    api.example.com. 60 AAAA 2001:db8::1
    example.com. 60 A 192.0.2.2
    six.example.com. 60 AAAA 2001:db8::6
    *.slow.example.com. 60 A 192.0.2.4
    *.slow.example.com. 60 AAAA 2001:db8::4
    *.late-for-all.example.com. 60 A 192.0.2.6
    *.half.example.com. 60 A 192.0.2.5
    *.test. 60 A 192.0.2.8
    *.test. 60 AAAA 2001:db8::8
    *.many.example.com. 60 A 192.0.2.7
    *.test. 60 A 192.0.2.8
    *.test. 60 AAAA 2001:db8::8
    *.many.example.com. 60 AAAA 2001:db8::7
    late.example.com. 60 A 192.0.2.3
    late.example.com. 60 AAAA 2001:db8::3";

/// A name whose answer comes after musl asks again (2.5 s) and before the
/// proxy gives up (4 s).
pub(crate) const LATE_NAME: &str = "late.example.com.";
const LATE: Duration = Duration::from_secs(3);

/// Longer than a timeout of one second.
const SLOW: Duration = Duration::from_millis(1300);

/// Longer than the proxy and every resolver wait.
const TOO_LATE: Duration = Duration::from_millis(5500);

pub(crate) const UPSTREAM: &str = "127.0.0.1:5300";
pub(crate) const UPSTREAM_ROLE: &str = "upstream";
pub(crate) const UPSTREAM_SERVES: &str = "the upstream serves";
const UPSTREAM_LIFE: Duration = Duration::from_secs(600);
