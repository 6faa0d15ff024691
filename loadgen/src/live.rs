//! `--live`: the run on one screen while it lasts.
//!
//! A thread of its own draws, a second behind at most. The senders know nothing of it, and a
//! terminal that is slow or stopped holds up this thread alone.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use crate::scenario::Scenario;
use crate::sender::Stop;
use crate::snapshot::Snapshot;
use crate::tty;

mod figures;
mod screen;

use figures::{Figures, Plan};

/// The screen; it is gone when this is dropped.
#[derive(Debug)]
pub struct LiveView {
    snapshots: Option<SyncSender<(Duration, Snapshot)>>,
    thread: Option<JoinHandle<()>>,
}

impl LiveView {
    /// Shows the run of `scenario` from now on; q and Ctrl-C `stop` it.
    ///
    /// # Errors
    ///
    /// When the system does not let us have the terminal at standard error.
    pub fn start(scenario: &Scenario, stop: &Stop) -> io::Result<Self> {
        tty::take()?;
        let (snapshots, shown) = sync_channel(1);
        let (plan, stop) = (Plan::of(scenario), stop.clone());
        let started = thread::Builder::new()
            .name("live".to_owned())
            .spawn(move || {
                // A terminal that is gone is no reason to end the run.
                show(plan, &shown, &stop).unwrap_or_default();
            });
        let thread = Some(started.inspect_err(|_| tty::give_back())?);
        Ok(Self { snapshots: Some(snapshots), thread })
    }

    /// Shows what was counted by `at`, unless the terminal is behind.
    pub fn show(&self, at: Duration, snapshot: &Snapshot) {
        let sender = self.snapshots.as_ref();
        let _is_behind = sender.is_some_and(|sender| sender.try_send((at, *snapshot)).is_err());
    }
}

impl Drop for LiveView {
    fn drop(&mut self) {
        // The thread ends by it.
        self.snapshots = None;
        let _has_panicked = self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err());
        tty::give_back();
    }
}

/// Draws until there is nobody to show anything.
fn show(plan: Plan, shown: &Receiver<(Duration, Snapshot)>, stop: &Stop) -> io::Result<()> {
    let mut terminal = Terminal::new(CrosstermBackend::new(io::stderr()))?;
    let has_color = std::env::var("NO_COLOR").map_or(true, |no_color| no_color.is_empty());
    let mut figures = Figures::new(plan);
    let mut is_new = true;
    loop {
        if is_new {
            terminal.draw(|frame| {
                let area = frame.area();
                let lines = screen::lines(&figures, area.as_size(), has_color);
                for (y, line) in (0..area.height).zip(&lines) {
                    frame.buffer_mut().set_line(0, y, line, area.width);
                }
            })?;
        }
        is_new = is_resized(stop).unwrap_or_else(|_| wait());
        match shown.try_recv() {
            Ok((at, snapshot)) => {
                figures.take(at, &snapshot);
                is_new = true;
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
    }
}

/// Waits a moment for a key, and stops the run by it; returns whether the screen is another
/// size now.
fn is_resized(stop: &Stop) -> io::Result<bool> {
    if !event::poll(LOOK)? {
        return Ok(false);
    }
    let key = match event::read()? {
        Event::Key(key) if key.kind != KeyEventKind::Release => key,
        Event::Resize(..) => return Ok(true),
        _ => return Ok(false),
    };
    let is_interrupt =
        key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    if is_interrupt && stop.signal().is_some() {
        // The second waits for nothing, as a signal's.
        tty::give_back();
        std::process::exit(i32::from(128 + SIGINT));
    }
    if is_interrupt || key.code == KeyCode::Char('q') {
        stop.set(SIGINT);
    }
    Ok(false)
}

/// Without keys, such as in a job of a script, there are figures all the same.
#[expect(clippy::disallowed_methods, reason = "in place of a wait for keys")]
fn wait() -> bool {
    thread::sleep(LOOK);
    false
}

/// Between two looks for keys and figures.
const LOOK: Duration = Duration::from_millis(50);
/// What Ctrl-C is elsewhere.
const SIGINT: u8 = 2;
