//! A running `fivedots` and what is known about it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use testbed::{Client, Process, eventually, port};

pub(crate) struct Proxy {
    pub(crate) process: Process,
    pub(crate) listen: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Proxy {
    /// Starts one in front of `upstream`, and waits until it is ready.
    pub(crate) fn start(upstream: SocketAddr, flags: &[&str]) -> Self {
        let listen = port::free(Ipv4Addr::LOCALHOST).unwrap();
        Self::start_on(listen, upstream, flags)
    }

    /// The same with a configuration file of these lines.
    pub(crate) fn configured(upstream: SocketAddr, lines: &str) -> Self {
        // Read once, at the start.
        let file = written(lines);
        Self::start(upstream, &["--config", file.path().to_str().unwrap()])
    }

    pub(crate) fn start_on(listen: SocketAddr, upstream: SocketAddr, flags: &[&str]) -> Self {
        let [metrics, admin] = [(); 2].map(|()| port::free(Ipv4Addr::LOCALHOST).unwrap());
        let mut command = Command::new(PROGRAM);
        command.arg("run").args(flags);
        let file = written("");
        if !flags.contains(&"--config") {
            command.arg("--config").arg(file.path());
        }
        for (flag, addr) in [
            ("--listen", listen),
            ("--upstream", upstream),
            ("--metrics", metrics),
            ("--admin", admin),
        ] {
            command.arg(flag).arg(addr.to_string());
        }
        let process = Process::spawn(&mut command).unwrap();
        process.wait_for_line("serving", SOON).unwrap();
        let proxy = Self { process, listen, metrics, admin };
        assert!(proxy.is_ready_within(SOON), "{}", proxy.process.output());
        proxy
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.listen)
    }

    pub(crate) fn is_ready_within(&self, within: Duration) -> bool {
        eventually(within, || get(self.metrics, "/readyz").0 == 200)
    }
}

/// A configuration file of these lines. Unless they say otherwise no probe is
/// sent, so that tests know what an upstream is asked.
fn written(lines: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let probes = if lines.contains("[loop]") { "" } else { "[loop]\nprobe_interval = \"0s\"" };
    std::fs::write(&file, format!("version = 1\n{lines}\n{probes}\n")).unwrap();
    file
}

/// Returns status and body of a page; status 0 when nobody listens.
pub(crate) fn get(addr: SocketAddr, path: &str) -> (u16, String) {
    let Ok(mut stream) = TcpStream::connect(addr) else { return (0, String::new()) };
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.unwrap_or_default(), body.to_owned())
}

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_fivedots");

pub(crate) const SOON: Duration = Duration::from_secs(10);
