//! A real terminal, of tmux.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use tempfile::TempDir;

use crate::wait::eventually;

/// A terminal without a screen in which a program runs; both end when it is
/// dropped.
pub struct Terminal {
    dir: TempDir,
}

impl Terminal {
    /// Starts a shell command in a terminal of this width and height.
    ///
    /// # Errors
    ///
    /// When tmux does not start it; its output is shown.
    pub fn start((width, height): (u16, u16), command: &str) -> Result<Self> {
        let terminal = Self { dir: TempDir::new()? };
        let (width, height) = (width.to_string(), height.to_string());
        let words = ["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, command];
        let (started, said) = terminal.tmux(&words)?;
        if !started {
            bail!("tmux: {said}");
        }
        Ok(terminal)
    }

    /// Runs tmux; returns whether it succeeded, and its output.
    fn tmux(&self, words: &[&str]) -> Result<(bool, String)> {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(self.dir.path().join("tmux"))
            .args(words)
            .env_remove("TMUX")
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .output()?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// Returns what the terminal shows; empty once its program has ended.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
            .map_or_else(|error| error.to_string(), |(_, screen)| screen)
    }

    /// Presses a key, by its name in tmux.
    ///
    /// # Errors
    ///
    /// When the program has ended.
    pub fn press(&self, key: &str) -> Result<()> {
        match self.tmux(&["send-keys", key])? {
            (true, _) => Ok(()),
            (false, said) => bail!("{key}: {said}"),
        }
    }

    /// Gives the terminal another width and height.
    ///
    /// # Errors
    ///
    /// When the program has ended.
    pub fn resize(&self, (width, height): (u16, u16)) -> Result<()> {
        let (width, height) = (width.to_string(), height.to_string());
        match self.tmux(&["resize-window", "-x", &width, "-y", &height])? {
            (true, _) => Ok(()),
            (false, said) => bail!("{width} by {height}: {said}"),
        }
    }

    /// Waits until the terminal shows `text`.
    ///
    /// # Errors
    ///
    /// When it does not within ten seconds; what it shows is in the error.
    pub fn wait_for(&self, text: &str) -> Result<()> {
        if eventually(SOON, || self.screen().contains(text)) {
            return Ok(());
        }
        bail!("no {text} in\n{}", self.screen())
    }

    /// Whether the program has ended.
    pub fn has_ended(&self) -> bool {
        self.tmux(&["has-session"]).is_ok_and(|(runs, _)| !runs)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Fails when the program has ended already, which is what is wanted.
        self.tmux(&["kill-server"]).ok();
    }
}

/// For a screen to change, beside a busy compiler.
const SOON: Duration = Duration::from_secs(10);
