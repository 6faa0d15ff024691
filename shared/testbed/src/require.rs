//! What a test needs of the machine, and what happens where it is missing.
//!
//! A test calls [`have`] and returns when it is false. Where `REQUIRE`
//! names the component (`REQUIRE=coredns,netns`), its lack is a failure.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::apiserver;
use crate::axe::AXE;
use crate::cluster;
use crate::coredns::COREDNS;
use crate::helm::HELM;
use crate::path::{find_program, missing_program};

/// A part of the outside world that not every machine has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Component {
    /// The real CoreDNS: built already, or Go to build it.
    Coredns,
    /// What checks deploy/: helm, built already or Go to build it, Prometheus with its
    /// promtool, and systemd-analyze.
    Deploy,
    /// Network namespaces: root, `ip` and `nsenter`.
    Netns,
    /// A real Kubernetes API server: built already, or Go to build it; and its
    /// etcd.
    Apiserver,
    /// A browser without a screen, and axe-core: there already, or npm to fetch it.
    Browser,
    /// The parts of a whole two-node cluster, and root.
    Cluster,
    /// A terminal without a screen: tmux.
    Tmux,
    /// A capture and another reader of it: tshark and its dumpcap.
    Tshark,
}

impl Component {
    /// All, in the order of their words.
    pub const ALL: [Self; 8] = [
        Self::Apiserver,
        Self::Browser,
        Self::Cluster,
        Self::Coredns,
        Self::Deploy,
        Self::Netns,
        Self::Tmux,
        Self::Tshark,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Apiserver => "apiserver",
            Self::Browser => "browser",
            Self::Cluster => "cluster",
            Self::Coredns => "coredns",
            Self::Deploy => "deploy",
            Self::Netns => "netns",
            Self::Tmux => "tmux",
            Self::Tshark => "tshark",
        }
    }

    /// Returns what is missing, or nothing.
    fn missing(self) -> Option<String> {
        match self {
            Self::Apiserver => apiserver::missing(),
            Self::Browser => BROWSERS
                .iter()
                .all(|browser| find_program(browser).is_none())
                .then(|| format!("none of {} in PATH", BROWSERS.join(", ")))
                .or_else(|| AXE.missing()),
            Self::Cluster => cluster::missing().or_else(missing_namespaces),
            Self::Coredns => COREDNS.missing(),
            Self::Deploy => HELM
                .missing()
                .or_else(|| missing_program(&["prometheus", "promtool", "systemd-analyze"])),
            Self::Netns => missing_namespaces(),
            Self::Tmux => missing_program(&["tmux"]),
            Self::Tshark => missing_program(&["tshark", "dumpcap"]),
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// Whether the machine has `component`. If not, reports it on stderr as
/// `skipped: …` and in the file that [`SKIPS_FILE`] names.
///
/// # Panics
///
/// When `REQUIRE` names the component, and when it holds a word that is none.
pub fn have(component: Component) -> bool {
    judge(component, missing_once(component))
}

/// Whether `program` is in PATH, for a test that belongs to `component`: as
/// [`have`], `REQUIRE` of the component makes its lack a failure.
///
/// # Panics
///
/// As [`have`].
pub fn have_program(program: &str, component: Component) -> bool {
    judge(component, missing_program(&[program]))
}

fn judge(component: Component, missing: Option<String>) -> bool {
    let required = required();
    let Some(missing) = missing else { return true };
    assert!(!required.contains(&component), "REQUIRE={component}, but {missing}");
    report_skip(&format!("{component}: {missing}"));
    false
}

/// Where [`have`] adds a line for each test it skips: `program test: reason`.
pub const SKIPS_FILE: &str = "TESTBED_SKIPS_FILE";

fn required() -> Vec<Component> {
    parse(&std::env::var("REQUIRE").unwrap_or_default())
}

fn parse(words: &str) -> Vec<Component> {
    let words = words
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let component = |word| {
        let known = Component::ALL
            .into_iter()
            .find(|component| component.word() == word);
        known.unwrap_or_else(|| {
            let all = Component::ALL.map(Component::word).join(", ");
            unknown(&format!("REQUIRE: unknown word {word:?}; known are {all}"))
        })
    };
    words.map(component).collect()
}

#[expect(clippy::panic, reason = "a misspelled word must not turn a failure into a skip")]
fn unknown(complaint: &str) -> ! {
    panic!("{complaint}")
}

/// Asks once a process: looking may cost a process or two.
fn missing_once(component: Component) -> Option<String> {
    static MISSING: [OnceLock<Option<String>>; Component::ALL.len()] =
        [const { OnceLock::new() }; Component::ALL.len()];
    let at = Component::ALL
        .iter()
        .position(|known| *known == component)?;
    MISSING.get(at)?.get_or_init(|| component.missing()).clone()
}

#[expect(clippy::print_stderr, reason = "a skip must be seen by the person who ran the test")]
fn report_skip(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("?");
    eprintln!("skipped: {test}: {reason}");
    let Some(path) = std::env::var_os(SKIPS_FILE) else { return };
    let program = std::env::current_exe().unwrap_or_default();
    let line = format!("{} {test}: {reason}\n", program.display());
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .unwrap_or_else(|error| eprintln!("cannot write {}: {error}", path.display()));
}

fn missing_namespaces() -> Option<String> {
    missing_program(&["ip", "nsenter", "unshare"]).or_else(|| {
        let mut trial = Command::new("unshare");
        trial
            .args(["--net", "true"])
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let works = trial.status().is_ok_and(|status| status.success());
        (!works).then(|| "this user may not make a network namespace".to_owned())
    })
}

/// Programs that are Chromium.
pub(crate) const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parsed_with_blanks() {
        assert_eq!(parse(""), []);
        assert_eq!(parse(" netns, coredns,"), [Component::Netns, Component::Coredns]);
        for component in Component::ALL {
            assert_eq!(parse(component.word()), [component]);
        }
    }

    #[test]
    #[should_panic(expected = "unknown word \"cordns\"")]
    fn an_unknown_word_is_named() {
        parse("netns,cordns");
    }
}
