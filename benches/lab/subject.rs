//! The servers under comparison, each as its users would run it: two threads,
//! room for 200,000 answers, metrics on where it has them.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use testbed::{Process, coredns};

use crate::network::Network;
use crate::serve::Mode;

/// A server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Kind {
    /// The floor: sends each query back, in the batches of the proxy
    Echo,
    /// The floor at low rates: one datagram at a time
    BlockingEcho,
    /// Ours
    Fivedots,
    /// Another build of ours, from `--beside`
    #[value(skip)]
    FivedotsBefore,
    /// CoreDNS 1.14.4 with `cache` and `forward`
    Coredns,
    /// Unbound, two threads
    Unbound,
    /// dnsdist with a packet cache and recvmmsg
    Dnsdist,
    /// Knot Resolver as a forwarder
    Knot,
}

/// How a server reaches its upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum UpstreamTransport {
    Udp,
    Tcp,
}

/// Our own programs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Programs<'a> {
    /// The folder of this build.
    pub(crate) folder: &'a Path,
    /// The `fivedots` of another build, to be compared with this one.
    pub(crate) before: Option<&'a Path>,
}

impl Programs<'_> {
    /// The load generator.
    pub(crate) fn loadgen(self) -> PathBuf {
        self.folder.join("fivedots-loadgen")
    }
}

/// What a server is started with beside its address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubjectOptions<'a> {
    pub(crate) programs: Programs<'a>,
    pub(crate) upstream: SocketAddr,
    pub(crate) over: UpstreamTransport,
}

/// A server that runs; it is stopped when it is dropped.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    pub(crate) addr: SocketAddr,
    pub(crate) process: Process,
    pub(crate) idle_bytes: u64,
    _dir: tempfile::TempDir,
}

