//! The proxy of the demo: a child process, ready when `/readyz` is 200, and
//! stopped with us.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::error::DemoError;
use crate::sender::Stop;

/// A running proxy. It ends in Drop.
pub(super) struct Subject {
    child: Child,
    /// Where it answers.
    pub(super) listen: SocketAddr,
    /// Where it serves its page.
    pub(super) admin: SocketAddr,
    /// Its program, as it was given.
    pub(super) program: String,
    metrics: SocketAddr,
    log: PathBuf,
}

impl Subject {
    /// Starts `program` in front of `upstream`, with other servers for some `zones`, and
    /// waits until it is ready.
    pub(super) fn start(
        program: &Path,
        upstream: SocketAddr,
        zones: &[(&str, SocketAddr)],
        stop: &Stop,
    ) -> Result<Self, DemoError> {
        let shown = program.display().to_string();
        let failed = |error| DemoError::Start(shown.clone(), error);
        let ports = [free_port(), free_port(), free_port()];
        let [listen, metrics, admin] = ports;
        let (listen, metrics, admin) =
            (listen.map_err(failed)?, metrics.map_err(failed)?, admin.map_err(failed)?);
        let log = std::env::temp_dir().join(format!("fivedots-demo-{}.log", std::process::id()));
        let output = File::create(&log).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        let child = Command::new(program)
            .arg("run")
            .args(["--listen", &listen.to_string()])
            .args(["--upstream", &upstream.to_string()])
            .args(
                zones
                    .iter()
                    .map(|(zone, server)| format!("--zone={zone}={server}")),
            )
            .args(["--metrics", &metrics.to_string()])
            .args(["--admin", &admin.to_string()])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(failed)?;
        let mut subject = Self { child, listen, admin, program: shown.clone(), metrics, log };
        subject.wait_until_ready(stop)?;
        Ok(subject)
    }

    #[expect(clippy::disallowed_methods, reason = "waiting for another process, by a deadline")]
    fn wait_until_ready(&mut self, stop: &Stop) -> Result<(), DemoError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if is_ready(self.metrics) || stop.signal().is_some() {
                return Ok(());
            }
            if let Ok(Some(_)) = self.child.try_wait() {
                return Err(DemoError::Ended(self.program.clone(), self.said()));
            }
            if Instant::now() >= deadline {
                return Err(DemoError::NotReady(self.program.clone(), PATIENCE, self.said()));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits for what the proxy finds of its own node: it looks every ten seconds. `None`
    /// where it finds no cause.
    #[expect(clippy::disallowed_methods, reason = "waiting for another process, by a deadline")]
    pub(super) fn verdict(&self, stop: &Stop) -> Option<String> {
        let deadline = Instant::now() + VERDICT;
        loop {
            let answer = get(self.admin, "/api/v1/verdict").ok();
            let found = answer.as_deref().and_then(finding);
            if found.is_some() || Instant::now() >= deadline || stop.signal().is_some() {
                return found;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// What it wrote so far.
    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Each fails only if what it is for is done already.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
        fs::remove_file(&self.log).unwrap_or_default();
    }
}

/// Finds a port that is free for UDP and TCP. Another program may take it before
/// the proxy does; then the proxy ends with an error.
pub(super) fn free_port() -> io::Result<SocketAddr> {
    let mut last = io::Error::other("no port is free");
    for _ in 0..PORT_TRIES {
        let listener = TcpListener::bind(ANY_PORT)?;
        let addr = listener.local_addr()?;
        match UdpSocket::bind(addr) {
            Ok(_) => return Ok(addr),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Asks `GET /readyz`.
fn is_ready(metrics: SocketAddr) -> bool {
    get(metrics, "/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// The answer of a small page, with its head.
fn get(server: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer)?;
    Ok(answer)
}

/// The first cause of a verdict, its scope, and what shows it.
fn finding(answer: &str) -> Option<String> {
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let verdict: Value = serde_json::from_str(body).ok()?;
    let found = verdict.get("findings")?.get(0)?;
    let text = |key: &str| found.get(key)?.as_str().map(str::to_owned);
    let evidence = found
        .get("evidence")
        .and_then(|evidence| evidence.get(0)?.as_str());
    let evidence =
        evidence.map_or_else(String::new, |evidence| format!("\n                 {evidence}"));
    Some(format!("{}, {}{evidence}", text("title")?, text("scope_title")?))
}

/// A proxy that takes longer to start is broken.
const PATIENCE: Duration = Duration::from_secs(10);
/// For a verdict that has not come while the trouble was there.
const VERDICT: Duration = Duration::from_secs(6);
/// More than a verdict has.
const MAX_ANSWER: u64 = 1 << 20;
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);
/// How often a port free for both transports is looked for.
const PORT_TRIES: u32 = 64;
/// Loopback, and a port of the system's choice.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_its_first_cause() {
        let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nX: y\r\n\r\n{body}");
        let found = "{\"findings\": [{\"title\": \"a loop\", \"scope_title\": \"this node\", \
                     \"evidence\": [\"it came back\", \"twice\"]}]}";
        let shown = finding(&answer(found)).unwrap();
        assert_eq!(
            shown.split_whitespace().collect::<Vec<_>>().join(" "),
            "a loop, this node it came back"
        );
        assert_eq!(finding(&answer("{\"findings\": []}")), None);
        assert_eq!(finding("HTTP/1.1 403 Forbidden\r\n"), None);
    }
}
