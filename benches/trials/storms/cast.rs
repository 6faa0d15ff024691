//! Who plays in a storm beside the subject and its clients: upstreams, a relay, another
//! client, the log, resolv.conf.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use dns::Rtype;
use upstream::{ResponseCode, Rule, Script, TcpMode, Upstream, Wrong};

use super::storm::Storm;
use super::tally::ZONE;
use super::{icmp, relay::Relay};
use crate::flood::{Flood, question};
use crate::subject::CommonArgs;
use crate::subject::{Kind, Setup, Subject, Zone};

/// All of them; gone when it is dropped.
pub(crate) struct Cast {
    storm: Storm,
    upstreams: Vec<Upstream>,
    addrs: Vec<SocketAddr>,
    /// What upstreams were asked that are gone.
    asked_before: u64,
    relay: Option<Relay>,
    flood: Option<Flood>,
    /// The other end of the subject's log.
    log: Option<File>,
    dir: tempfile::TempDir,
}

impl Cast {
    /// Starts what a storm needs, while all is well.
    ///
    /// # Errors
    ///
    /// Those of its sockets.
    pub(crate) fn of(storm: Storm) -> Result<Self> {
        let two = matches!(
            storm,
            Storm::OneSilent | Storm::OneRefuses | Storm::OneFails | Storm::OneSlow
        );
        let listen = if storm == Storm::ResolvConf { RESOLVERS[0] } else { ANY };
        let mut upstreams = vec![serve(listen, &fair(storm), TcpMode::Serve)?];
        if two {
            upstreams.push(serve(ANY, &fair(storm), TcpMode::Serve)?);
        }
        let addrs = upstreams.iter().map(Upstream::addr).collect();
        let loops = matches!(storm, Storm::Loop | Storm::LogFull);
        let relay = loops.then(Relay::start).transpose()?;
        let dir = tempfile::tempdir()?;
        let flood = None;
        Ok(Self { storm, upstreams, addrs, asked_before: 0, relay, flood, log: None, dir })
    }

    /// Starts a subject in front of it; at a port of its own without `addr`.
    ///
    /// # Errors
    ///
    /// As [`Kind::start`].
    pub(crate) fn start(
        &mut self,
        kind: Kind,
        addr: Option<SocketAddr>,
        args: &CommonArgs,
    ) -> Result<Subject> {
        let mut zones = vec![Zone { suffix: ".", upstreams: self.addrs.clone(), tcp: false }];
        if let Some(relay) = &self.relay {
            zones.push(Zone::udp(LOOP, relay.addr()));
        }
        let warm = format!("warm.{ZONE}");
        let [resolv_conf, log] = ["resolv.conf", "log"].map(|name| self.dir.path().join(name));
        let mut setup = Setup { zones: &zones, warm: &warm, addr, ..Setup::default() };
        let api = self.kubeconfig()?;
        match self.storm {
            Storm::ResolvConf => {
                write_resolv_conf(&resolv_conf, RESOLVERS[0])?;
                setup.zones = &[];
                setup.resolv_conf = Some(&resolv_conf);
            }
            Storm::LogFull => {
                self.log = Some(pipe(&log)?);
                setup.log = Some(&log);
            }
            Storm::ApiAway => setup.more = &api,
            _ => {}
        }
        let subject = kind.start(&setup, args)?;
        if let Some(relay) = &self.relay {
            relay.forward_to(subject.addr);
        }
        Ok(subject)
    }

    /// Lets the trouble begin.
    ///
    /// # Errors
    ///
    /// When this machine cannot play it.
    pub(crate) fn begin(&mut self, storm: Storm, subject: &Subject) -> Result<()> {
        let second = self.upstreams.last();
        let change =
            |rule: Rule| second.map_or(Ok(()), |second| second.set_script(&fair(storm).rule(rule)));
        match storm {
            Storm::AwaySecond | Storm::AwayMinute | Storm::AwayLong | Storm::OneSilent => {
                change(Rule::any().silence())?;
            }
            Storm::Herd => {
                change(Rule::any().silence())?;
                let name = |n| format!("herd-{n}.{ZONE}");
                let make = move |n| question(n, &name(n), Rtype::A);
                self.flood = Some(Flood::start(subject.addr, 2_000, make)?);
            }
            Storm::OneFails => change(Rule::any().rcode(ResponseCode::ServFail))?,
            Storm::OneSlow => change(Rule::any().delay(Duration::from_millis(300)))?,
            Storm::IcmpForged => change(Rule::any().delay(Duration::from_millis(150)))?,
            Storm::WrongIds => {
                change(
                    Rule::any()
                        .udp()
                        .wrong_then_right(Wrong::Id, Duration::from_millis(50)),
                )?;
            }
            Storm::OneRefuses => self.stop_last(),
            Storm::SynDropped => self.restart(storm, TcpMode::BlackHole)?,
            Storm::TcpClosed => self.restart(storm, TcpMode::Refuse)?,
            Storm::ResolvConf => {
                self.stop_last();
                self.upstreams
                    .push(serve(RESOLVERS[1], &fair(storm), TcpMode::Serve)?);
                write_resolv_conf(&self.dir.path().join("resolv.conf"), RESOLVERS[1])?;
            }
            Storm::LogFull => self.fill_log()?,
            Storm::SocketsDestroyed | Storm::ApiAway | Storm::Reload | Storm::Loop => {}
        }
        if matches!(storm, Storm::Loop | Storm::LogFull) {
            let name = |n| format!("lap-{n}.{LOOP}");
            let make = move |n| question(n, &name(n), Rtype::A);
            self.flood = Some(Flood::start(subject.addr, 10, make)?);
        }
        Ok(())
    }

