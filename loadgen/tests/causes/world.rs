//! The servers of a scenario, on the loopback of a namespace.
//!
//! | address | is |
//! |---|---|
//! | 127.0.0.1:5335 | what a scenario asks |
//! | 127.0.0.2:5335 | CoreDNS, as the rest of the cluster asks it |
//! | 127.0.0.3:5335 | a service beside it that a guard asks |
//! | 127.0.1.1, 127.0.1.2 | its Pods, where there is a roll-out |
//! | 127.0.0.1:9153 | its figures |
//! | 127.0.0.1:5354, :5355 | the upstream and the ring, both of the scenario |

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use testbed::{Coredns, Netns, Process, eventually, fivedots, pace};

use crate::play::{World, must};
use crate::rules::Trouble;

/// Everything that runs; it ends with this.
pub(crate) struct Servers {
    _proxy: Option<Process>,
    well: Vec<Process>,
    coredns: Mutex<Vec<Coredns>>,
    group: Option<Group>,
    trouble: Trouble,
    world: World,
    netns: Netns,
}

impl Servers {
    pub(crate) fn start(world: World, trouble: Trouble) -> Self {
        let netns = Netns::new().unwrap();
        if trouble == Trouble::Tracked && world != World::Well {
            track(&netns, world);
        }
        let well = if world == World::Well { well(&netns) } else { Vec::new() };
        let group = (world != World::Well).then(|| Group::of(trouble)).flatten();
        let coredns = match (world, trouble) {
            (World::Well, _) => Vec::new(),
            (_, Trouble::RollOut(_)) => {
                service(&netns, world, PODS[0]);
                vec![coredns(&netns, &[PODS[0]], trouble)]
            }
            (World::Plain, _) => vec![coredns(&netns, &["127.0.0.1", "127.0.0.2"], trouble)],
            (World::Ours, _) => vec![coredns(&netns, &["127.0.0.2"], trouble)],
        };
        if let (Some(group), Some(coredns)) = (&group, coredns.first()) {
            group.add(coredns.process().pid());
        }
        let proxy = (world == World::Ours).then(|| proxy(&netns));
        let coredns = Mutex::new(coredns);
        Self { _proxy: proxy, well, coredns, group, trouble, world, netns }
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        self.netns.command(program)
    }

    pub(crate) const fn netns(&self) -> &Netns {
        &self.netns
    }

    /// The server that is well.
    pub(crate) fn well(&self) -> &Process {
        &self.well[0]
    }

    /// Lets every CoreDNS stand still.
    pub(crate) fn halt_coredns(&self) {
        for coredns in self.coredns.lock().unwrap().iter() {
            coredns.process().signal("STOP").unwrap();
        }
    }

    /// Runs the load, and makes the trouble meanwhile.
    pub(crate) fn run(&self, command: &mut Command) -> Output {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| self.make_trouble(&is_over));
            let output = child.wait_with_output().unwrap();
            is_over.store(true, Ordering::Relaxed);
            output
        })
    }

    #[expect(clippy::disallowed_methods, reason = "trouble comes at a time of the run")]
    fn make_trouble(&self, is_over: &AtomicBool) {
        if self.world == World::Well {
            return;
        }
        let start = Instant::now();
        let mut rolled = false;
        while !is_over.load(Ordering::Relaxed) {
            pace(Duration::from_millis(50));
            match self.trouble {
                Trouble::RollOut(seconds) if !rolled && start.elapsed().as_secs() >= seconds => {
                    rolled = true;
                    self.roll_out();
                }
                Trouble::Memory(_) if self.has_ended() => {
                    pace(KUBELET);
                    self.start_again();
                }
                _ => {}
            }
        }
    }

    /// A new Pod takes the place of the old one, whose address is then nobody's.
    fn roll_out(&self) {
        let mut running = self.coredns.lock().unwrap();
        running.push(coredns(&self.netns, &[PODS[1]], self.trouble));
        service(&self.netns, self.world, PODS[1]);
        drop(running.remove(0));
    }

    fn has_ended(&self) -> bool {
        let running = self.coredns.lock().unwrap();
        running
            .first()
            .is_some_and(|coredns| coredns.process().status().is_some())
    }

    /// The kubelet starts a container again that was killed.
    fn start_again(&self) {
        let mut running = self.coredns.lock().unwrap();
        running.clear();
        let addresses: &[&str] = match self.world {
            World::Plain => &["127.0.0.1", "127.0.0.2"],
            _ => &["127.0.0.2"],
        };
        let coredns = coredns(&self.netns, addresses, self.trouble);
        if let Some(group) = &self.group {
            group.add(coredns.process().pid());
        }
        running.push(coredns);
    }
}

/// Servers that answer everything by themselves.
fn well(netns: &Netns) -> Vec<Process> {
    let start = |listen: &str| {
        let mut command = netns.command(env!("CARGO_BIN_EXE_fivedots-loadgen"));
        let process = Process::spawn(command.args(["upstream", "--listen", listen])).unwrap();
        process.wait_for_line(listen, PATIENCE).unwrap();
        process
    };
    ["127.0.0.1:5335", "127.0.0.2:5335"].map(start).into()
}

fn proxy(netns: &Netns) -> Process {
    let flags = ["--listen", "127.0.0.1:5335", "--upstream", "127.0.0.2:5335"];
    let mut command = netns.command(fivedots::program("fivedots").unwrap());
    // Its probes find a ring, as they do on a node.
    fivedots::serve(&mut command, "[loop]\nprobe_interval = \"5s\"\n", &flags).unwrap()
}

