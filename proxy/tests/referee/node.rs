//! A node: the proxy, CoreDNS and the Internet behind it, pods on a bridge
//! before it, and a capture of what passes between pods and proxy.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use testbed::{Capture, Lan, Netns, Process, fivedots, netns};
use upstream::{Flags, Rule, Script, Upstream, Zone};

use crate::clients::{Client, Programs, lookups};
use crate::packet::{Packet, packets};
use crate::referee::{CLUSTER_DOMAIN, Lookup, account};
use crate::totals::Totals;

/// What runs on the node; it ends when this is dropped.
pub(crate) struct Node {
    programs: Programs,
    dir: tempfile::TempDir,
    _proxy: Process,
    _upstream: Process,
    netns: Netns,
    lan: Lan,
}

impl Node {
    /// Starts all; the proxy is told the search list of each of `clients`, as
    /// it would be by their Pods. `test` is the test that calls
    /// [`play_upstream`] first: this very program runs it again inside, for a
    /// socket there.
    pub(crate) fn start(test: &str, clients: &[Client]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let told: String = clients.iter().map(Client::config).collect();
        let lan = Lan::new().unwrap();
        let netns = lan.host(&[&format!("{PROXY}/16")]).unwrap();
        let mut upstream = netns.command(std::env::current_exe().unwrap());
        upstream
            .args(["--exact", test, "--nocapture"])
            .env(netns::INSIDE, UPSTREAM_ROLE);
        let upstream = Process::spawn(&mut upstream).unwrap();
        upstream.wait_for_line(UPSTREAM_SERVES, SOON).unwrap();
        // A socket in the file system is the same in every namespace.
        let admin = format!("unix:{}", dir.path().join(ADMIN).display());
        let listen = format!("{PROXY}:53");
        let flags = ["--listen", &listen, "--upstream", UPSTREAM, "--admin", &admin];
        let mut proxy = netns.command(env!("CARGO_BIN_EXE_fivedots"));
        let proxy = fivedots::serve(&mut proxy, &told, &flags).unwrap();
        let programs = Programs::build();
        Self { programs, dir, _proxy: proxy, _upstream: upstream, netns, lan }
    }

    /// The proxy's admin socket.
    pub(crate) fn admin(&self) -> PathBuf {
        self.dir.path().join(ADMIN)
    }

    /// Lets each client look up `names`, those with the same settings at the
    /// same time, and has the referee count what each sent.
    pub(crate) fn run(&self, clients: &[Client], names: &[&str]) -> Vec<Totals> {
        let capture = Capture::start(&self.netns, "eth0", "udp port 53").unwrap();
        let same =
            |one: &Client, other: &Client| (one.ndots, one.extra) == (other.ndots, other.extra);
        let looked_up: Vec<_> = clients
            .chunk_by(same)
            .flat_map(|group| self.look_up_together(group, names))
            .collect();
        let sent = self.finish(capture);
        let count = |(client, lookups): (&Client, &Vec<Lookup>)| {
            let sent = sent.get(&client.address.into());
            let totals = account(sent.map_or(&[], Vec::as_slice), lookups, &client.search());
            totals.unwrap_or_else(|error| panic!("{client:?}: {error}"))
        };
        clients.iter().zip(&looked_up).map(count).collect()
    }

    #[expect(clippy::needless_collect, reason = "all must run before the first is waited for")]
    fn look_up_together(&self, group: &[Client], names: &[&str]) -> Vec<Vec<Lookup>> {
        std::thread::scope(|scope| {
            let look_up = |client| scope.spawn(move || self.look_up(client, names));
            let running: Vec<_> = group.iter().map(look_up).collect();
            let finished = running.into_iter().map(|thread| thread.join().unwrap());
            finished.collect()
        })
    }

    fn look_up(&self, client: &Client, names: &[&str]) -> Vec<Lookup> {
        let pod = self.pod(client.address);
        let resolv_conf = self.dir.path().join(client.address.to_string());
        std::fs::write(&resolv_conf, client.resolv_conf(PROXY)).unwrap();
        let mut command = pod.command("unshare");
        command.args(["--mount", "sh", "-c", WITH_RESOLV_CONF, "sh"]);
        command
            .arg(resolv_conf)
            .args(self.programs.command_line(client.program));
        let output = command.args(names).output().unwrap();
        assert!(output.status.success(), "{client:?}: {output:?}");
        let lookups = lookups(&String::from_utf8(output.stdout).unwrap());
        let told: Vec<_> = lookups.iter().map(|lookup| lookup.name.as_str()).collect();
        assert_eq!(told, names, "{client:?}");
        lookups
    }

    fn finish(&self, capture: Capture) -> HashMap<IpAddr, Vec<Packet>> {
        let pod = self.pod(LAST_POD);
        let mut dig = pod.command("dig");
        dig.args([&format!("@{PROXY}"), "+tries=1", LAST_NAME]);
        assert!(dig.output().unwrap().status.success());
        let mut sent: HashMap<_, Vec<_>> = HashMap::new();
        for packet in packets(&capture.finish(LAST_NAME.as_bytes()).unwrap()) {
            sent.entry(packet.client).or_default().push(packet);
        }
        sent
    }

    fn pod(&self, address: Ipv4Addr) -> Netns {
        self.lan.host(&[&format!("{address}/16")]).unwrap()
    }
}

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
        .zone(Zone::new(format!("{CLUSTER_DOMAIN}.")).records(CLUSTER))
        .zone(internet.records(INTERNET))
        .rule(Rule::on(LATE_NAME).delay(LATE))
}

/// A Service in the pods' own namespace.
const CLUSTER: &str = "cart.shop.svc 30 A 10.96.0.7
    cart.shop.svc 30 AAAA fd00::7";
const INTERNET: &str = "api.example.com. 60 A 192.0.2.1
    api.example.com. 60 AAAA 2001:db8::1
    example.com. 60 A 192.0.2.2
    six.example.com. 60 AAAA 2001:db8::6
    late.example.com. 60 A 192.0.2.3
    late.example.com. 60 AAAA 2001:db8::3";

/// A name whose answer comes after musl asks again (2.5 s) and before the
/// proxy gives up (4 s).
pub(crate) const LATE_NAME: &str = "late.example.com.";
const LATE: Duration = Duration::from_secs(3);

/// One label, so that it stands in a packet as it is.
const LAST_NAME: &str = "end-of-the-capture";
const LAST_POD: Ipv4Addr = Ipv4Addr::new(10, 78, 2, 1);
const PROXY: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
const UPSTREAM: &str = "127.0.0.1:5300";
const UPSTREAM_ROLE: &str = "upstream";
const UPSTREAM_SERVES: &str = "the upstream serves";
const UPSTREAM_LIFE: Duration = Duration::from_secs(600);
const ADMIN: &str = "admin";
const SOON: Duration = Duration::from_secs(10);

/// Where a resolver's /etc/resolv.conf is another file.
const WITH_RESOLV_CONF: &str = "mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"";
