//! Real stub resolvers beside the model: getaddrinfo of glibc and musl, and Go's.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::tally::{Asked, Names, Tally};

/// How one is built and called.
#[derive(Clone, Copy, Debug)]
struct Library {
    name: &'static str,
    compiler: &'static [&'static str],
    source: &'static str,
    text: &'static str,
}

const LIBRARIES: [Library; 3] = [
    Library { name: "glibc", compiler: &["gcc", "-O1", "-pthread"], source: "glibc.c", text: C },
    Library {
        name: "musl",
        compiler: &["musl-gcc", "-O1", "-static", "-pthread"],
        source: "musl.c",
        text: C,
    },
    Library {
        name: "go",
        compiler: &["env", "CGO_ENABLED=0", "go", "build"],
        source: "go.go",
        text: include_str!("../libraries/resolve.go"),
    },
];

/// Where a subject listens that libraries ask: they know no other port.
pub(crate) const SERVER: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 77, 0, 53)), 53);

const RESOLV_CONF: &str = "resolv.conf";

const C: &str = include_str!("../libraries/resolve.c");

/// The programs of all libraries; gone when it is dropped.
pub(crate) struct Programs {
    dir: tempfile::TempDir,
}

impl Programs {
    /// Builds them.
    ///
    /// # Errors
    ///
    /// When there is no compiler for one.
    pub(crate) fn build() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        for library in LIBRARIES {
            library.build(dir.path())?;
        }
        fs::write(dir.path().join(RESOLV_CONF), format!("nameserver {}\n", SERVER.ip()))?;
        Ok(Self { dir })
    }
}

/// Two processes of each library, in mount namespaces where the subject is the server of
/// /etc/resolv.conf.
pub(crate) struct Libraries {
    clients: Vec<Process>,
    tally: Arc<Tally>,
    names: Mutex<u32>,
}

struct Process {
    library: &'static str,
    /// The second of two asks for names of two clients only.
    is_second: bool,
    input: Option<ChildStdin>,
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Libraries {
    /// Starts them; the subject listens on [`SERVER`].
    ///
    /// # Errors
    ///
    /// When one cannot be started: there is no right to mount.
    pub(crate) fn start(programs: &Programs, tally: &Arc<Tally>) -> Result<Self> {
        let mut clients = Vec::new();
        for library in LIBRARIES {
            for is_second in [false, true] {
                clients.push(library.run(programs.dir.path(), is_second, tally)?);
            }
        }
        Ok(Self { clients, tally: Arc::clone(tally), names: Mutex::default() })
    }

    /// Their names.
    pub(crate) fn all() -> impl Iterator<Item = &'static str> {
        LIBRARIES.iter().map(|library| library.name)
    }

    /// Has each look up a name of its own.
    pub(crate) fn ask(&mut self, by: Asked, seen: Option<u64>) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        *names += u32::from(by == Asked::Once);
        let number = *names;
        drop(names);
        for client in &mut self.clients {
            if client.is_second && by == Asked::Once {
                continue;
            }
            let name = match seen {
                Some(n) => Names::seen(by, client.library, n),
                None => Names::fresh_of(by, client.library, number),
            };
            if let Some(input) = &mut client.input
                && writeln!(input, "{}", name.trim_end_matches('.')).is_err()
            {
                self.tally.lost(client.library);
            }
        }
    }

    /// Waits until all have answered.
    ///
    /// # Errors
    ///
    /// When one did not end well.
    pub(crate) fn end(mut self) -> Result<()> {
        for client in &mut self.clients {
            drop(client.input.take());
        }
        for client in &mut self.clients {
            let status = client.child.wait()?;
            client.reader.take().map(JoinHandle::join);
            if !status.success() {
                bail!("the client of {} ended with {status}", client.library);
            }
        }
        Ok(())
    }
}

impl Library {
    fn build(self, dir: &Path) -> Result<()> {
        let source = dir.join(self.source);
        fs::write(&source, self.text)?;
        let mut words = self.compiler.iter();
        let mut compiler = Command::new(words.next().copied().unwrap_or_default());
        compiler
            .args(words)
            .arg("-o")
            .arg(dir.join(self.name))
            .arg(&source);
        let output = compiler
            .output()
            .with_context(|| format!("no compiler for {}", self.name))?;
        if !output.status.success() {
            bail!("{}: {}", self.name, String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn run(self, dir: &Path, is_second: bool, tally: &Arc<Tally>) -> Result<Process> {
        let script = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]);
        command.arg(dir.join(RESOLV_CONF)).arg(dir.join(self.name));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.context("no output")?;
        let (tally, library) = (Arc::clone(tally), self.name);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                take(&line, library, &tally);
            }
        });
        Ok(Process { library, is_second, input, child, reader: Some(reader) })
    }
}

/// Counts `NAME MILLISECONDS ok` or `... failed`.
fn take(line: &str, library: &'static str, tally: &Tally) {
    let words: Vec<_> = line.split(' ').collect();
    let &[name, millis, outcome] = words.as_slice() else { return tally.lost(library) };
    let Ok(millis) = millis.parse() else { return tally.lost(library) };
    tally.library(library, name, (Duration::from_millis(millis), outcome == "ok"));
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        // It has ended already, unless something failed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
