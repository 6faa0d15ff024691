//! The terminal while it shows something else than lines, and how it is given back.
//!
//! Whatever ends the program gives it back first: the end of a run, an error, a signal, and
//! the second one, which waits for nothing.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

/// Whether standard error is a terminal that can show a screen.
pub fn is_one() -> bool {
    let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    io::stderr().is_terminal() && !is_dumb
}

/// Takes the terminal at standard error: its other screen, and keys as they are pressed.
///
/// # Errors
///
/// The system's, and then the terminal is as it was.
pub fn take() -> io::Result<()> {
    IS_TAKEN.store(true, Ordering::SeqCst);
    let taken = enable_raw_mode().and_then(|()| execute!(io::stderr(), EnterAlternateScreen, Hide));
    if taken.is_err() {
        give_back();
    }
    taken
}

/// Gives the terminal back, if it was taken.
pub fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        // One that is gone needs nothing.
        execute!(io::stderr(), LeaveAlternateScreen, Show).unwrap_or_default();
        io::stderr().flush().unwrap_or_default();
        disable_raw_mode().unwrap_or_default();
    }
}

static IS_TAKEN: AtomicBool = AtomicBool::new(false);