    /// Strikes once more.
    ///
    /// # Errors
    ///
    /// When this machine cannot play it.
    pub(crate) fn go_on(&self, storm: Storm, subject: &Subject, step: u32) -> Result<()> {
        match storm {
            Storm::SocketsDestroyed => self.destroy_sockets(),
            Storm::IcmpForged => {
                let upstream = self.addrs.first().copied().unwrap_or(ANY);
                icmp::forge(Ipv4Addr::LOCALHOST, upstream)
            }
            Storm::Reload if step < 20 => {
                let signal = if subject.kind == Kind::Coredns { "USR1" } else { "HUP" };
                // One that has ended is seen by its clients.
                subject.process.signal(signal).or(Ok(()))
            }
            _ => Ok(()),
        }
    }

    /// Lets all be well again.
    ///
    /// # Errors
    ///
    /// When a server cannot be started again.
    pub(crate) fn end(&mut self, storm: Storm) -> Result<()> {
        match storm {
            Storm::OneRefuses => {
                let addr = self.addrs.last().copied().unwrap_or(ANY);
                self.upstreams
                    .push(serve(addr, &fair(storm), TcpMode::Serve)?);
            }
            Storm::SynDropped | Storm::TcpClosed => self.restart(storm, TcpMode::Serve)?,
            _ => {
                for upstream in &self.upstreams {
                    upstream.set_script(&fair(storm))?;
                }
            }
        }
        Ok(())
    }

    /// How many queries the upstreams got, or in a loop how many laps there were.
    pub(crate) fn asked(&self) -> u64 {
        let laps = self.relay.as_ref().filter(|_| self.storm == Storm::Loop);
        let upstreams = || self.upstreams.iter().map(Upstream::total).sum::<u64>();
        laps.map_or_else(|| self.asked_before + upstreams(), Relay::passed)
    }

    /// How many queries another client sent.
    pub(crate) fn floods(&self) -> u64 {
        self.flood.as_ref().map_or(0, Flood::sent)
    }

    fn stop_last(&mut self) {
        if let Some(gone) = self.upstreams.pop() {
            self.asked_before += gone.total();
        }
    }

    /// The last server again at its address, with another way to treat connections.
    fn restart(&mut self, storm: Storm, mode: TcpMode) -> Result<()> {
        let addr = self.upstreams.last().map_or(ANY, Upstream::addr);
        self.stop_last();
        self.upstreams.push(serve(addr, &fair(storm), mode)?);
        Ok(())
    }

    fn destroy_sockets(&self) -> Result<()> {
        for addr in &self.addrs {
            let filter = format!("dport = :{}", addr.port());
            let mut ss = Command::new("ss");
            ss.args(["-K", "-u", "-n", "dst", &addr.ip().to_string(), "and", &filter]);
            let output = ss.stdin(Stdio::null()).output()?;
            if !output.status.success() {
                bail!("ss -K: {}", String::from_utf8_lossy(&output.stderr).trim_end());
            }
        }
        Ok(())
    }

    /// Writes until nothing fits.
    fn fill_log(&mut self) -> Result<()> {
        let Some(log) = &mut self.log else { bail!("there is no log") };
        while log.write(&[b'.'; 1_024]).is_ok() {}
        while log.write(b".").is_ok() {}
        Ok(())
    }

    /// Lines of our configuration, and a file that they name.
    fn kubeconfig(&self) -> Result<String> {
        let path = self.dir.path().join("kubeconfig");
        fs::write(&path, KUBECONFIG)?;
        let path = path.display();
        Ok(format!("[kubernetes]\nenabled = \"always\"\nnode = \"n\"\nkubeconfig = \"{path}\"\n"))
    }
}

/// A server that does what it should.
fn fair(storm: Storm) -> Script {
    let zone = upstream::Zone::new(ZONE)
        .flags(upstream::Flags::RECURSIVE)
        .negative_ttl(1)
        .synthesize(1);
    let script = Script::new().zone(zone);
    match storm {
        Storm::SynDropped | Storm::TcpClosed => script.rule(Rule::any().udp().truncated()),
        _ => script,
    }
}

fn serve(addr: SocketAddr, script: &Script, mode: TcpMode) -> Result<Upstream> {
    Upstream::builder()
        .listen(addr)
        .script(script.clone())
        .tcp(mode)
        .start()
}

fn write_resolv_conf(path: &PathBuf, server: SocketAddr) -> Result<()> {
    Ok(fs::write(path, format!("nameserver {}\n", server.ip()))?)
}

/// A pipe with a name, whose other end is held open and not read.
fn pipe(path: &PathBuf) -> Result<File> {
    let status = Command::new("mkfifo").arg(path).status()?;
    if !status.success() {
        bail!("mkfifo: {status}");
    }
    let mut options = OpenOptions::new();
    Ok(options
        .read(true)
        .write(true)
        .custom_flags(O_NONBLOCK)
        .open(path)?)
}

/// A port on loopback that is free.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// The servers of resolv.conf, which has no ports: one before, one after.
const RESOLVERS: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 77, 0, 1)), 53),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 77, 0, 2)), 53),
];
/// Names whose upstream is the relay.
const LOOP: &str = "loop.test.";
/// From asm-generic/fcntl.h.
const O_NONBLOCK: i32 = 0o4000;
/// An API at a port where nothing listens.
const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: \
    [{name: c, cluster: {server: 'https://127.0.0.1:9'}}]\ncontexts: [{name: c, context: \
    {cluster: c, user: u}}]\nusers: [{name: u, user: {token: t}}]\n";
