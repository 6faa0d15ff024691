//! A real terminal, of tmux.

use std::process::Command;

use testbed::eventually;

use crate::proxy::SOON;

/// A terminal in which a program runs, and nobody looks at it but us.
pub(crate) struct Terminal {
    dir: tempfile::TempDir,
}

impl Terminal {
    pub(crate) fn start((width, height): (u16, u16), command: &str) -> Self {
        let terminal = Self { dir: tempfile::tempdir().unwrap() };
        let (width, height) = (width.to_string(), height.to_string());
        let words = ["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, command];
        let (started, said) = terminal.tmux(&words);
        assert!(started, "{said}");
        terminal
    }

    /// Says whether it went well, and what was said.
    fn tmux(&self, words: &[&str]) -> (bool, String) {
        let socket = self.dir.path().join("tmux");
        let output = Command::new("tmux")
            .arg("-S")
            .arg(socket)
            .args(words)
            .env_remove("TMUX")
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).1
    }

    pub(crate) fn press(&self, key: &str) {
        assert!(self.tmux(&["send-keys", key]).0, "{key}");
    }

    pub(crate) fn shows(&self, text: &str) {
        assert!(
            eventually(SOON, || self.screen().contains(text)),
            "no {text} in\n{}",
            self.screen()
        );
    }

    pub(crate) fn has_ended(&self) -> bool {
        !self.tmux(&["has-session"]).0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
