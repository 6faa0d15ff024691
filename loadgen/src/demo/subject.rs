//! The proxy of the demo: a child process, ready when `/readyz` is 200, and
//! stopped with us.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    /// Starts `program` in front of `upstream`, and waits until it is ready.
    pub(super) fn start(
        program: &Path,
        upstream: SocketAddr,
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
            .args(["--zone", &format!("cluster.local={upstream}")])
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
fn free_port() -> io::Result<SocketAddr> {
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
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&metrics, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(start.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// A proxy that takes longer to start is broken.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two questions whether it is ready.
const PAUSE: Duration = Duration::from_millis(20);
/// How often a port free for both transports is looked for.
const PORT_TRIES: u32 = 64;
/// Loopback, and a port of the system's choice.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