impl Kind {
    /// Its name on the command line and in the report.
    pub(crate) fn name(self) -> String {
        if self == Self::FivedotsBefore {
            return "fivedots (before)".to_owned();
        }
        let value = self.to_possible_value();
        value
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Whether it has no cache and no upstream.
    pub(crate) const fn is_floor(self) -> bool {
        matches!(self, Self::Echo | Self::BlockingEcho)
    }

    /// Whether it can be configured to query its upstream over TCP alone.
    pub(crate) const fn forwards_over_tcp(self) -> bool {
        matches!(self, Self::Fivedots | Self::FivedotsBefore | Self::Coredns | Self::Unbound)
    }

    /// The program, if it is installed.
    pub(crate) fn program(self, programs: Programs<'_>) -> Option<PathBuf> {
        let installed = |name: &str| {
            ["/usr/sbin", "/usr/bin", "/usr/local/bin"]
                .iter()
                .map(|dir| Path::new(dir).join(name))
                .find(|path| path.is_file())
        };
        match self {
            Self::Echo | Self::BlockingEcho => std::env::current_exe().ok(),
            Self::Fivedots => Some(programs.folder.join("fivedots")),
            Self::FivedotsBefore => programs.before.map(Path::to_path_buf),
            Self::Coredns => coredns::binary().ok(),
            Self::Unbound => installed("unbound"),
            Self::Dnsdist => installed("dnsdist"),
            Self::Knot => installed("kresd"),
        }
    }

    /// Starts it on a free port of the network's servers.
    ///
    /// # Errors
    ///
    /// When it is not installed, or does not answer; its output is shown.
    pub(crate) fn start(
        self,
        network: &Network,
        port: u16,
        options: SubjectOptions<'_>,
    ) -> Result<Subject> {
        let addr = SocketAddr::new(network.server_ip(), port);
        let program = self
            .program(options.programs)
            .with_context(|| format!("{} is not installed", self.name()))?;
        let dir = tempfile::tempdir()?;
        let mut command = network.server(&program);
        self.configure(&mut command, addr, dir.path(), options)?;
        let process = Process::spawn(command.current_dir(dir.path()))?;
        wait_until_it_answers(&process, network, addr, options.programs).with_context(|| {
            format!("the output of {} on {addr}:\n{}", self.name(), process.output())
        })?;
        let idle_bytes = crate::cpu::resident(process.pid())?;
        Ok(Subject { kind: self, addr, process, idle_bytes, _dir: dir })
    }

    fn configure(
        self,
        command: &mut Command,
        addr: SocketAddr,
        dir: &Path,
        options: SubjectOptions<'_>,
    ) -> Result<()> {
        let SubjectOptions { upstream, over, .. } = options;
        let (ip, port) = (addr.ip(), addr.port());
        let tcp = over == UpstreamTransport::Tcp;
        let config = dir.join("config");
        match self {
            Self::Echo | Self::BlockingEcho => {
                let mode = if self == Self::Echo { Mode::Echo } else { Mode::BlockingEcho };
                let mode = mode.to_possible_value().context("a hidden mode")?;
                command.args(["serve", "--listen", &addr.to_string(), "--mode", mode.get_name()]);
            }
            Self::Fivedots | Self::FivedotsBefore => {
                let zone = format!(".={upstream}{}", if tcp { "+tcp" } else { "" });
                let (metrics, admin) = (format!("{ip}:{}", port + 1), format!("{ip}:{}", port + 2));
                command.args(["run", "--listen", &addr.to_string(), "--zone", &zone]);
                command.args(["--metrics", &metrics, "--admin", &admin, "--workers", "2"]);
            }
            Self::Coredns => fs::write(dir.join("Corefile"), corefile(ip, port, upstream, tcp))?,
            Self::Unbound => {
                fs::write(&config, unbound(ip, port, upstream, tcp))?;
                command.args(["-d", "-c"]).arg(&config);
            }
            Self::Dnsdist => {
                fs::write(&config, dnsdist(addr, upstream))?;
                command
                    .args(["--supervised", "--disable-syslog", "-C"])
                    .arg(&config);
            }
            Self::Knot => {
                fs::write(&config, knot(ip, port, upstream))?;
                command.args(["-n", "-q", "-c"]).arg(&config).arg(dir);
            }
        }
        Ok(())
    }
}

/// Asks until there is an answer, from where the clients are.
fn wait_until_it_answers(
    process: &Process,
    network: &Network,
    addr: SocketAddr,
    programs: Programs<'_>,
) -> Result<()> {
    let mut ended = false;
    let answered = testbed::eventually(Duration::from_secs(20), || {
        ended = process.status().is_some();
        let mut client = network.client(&programs.loadgen());
        client.args(["quick", &addr.to_string(), "--rate", "20", "--for", "100ms"]);
        client.args(["--allow", "10.77.9.0/24", "n0.default.svc.cluster.local"]);
        ended || client.output().is_ok_and(|output| output.status.success())
    });
    if ended || !answered {
        bail!("it does not answer");
    }
    Ok(())
}

fn corefile(ip: IpAddr, port: u16, upstream: SocketAddr, tcp: bool) -> String {
    let force = if tcp { "force_tcp" } else { "" };
    format!(
        ".:{port} {{\n  bind {ip}\n  prometheus {ip}:{}\n  cache 3600 {{\n    success 200000 3600 0\n    \
         denial 200000 1800 0\n  }}\n  forward . {upstream} {{\n    {force}\n  }}\n}}\n",
        port + 1
    )
}

fn unbound(ip: IpAddr, port: u16, upstream: SocketAddr, tcp: bool) -> String {
    let tcp = if tcp { "yes" } else { "no" };
    let (upstream_ip, upstream_port) = (upstream.ip(), upstream.port());
    format!(
        "server:\n  interface: {ip}\n  port: {port}\n  num-threads: 2\n  so-reuseport: yes\n  chroot: \"\"\n  \
         username: \"\"\n  use-syslog: no\n  logfile: \"\"\n  verbosity: 0\n  do-daemonize: no\n  pidfile: \"\"\n  \
         do-not-query-localhost: no\n  module-config: \"iterator\"\n  access-control: 0.0.0.0/0 allow\n  \
         msg-cache-size: 128m\n  rrset-cache-size: 128m\n  cache-min-ttl: 0\n  outgoing-range: 4096\n  \
         num-queries-per-thread: 2048\n  qname-minimisation: no\n  tcp-upstream: {tcp}\n  local-zone: \"local.\" nodefault\n\
         remote-control:\n  control-enable: no\n\
         forward-zone:\n  name: \".\"\n  forward-addr: {upstream_ip}@{upstream_port}\n"
    )
}

fn dnsdist(addr: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "setLocal('{addr}', {{reusePort=true}})\naddLocal('{addr}', {{reusePort=true}})\n\
         setACL({{'0.0.0.0/0'}})\nsetSecurityPollSuffix('')\nsetUDPMultipleMessagesVectorSize(32)\n\
         newServer({{address='{upstream}', healthCheckMode='up'}})\n\
         pc = newPacketCache(200000, {{maxTTL=3600, minTTL=0, numberOfShards=20}})\n\
         getPool(''):setCache(pc)\n"
    )
}

fn knot(ip: IpAddr, port: u16, upstream: SocketAddr) -> String {
    let (upstream_ip, upstream_port) = (upstream.ip(), upstream.port());
    format!(
        "net.listen('{ip}', {port}, {{ kind = 'dns' }})\ncache.size = 100 * MB\ncache.min_ttl(0)\n\
         trust_anchors.remove('.')\nmodules.unload('ta_update')\n\
         policy.add(policy.all(policy.STUB({{'{upstream_ip}@{upstream_port}'}})))\n"
    )
}
