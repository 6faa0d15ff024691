//! `fivedots top`, as text and in a real terminal.

use std::process::Command;

use testbed::{Component, Fivedots, Terminal, eventually, have};
use upstream::Upstream;

use crate::api::{A, Pod, searching, settle};
use crate::{PROGRAM, SOON};

/// A pod that searches for a name outside, and one whose names fail.
fn world() -> (Upstream, Fivedots) {
    let (upstream, proxy) = searching();
    let [wasting, failing] = ["127.0.0.21", "127.0.0.22"].map(|addr| Pod::new(addr, proxy.listen));
    for _ in 0..3 {
        wasting.looks_up("api.example.com.");
        failing.ask("x.broken.test.", A);
    }
    settle(&proxy, 15);
    (upstream, proxy)
}

#[test]
fn once_is_text_that_says_who_what_and_why() {
    let (_upstream, proxy) = world();
    let top = |flags: &[&str]| {
        let admin = proxy.admin.to_string();
        let mut command = Command::new(PROGRAM);
        command
            .args(["top", "--once", "--admin", &admin])
            .args(flags);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    // Its lookups are over a while after their answers.
    assert!(eventually(SOON, || top(&[]).contains("ndots 2: 75 %")), "{}", top(&[]));
    let shown = top(&[]);
    let row = |client: &str| {
        shown
            .lines()
            .find(|line| line.contains(client))
            .unwrap()
            .to_owned()
    };
    assert!(row("127.0.0.21").contains(" 75% "), "{shown}");
    assert!(row("127.0.0.22").contains(" upstream refused "), "{shown}");
    assert!(!shown.contains('\u{1b}'), "no terminal, no control");
    let hidden = top(&["--redact", "clients"]);
    assert!(!hidden.contains("127.0.0.2") && hidden.contains("2001:db8::"), "{hidden}");

    let nobody = Command::new(PROGRAM)
        .args(["top", "--admin", "unix:/nowhere"])
        .output()
        .unwrap();
    assert_eq!(nobody.status.code(), Some(1));
}

#[test]
fn it_lives_in_a_terminal() {
    if !have(Component::Tmux) {
        return;
    }
    let (_upstream, proxy) = world();
    for size in [(80, 24), (160, 50)] {
        let top =
            Terminal::start(size, &format!("{PROGRAM} top --url http://{}", proxy.admin)).unwrap();
        for text in
            [">127.0.0.21", "ndots 2: 75 %", "set ndots to 2 (now 5): saves 9 of 12", "q quit"]
        {
            top.wait_for(text).unwrap();
        }
        assert_eq!(top.screen().lines().count(), usize::from(size.1), "{}", top.screen());
        top.press("s").unwrap();
        top.wait_for(">127.0.0.22").unwrap();
        top.wait_for("upstream refused: the upstream refused")
            .unwrap();
        top.press("End").unwrap();
        top.press("Enter").unwrap();
        top.wait_for("dnsConfig:").unwrap();
        top.press("q").unwrap();
        top.press("/").unwrap();
        for letter in ["r", "e", "f"] {
            top.press(letter).unwrap();
        }
        top.wait_for("filter: ref_").unwrap();
        top.press("Escape").unwrap();
        top.press("?").unwrap();
        top.wait_for("% is the share of the queries").unwrap();
        top.press("q").unwrap();
        top.press("q").unwrap();
        assert!(eventually(SOON, || top.has_ended()), "{}", top.screen());
    }
}

#[test]
fn a_proxy_that_goes_away_leaves_its_last_figures() {
    if !have(Component::Tmux) {
        return;
    }
    let (_upstream, proxy) = world();
    let top = Terminal::start((80, 24), &format!("{PROGRAM} top --admin {}", proxy.admin)).unwrap();
    top.wait_for("127.0.0.21").unwrap();
    proxy.process.signal("KILL").unwrap();
    top.wait_for("UNREACHABLE, figures are").unwrap();
    assert!(top.screen().contains("127.0.0.21"), "{}", top.screen());
    let never =
        Terminal::start((80, 24), &format!("{PROGRAM} top --admin {}", proxy.admin)).unwrap();
    never.wait_for("retrying every second").unwrap();
    never.press("C-c").unwrap();
    assert!(eventually(SOON, || never.has_ended()), "{}", never.screen());
}
