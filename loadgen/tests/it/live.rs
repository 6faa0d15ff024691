//! `--live` in a real terminal, and what is left of it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testbed::{Component, Terminal, eventually, have};
use upstream::{Upstream, kubernetes};

use crate::program::{run, shared};

/// A load in a terminal: its exit code, the mode of the terminal, and then a shell that
/// waits.
fn live(size: (u16, u16), length: &str, pid: &Path) -> (Upstream, Terminal) {
    let server = Upstream::builder().script(kubernetes()).start().unwrap();
    let command = format!(
        "sh -c 'echo $$ > {}; exec {} quick {} kubernetes.default.svc.cluster.local --rate 50 \
         --for {length} --live'; echo code $?; stty -a | grep -ow -- '-*icanon'; cat",
        pid.display(),
        env!("CARGO_BIN_EXE_fivedots-loadgen"),
        server.addr()
    );
    (server, Terminal::start(size, &command).unwrap())
}

/// The report and the prompt are on the screen that was there before, in its old mode.
fn is_given_back(terminal: &Terminal, code: u8) {
    terminal.wait_for(&format!("code {code}")).unwrap();
    assert!(eventually(SOON, || terminal.screen().contains("\nicanon")), "{}", terminal.screen());
    assert!(!terminal.screen().contains("q ends the run"), "{}", terminal.screen());
}

#[test]
fn a_run_is_seen_on_one_screen_of_any_size_until_it_ends() {
    if !have(Component::Tmux) {
        return;
    }
    let _machine = shared();
    let folder = tempfile::tempdir().unwrap();
    let (_server, terminal) = live((80, 24), "10m", &folder.path().join("pid"));
    for text in ["phase load", "answered/s", "NOERROR 100.0%", "no answer", "q ends the run"] {
        terminal.wait_for(text).unwrap();
    }
    terminal.resize((60, 15)).unwrap();
    let fits = || {
        let screen = terminal.screen();
        screen.lines().count() == 15 && screen.lines().last().is_some_and(|l| l.contains("q ends"))
    };
    assert!(eventually(SOON, fits), "{}", terminal.screen());
    assert!(terminal.screen().contains("NOERROR 100.0%"), "{}", terminal.screen());
    terminal.resize((120, 60)).unwrap();
    terminal.wait_for("the run").unwrap();
    terminal.press("q").unwrap();
    is_given_back(&terminal, 130);
    assert!(terminal.screen().contains("interrupted"), "{}", terminal.screen());
}

#[test]
fn whatever_ends_the_run_gives_the_terminal_back() {
    if !have(Component::Tmux) {
        return;
    }
    let _machine = shared();
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let (_server, terminal) = live((120, 60), "1s", &pid);
    // A machine that is busy makes it invalid.
    assert!(
        eventually(SOON, || ["code 0", "code 3"]
            .iter()
            .any(|c| terminal.screen().contains(c))),
        "{}",
        terminal.screen()
    );
    assert!(eventually(SOON, || terminal.screen().contains("\nicanon")), "{}", terminal.screen());
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let (_server, terminal) = live((120, 60), "10m", &pid);
        terminal.wait_for("NOERROR 100.0%").unwrap();
        let process = fs::read_to_string(&pid).unwrap();
        let kill = Command::new("kill")
            .args(["-s", signal, process.trim()])
            .status()
            .unwrap();
        assert!(kill.success());
        is_given_back(&terminal, code);
    }
}

#[test]
fn without_a_terminal_it_is_an_error_and_nothing_is_sent() {
    let ran = run(&["quick", "127.0.0.1:9", "--for", "1s", "--live"]);
    assert_eq!(ran.code, 64, "{}{}", ran.text, ran.errors);
    assert!(ran.errors.contains("--live: standard error is no terminal"), "{}", ran.errors);
}

/// For a screen to change, beside a busy compiler.
const SOON: Duration = Duration::from_secs(20);
