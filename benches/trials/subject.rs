//! The servers on trial, each configured as its users would.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use testbed::client::ResponseCode;
use testbed::{Client, Process, coredns, query};

use crate::vitals::Cgroup;

/// A server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Kind {
    /// Ours
    Fivedots,
    /// CoreDNS with `cache`, `errors` and `forward`
    Coredns,
    /// Unbound with two threads
    Unbound,
}

/// What all trials take.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CommonArgs {
    /// Only these subjects; those that are not installed are left out
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) subjects: Vec<Kind>,
    /// Each subject in a cgroup of 128 MiB, where one can be made
    #[arg(long)]
    pub(crate) cgroup: bool,
    /// The limit of open files of each subject
    #[arg(long, value_name = "COUNT")]
    pub(crate) nofile: Option<u32>,
    /// Where the result goes as well
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Where the program `fivedots` is
    #[arg(long, hide = true)]
    pub(crate) programs: PathBuf,
}

/// Names that are forwarded to the same upstreams.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    pub(crate) suffix: &'static str,
    pub(crate) upstreams: Vec<SocketAddr>,
    pub(crate) tcp: bool,
}

impl Zone {
    pub(crate) fn udp(suffix: &'static str, upstream: SocketAddr) -> Self {
        Self { suffix, upstreams: vec![upstream], tcp: false }
    }

    pub(crate) fn tcp(suffix: &'static str, upstream: SocketAddr) -> Self {
        Self { tcp: true, ..Self::udp(suffix, upstream) }
    }
}

/// What a subject is started with beside its addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup<'a> {
    /// Without any, what resolv.conf has.
    pub(crate) zones: &'a [Zone],
    /// A name that exists.
    pub(crate) warm: &'a str,
    /// More lines for our configuration.
    pub(crate) more: &'a str,
    /// Stands in place of /etc/resolv.conf.
    pub(crate) resolv_conf: Option<&'a Path>,
    /// Takes its output.
    pub(crate) log: Option<&'a Path>,
    /// Where it listens; without it, on loopback at a port that is free.
    pub(crate) addr: Option<SocketAddr>,
}

/// A server that runs; it is stopped when it is dropped.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    /// Where it answers DNS.
    pub(crate) addr: SocketAddr,
    /// Where probes go, and whither: none where it has no HTTP.
    pub(crate) probe: Option<(SocketAddr, &'static str)>,
    /// Its API, which ours alone has.
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) process: Process,
    // In this order: the process ends first.
    _group: Option<Cgroup>,
    _dir: tempfile::TempDir,
}

impl Kind {
    /// All that are wanted and installed.
    pub(crate) fn wanted(args: &CommonArgs) -> Vec<Self> {
        let all = Self::value_variants().iter().copied();
        all.filter(|kind| args.subjects.is_empty() || args.subjects.contains(kind))
            .filter(|kind| kind.program(&args.programs).is_some())
            .collect()
    }

    /// Its name on the command line and in the report.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    fn program(self, programs: &Path) -> Option<PathBuf> {
        match self {
            Self::Fivedots => Some(programs.join("fivedots")),
            Self::Coredns => coredns::binary().ok(),
            Self::Unbound => ["/usr/sbin/unbound", "/usr/local/sbin/unbound"]
                .iter()
                .map(PathBuf::from)
                .find(|path| path.is_file()),
        }
    }

    /// Starts it, and waits until it answers for `warm`.
    ///
    /// # Errors
    ///
    /// When it does not start; its output is shown.
    pub(crate) fn start(self, setup: &Setup<'_>, args: &CommonArgs) -> Result<Subject> {
        let addr = match setup.addr {
            Some(addr) => addr,
            None => testbed::port::free(SERVER)?,
        };
        let [http, admin] = [testbed::port::free(SERVER)?, testbed::port::free(SERVER)?];
        let dir = tempfile::tempdir()?;
        let program = self
            .program(&args.programs)
            .context("it is not installed")?;
        let mut command = wrapped(&program, setup, args.nofile);
        self.configure(&mut command, Addresses { addr, http, admin }, setup, dir.path())?;
        let group = args.cgroup.then(|| Cgroup::of(MEMORY)).transpose()?;
        let process = Process::spawn(command.current_dir(dir.path()))?;
        if let Some(group) = &group {
            group.add(process.pid())?;
        }
        let client = Client::new(addr)
            .from(NEIGHBOR)
            .timeout(Duration::from_secs(1));
        let answers = || {
            client
                .udp(&query(setup.warm, "A"))
                .is_ok_and(|reply| reply.metadata.response_code == ResponseCode::NoError)
        };
        if !testbed::eventually(START, answers) {
            bail!("{} does not answer; its output:\n{}", self.name(), process.output());
        }
        let probe = match self {
            Self::Fivedots => Some((http, "/livez")),
            Self::Coredns => Some((http, "/health")),
            Self::Unbound => None,
        };
        let admin = (self == Self::Fivedots).then_some(admin);
        Ok(Subject { kind: self, addr, probe, admin, process, _group: group, _dir: dir })
    }

    fn configure(
        self,
        command: &mut Command,
        addresses: Addresses,
        setup: &Setup<'_>,
        dir: &Path,
    ) -> Result<()> {
        let config = dir.join("config");
        match self {
            Self::Fivedots => {
                fs::write(&config, fivedots(addresses, setup)?)?;
                command.args(["run", "--config"]).arg(&config);
            }
            Self::Coredns => fs::write(dir.join("Corefile"), corefile(addresses, setup)?)?,
            Self::Unbound => {
                fs::write(&config, unbound(addresses, setup.zones)?)?;
                command.args(["-d", "-c"]).arg(&config);
            }
        }
        Ok(())
    }
}

