//! A node: the proxy, CoreDNS and the Internet behind it, pods on a bridge
//! before it, and a capture of what passes between pods and proxy.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testbed::{Capture, Lan, Netns, Process, fivedots, netns};

use crate::clients::{Client, Programs, lookups};
use crate::internet::{UPSTREAM, UPSTREAM_ROLE, UPSTREAM_SERVES};
use crate::packet::{Packet, packets};
use crate::referee::{Lookup, Order, account};
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
    /// Starts all; the proxy is told the search list of each of `told`, as
    /// it would be by their Pods. `test` is the test that calls
    /// [`play_upstream`](crate::internet::play_upstream) first: this very program runs it again inside, for a
    /// socket there.
    pub(crate) fn start(test: &str, told: &[Client]) -> Self {
        Self::configured(test, "", told)
    }

    /// The same with lines of a configuration before.
    pub(crate) fn configured(test: &str, lines: &str, told: &[Client]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let told: String = told.iter().map(Client::config).collect();
        let told = format!("{lines}\n{told}");
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
            .flat_map(|group| at_once(group, |client| self.look_up(client, names)))
            .collect();
        let did = clients.iter().zip(looked_up);
        let did = did.map(|(client, lookups)| (client, lookups, Order::OneAfterAnother));
        self.count(capture, did.collect())
    }

    /// Lets all clients do what they have to at once, and has the referee count.
    pub(crate) fn run_all(&self, tasks: &[Task<'_>]) -> Vec<Totals> {
        let did = self.run_each(tasks).into_iter();
        did.map(|(totals, _)| totals).collect()
    }

    /// The same with what the programs said of their lookups.
    pub(crate) fn run_each(&self, tasks: &[Task<'_>]) -> Vec<(Totals, Vec<Lookup>)> {
        let capture = Capture::start(&self.netns, "eth0", "udp port 53").unwrap();
        let looked_up = at_once(tasks, |task| self.look_up_as(task));
        let did = tasks.iter().zip(looked_up.clone());
        let did = did.map(|(task, lookups)| (task.client, lookups, task.order()));
        let totals = self.count(capture, did.collect());
        totals.into_iter().zip(looked_up).collect()
    }

    fn count(&self, capture: Capture, did: Vec<(&Client, Vec<Lookup>, Order)>) -> Vec<Totals> {
        let sent = self.finish(capture);
        let count = |(client, lookups, order): (&Client, Vec<Lookup>, Order)| {
            let sent = sent.get(&client.address.into());
            let sent = sent.map_or(&[][..], Vec::as_slice);
            let totals = account(sent, &lookups, &client.search(), order);
            totals.unwrap_or_else(|error| panic!("{client:?}: {error}"))
        };
        did.into_iter().map(count).collect()
    }

    fn look_up_as(&self, task: &Task<'_>) -> Vec<Lookup> {
        let Task { client, names, processes, lost } = task;
        let Some(processes) = processes else {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            return self.look_up(client, &names);
        };
        let pod = self.pod(client.address);
        if *lost > 0 {
            lose_answers(&pod, *lost);
        }
        let each: Vec<_> = names.chunks(names.len().div_ceil(*processes)).collect();
        let resolv_conf = self.resolv_conf(client);
        let found = at_once(&each, |names| {
            let mut command = self.resolving(&pod, client, &resolv_conf);
            command.env("SIDE_BY_SIDE", "yes").args(*names);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{client:?}: {output:?}");
            lookups(&String::from_utf8(output.stdout).unwrap())
        });
        found.into_iter().flatten().collect()
    }

    /// Writes the client's resolv.conf, once for all its programs: a file that is
    /// replaced meanwhile cannot be mounted.
    fn resolv_conf(&self, client: &Client) -> PathBuf {
        let path = self.dir.path().join(client.address.to_string());
        std::fs::write(&path, client.resolv_conf(PROXY)).unwrap();
        path
    }

    /// A program in a pod, with this resolv.conf.
    fn resolving(&self, pod: &Netns, client: &Client, resolv_conf: &Path) -> Command {
        let mut command = pod.command("unshare");
        command.args(["--mount", "sh", "-c", WITH_RESOLV_CONF, "sh"]);
        command
            .arg(resolv_conf)
            .args(self.programs.command_line(client.program));
        command
    }

    fn look_up(&self, client: &Client, names: &[&str]) -> Vec<Lookup> {
        let pod = self.pod(client.address);
        let resolv_conf = self.resolv_conf(client);
        let mut command = self.resolving(&pod, client, &resolv_conf);
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

/// What one client does.
pub(crate) struct Task<'a> {
    pub(crate) client: &'a Client,
    /// What it looks up.
    pub(crate) names: Vec<String>,
    /// One name after another; or all at once, by threads of so many processes.
    pub(crate) processes: Option<usize>,
    /// So many of a hundred answers are lost behind the capture.
    pub(crate) lost: u32,
}

impl<'a> Task<'a> {
    /// One name after another.
    pub(crate) fn of(client: &'a Client, names: Vec<String>) -> Self {
        Self { client, names, processes: None, lost: 0 }
    }

    const fn order(&self) -> Order {
        match self.processes {
            None => Order::OneAfterAnother,
            Some(_) => Order::SideBySide,
        }
    }
}

/// Does the same for each at once, by a thread each.
fn at_once<T: Sync, R: Send>(all: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    std::thread::scope(|scope| {
        let each = &each;
        let running: Vec<_> = all
            .iter()
            .map(|one| scope.spawn(move || each(one)))
            .collect();
        let finished = running.into_iter().map(|thread| thread.join().unwrap());
        finished.collect()
    })
}

/// Drops so many of a hundred answers on their way into a pod.
fn lose_answers(pod: &Netns, lost: u32) {
    let rule = format!("udp sport 53 numgen random mod 100 < {lost} drop");
    for words in [
        "add table inet lossy",
        "add chain inet lossy input { type filter hook input priority 0 ; }",
        &format!("add rule inet lossy input {rule}"),
    ] {
        let done = pod.command("nft").arg(words).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

/// One label, so that it stands in a packet as it is.
const LAST_NAME: &str = "end-of-the-capture";
const LAST_POD: Ipv4Addr = Ipv4Addr::new(10, 78, 8, 1);
const PROXY: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
const ADMIN: &str = "admin";
const SOON: Duration = Duration::from_secs(10);

/// Where a resolver's /etc/resolv.conf is another file.
const WITH_RESOLV_CONF: &str = "mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"";
