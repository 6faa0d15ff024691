//! A program under test: its output as lines, its end with a deadline.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::wait::eventually;

/// A running program; killed, and waited for, when it is dropped.
pub struct Process {
    name: String,
    child: Mutex<Child>,
    lines: Arc<Lines>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

impl Process {
    /// Starts the program without standard input, and reads both its outputs.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let lines = Arc::new(Lines::default());
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|out| Box::new(out) as _),
            child.stderr.take().map(|out| Box::new(out) as _),
        ];
        let read = |output: Box<dyn Read + Send>| {
            let lines = Arc::clone(&lines);
            std::thread::spawn(move || lines.read(output))
        };
        let readers = outputs.into_iter().flatten().map(read).collect();
        Ok(Self { name, child: Mutex::new(child), lines, readers })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child().id()
    }

    /// Waits for a line of either output that contains `needle`, also one that
    /// came before, and returns it.
    ///
    /// # Errors
    ///
    /// When time runs out or the outputs end; its output is shown.
    pub fn wait_for_line(&self, needle: &str, within: Duration) -> Result<String> {
        let outputs = self.readers.len();
        match self.lines.wait_for(needle, outputs, within) {
            Some(line) => Ok(line),
            None => bail!("{} did not print {needle:?}; its output:\n{}", self.name, self.output()),
        }
    }

    /// Waits until a TCP connection to `addr` succeeds.
    ///
    /// # Errors
    ///
    /// When time runs out or the program ends; its output is shown.
    pub fn wait_for_port(&self, addr: SocketAddr, within: Duration) -> Result<()> {
        let mut ended = false;
        let connected = eventually(within, || {
            ended = self.status().is_some();
            ended || TcpStream::connect_timeout(&addr, within).is_ok()
        });
        if connected && !ended {
            return Ok(());
        }
        bail!("{} does not listen on {addr}; its output:\n{}", self.name, self.output())
    }

    /// The latest lines of both outputs, each line in the order it was read.
    pub fn output(&self) -> String {
        let state = self.lines.lock();
        state.lines.iter().flat_map(|line| [line, "\n"]).collect()
    }

    /// Sends a signal by its name, as `TERM` or `STOP`.
    ///
    /// # Errors
    ///
    /// When the program has ended, or `kill` does not know the name.
    pub fn signal(&self, name: &str) -> Result<()> {
        // The lock keeps the process from being reaped, so the id is its own.
        let mut child = self.child();
        if let Some(status) = child.try_wait()? {
            bail!("{} has ended already: {status}", self.name);
        }
        let mut kill = Command::new("kill");
        kill.args(["-s", name, &child.id().to_string()]);
        match kill.status().context("cannot start kill")? {
            status if status.success() => Ok(()),
            status => bail!("kill -s {name} of {}: {status}", self.name),
        }
    }

    /// The exit status, if the program has ended.
    pub fn status(&self) -> Option<ExitStatus> {
        self.child().try_wait().ok().flatten()
    }

    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// When the program still runs after `within`; its output is shown.
    pub fn wait(&self, within: Duration) -> Result<ExitStatus> {
        let mut status = None;
        let ended = eventually(within, || {
            status = self.status();
            status.is_some()
        });
        match status {
            Some(status) if ended => {
                self.lines.wait_for_end(self.readers.len());
                Ok(status)
            }
            _ => bail!("{} still runs after {within:?}; its output:\n{}", self.name, self.output()),
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child();
        // Fails when it has ended already, which is what we want.
        child.kill().unwrap_or_default();
        child.wait().ok();
        // The readers end with the outputs. A grandchild may hold those open,
        // so they are not waited for.
    }
}

/// The output of a program.
#[derive(Default)]
struct Lines {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    ended: usize,
}

impl State {
    fn find(&self, needle: &str) -> Option<&String> {
        self.lines.iter().find(|line| line.contains(needle))
    }
}

impl Lines {
    fn read(&self, output: impl Read) {
        for line in BufReader::new(output).split(b'\n') {
            let Ok(line) = line else { break };
            let mut state = self.lock();
            if state.lines.len() == LINES_CAPACITY {
                state.lines.pop_front();
            }
            state
                .lines
                .push_back(String::from_utf8_lossy(&line).into_owned());
            drop(state);
            self.changed.notify_all();
        }
        self.lock().ended += 1;
        self.changed.notify_all();
    }

    fn wait_for(&self, needle: &str, outputs: usize, within: Duration) -> Option<String> {
        let waiting = |state: &mut State| state.find(needle).is_none() && state.ended < outputs;
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), within, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        state.find(needle).cloned()
    }

    /// Waits for what a program that has ended wrote last. A grandchild may hold its outputs
    /// open.
    fn wait_for_end(&self, outputs: usize) {
        let waiting = |state: &mut State| state.ended < outputs;
        drop(
            self.changed
                .wait_timeout_while(self.lock(), LAST_LINES, waiting),
        );
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines kept of one program; the oldest go first.
const LINES_CAPACITY: usize = 10_000;

/// A reader that waits for a processor is as late at most.
const LAST_LINES: Duration = Duration::from_secs(1);