/// CoreDNS as in a cluster, with all Services that the scenarios look up.
fn coredns(netns: &Netns, addresses: &[&str], trouble: Trouble) -> Coredns {
    let bind = format!("bind {}", addresses.join(" "));
    let cache = match trouble {
        // Its memory has no other bound than the group's.
        Trouble::Memory(_) => "cache 3600 {\nsuccess 1000000\ndenial 1000000\n}\n",
        _ => "cache 30\n",
    };
    let common = format!("{bind}\nprometheus 127.0.0.1:9153\n{cache}");
    let exists = "template IN A cluster.local {\nmatch ^[a-z-]+[.](default|shop|data|kube-system)[.]svc[.]\n\
                  answer \"{{ .Name }} 30 IN A 10.96.0.1\"\nfallthrough\n}\n\
                  template IN AAAA cluster.local {\nmatch ^[a-z-]+[.](default|shop|data|kube-system)[.]svc[.]\n\
                  rcode NOERROR\nauthority \"cluster.local. 30 IN SOA ns.dns.cluster.local. h. 1 2 3 4 30\"\nfallthrough\n}\n";
    let denied = "template ANY ANY cluster.local {\nrcode NXDOMAIN\n\
                  authority \"cluster.local. 30 IN SOA ns.dns.cluster.local. h. 1 2 3 4 30\"\n}\n";
    let corefile = format!(
        "cluster.local:5335 {{\n{common}{exists}{denied}}}\n\
         ring.example:5335 {{\n{common}forward . 127.0.0.1:5355\n}}\n\
         .:5335 {{\n{common}forward . 127.0.0.1:5354\n}}\n"
    );
    let listen = SocketAddr::new(addresses[0].parse().unwrap(), 5335);
    Coredns::start_in(netns, listen, &corefile, &[]).unwrap()
}

/// Rules as kube-proxy makes them: the Service's address stands for one Pod.
fn service(netns: &Netns, world: World, pod: &str) {
    let addresses = match world {
        World::Plain => "{ 127.0.0.1, 127.0.0.2 }",
        _ => "127.0.0.2",
    };
    // The host of a Pod that is gone is silent.
    let dead = PODS.iter().find(|other| **other != pod).unwrap();
    let rules = format!(
        "table ip service\ndelete table ip service\ntable ip service {{\n chain output {{\n  \
         type nat hook output priority -100;\n  ip daddr {addresses} udp dport 5335 dnat to {pod}\n  \
         ip daddr {addresses} tcp dport 5335 dnat to {pod}\n }}\n chain input {{\n  \
         type filter hook input priority 0;\n  ip daddr {dead} drop\n }}\n}}\n"
    );
    must(netns.command("nft").arg(rules));
}

/// Rules that look at connections. What is asked of Fivedots skips them, as its own rules
/// have it where it takes over a node's DNS.
fn track(netns: &Netns, world: World) {
    let skipped = match world {
        World::Ours => {
            " chain raw_out {\n  type filter hook output priority -300;\n  \
             ip daddr 127.0.0.1 udp dport 5335 notrack\n  \
             ip saddr 127.0.0.1 udp sport 5335 notrack\n }\n \
             chain raw_in {\n  type filter hook prerouting priority -300;\n  \
             ip daddr 127.0.0.1 udp dport 5335 notrack\n  \
             ip saddr 127.0.0.1 udp sport 5335 notrack\n }\n"
        }
        _ => "",
    };
    let rules = format!(
        "table inet node {{\n{skipped} chain output {{\n  type filter hook output priority 0;\n  \
         ct state invalid drop\n }}\n}}\n"
    );
    must(netns.command("nft").arg(rules));
}

/// A cgroup of version 1 or 2 that bounds CoreDNS; removed when it is dropped.
struct Group {
    path: PathBuf,
}

impl Group {
    fn of(trouble: Trouble) -> Option<Self> {
        let root = PathBuf::from("/sys/fs/cgroup");
        let is_first = root.join("cpu").is_dir();
        let (controller, files): (&str, Vec<(&str, String)>) = match (trouble, is_first) {
            (Trouble::Cpu(thousandths), true) => {
                let quota = thousandths * PERIOD_US / 1_000;
                let files = vec![
                    ("cpu.cfs_period_us", PERIOD_US.to_string()),
                    ("cpu.cfs_quota_us", quota.to_string()),
                ];
                ("cpu", files)
            }
            (Trouble::Cpu(thousandths), false) => {
                let quota = thousandths * PERIOD_US / 1_000;
                ("", vec![("cpu.max", format!("{quota} {PERIOD_US}"))])
            }
            (Trouble::Memory(mib), true) => {
                ("memory", vec![("memory.limit_in_bytes", (mib << 20).to_string())])
            }
            (Trouble::Memory(mib), false) => ("", vec![("memory.max", (mib << 20).to_string())]),
            _ => return None,
        };
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("fivedots-causes-{}-{number}", std::process::id());
        let path = root.join(controller).join(name);
        fs::create_dir(&path).unwrap();
        for (file, value) in files {
            fs::write(path.join(file), value).unwrap();
        }
        Some(Self { path })
    }

    fn add(&self, pid: u32) {
        fs::write(self.path.join("cgroup.procs"), pid.to_string()).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its processes have ended, or will with the namespace.
        let is_gone = eventually(Duration::from_secs(1), || fs::remove_dir(&self.path).is_ok());
        // An empty group that is left harms nobody.
        let _left = !is_gone;
    }
}

/// Two Pods of CoreDNS.
const PODS: [&str; 2] = ["127.0.1.1", "127.0.1.2"];
/// How long a kubelet takes to see that a container has ended: it lists them each second.
const KUBELET: Duration = Duration::from_secs(1);
/// The period of a quota of CPU, the kernel's default.
const PERIOD_US: u32 = 100_000;
/// Enough for a start beside a busy compiler.
const PATIENCE: Duration = Duration::from_secs(20);