/// Where a subject listens.
#[derive(Clone, Copy)]
struct Addresses {
    addr: SocketAddr,
    http: SocketAddr,
    admin: SocketAddr,
}

/// The program with a limit of open files, its output and its resolv.conf. Each of the
/// programs before it becomes the next one, so that there is one process.
fn wrapped(program: &Path, setup: &Setup<'_>, nofile: Option<u32>) -> Command {
    let mut words: Vec<OsString> = Vec::new();
    if let Some(nofile) = nofile {
        words.extend(["prlimit".into(), format!("--nofile={nofile}:{nofile}").into()]);
    }
    if let Some(file) = setup.resolv_conf {
        let script = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
        words.extend(["unshare", "--mount", "sh", "-c", script].map(OsString::from));
        words.push(file.into());
    }
    if let Some(file) = setup.log {
        words.extend(["sh", "-c", "exec \"$@\" >\"$0\" 2>&1"].map(OsString::from));
        words.push(file.into());
    }
    words.push(program.into());
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

fn fivedots(addresses: Addresses, setup: &Setup<'_>) -> Result<String> {
    let Addresses { addr, http, admin } = addresses;
    let mut text = format!(
        "version = 1\nlisten = [\"{addr}\"]\nworkers = 2\nmetrics = \"{http}\"\nadmin = \"{admin}\"\n"
    );
    for zone in setup.zones {
        let upstreams: Vec<_> = zone.upstreams.iter().map(ToString::to_string).collect();
        let transport = if zone.tcp { "tcp" } else { "udp" };
        writeln!(text, "[[zone]]\nsuffix = \"{}\"", zone.suffix)?;
        writeln!(text, "upstreams = {upstreams:?}\ntransport = \"{transport}\"")?;
    }
    text.push_str(setup.more);
    Ok(text)
}

fn corefile(addresses: Addresses, setup: &Setup<'_>) -> Result<String> {
    let Addresses { addr, http, .. } = addresses;
    let mut text = String::new();
    if setup.zones.is_empty() {
        let (ip, port) = (addr.ip(), addr.port());
        writeln!(text, ".:{port} {{\n  bind {ip}\n  health {http}\n  errors\n  cache")?;
        writeln!(text, "  forward . /etc/resolv.conf\n}}")?;
    }
    for zone in setup.zones {
        let upstreams: Vec<_> = zone.upstreams.iter().map(ToString::to_string).collect();
        let health = if zone.suffix == "." { format!("health {http}") } else { String::new() };
        let tcp = if zone.tcp { "force_tcp" } else { "" };
        writeln!(text, "{}:{} {{\n  bind {}\n  {health}", zone.suffix, addr.port(), addr.ip())?;
        writeln!(text, "  errors\n  cache\n  forward . {} {{\n    {tcp}", upstreams.join(" "))?;
        writeln!(text, "  }}\n}}")?;
    }
    Ok(text)
}

fn unbound(addresses: Addresses, zones: &[Zone]) -> Result<String> {
    let (ip, port) = (addresses.addr.ip(), addresses.addr.port());
    let mut text = format!(
        "server:\n  interface: {ip}\n  port: {port}\n  num-threads: 2\n  chroot: \"\"\n  username: \"\"\n  \
         use-syslog: no\n  logfile: \"\"\n  verbosity: 0\n  do-daemonize: no\n  pidfile: \"\"\n  \
         do-not-query-localhost: no\n  module-config: \"iterator\"\n  access-control: 127.0.0.0/8 allow\n  \
         qname-minimisation: no\n  local-zone: \"test.\" nodefault\nremote-control:\n  control-enable: no\n"
    );
    for zone in zones {
        writeln!(text, "forward-zone:\n  name: \"{}\"", zone.suffix)?;
        for upstream in &zone.upstreams {
            writeln!(text, "  forward-addr: {}@{}", upstream.ip(), upstream.port())?;
        }
        writeln!(text, "  forward-tcp-upstream: {}", if zone.tcp { "yes" } else { "no" })?;
    }
    Ok(text)
}

/// Where subjects listen.
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The client that behaves.
pub(crate) const NEIGHBOR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

/// The limit of a cgroup, as a DaemonSet would have it.
pub(crate) const MEMORY: u64 = 128 << 20;

/// Enough for a start beside a busy compiler.
const START: Duration = Duration::from_secs(20);
