//! What the program says and how it exits.

use std::process::{Command, Output};

use crate::PROGRAM;

fn fivedots(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).output().unwrap()
}

fn told(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn help_and_version_are_no_errors() {
    for flag in ["--help", "--version"] {
        let output = fivedots(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&output.stdout).contains("fivedots"));
    }
}

#[test]
fn a_misspelled_flag_is_a_usage_error() {
    for args in [&["run", "--cahce", "1"][..], &["run", "--upstream", "coredns"], &["rnu"], &[]] {
        assert_eq!(fivedots(args).status.code(), Some(64), "{args:?}");
    }
}

#[test]
fn a_bad_file_is_a_configuration_error_with_its_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    std::fs::write(&file, "version = 1\n\n[cache]\nsize = \"huge\"\n").unwrap();
    for args in [&["config", "check", path][..], &["run", "--config", path]] {
        let (code, text) = told(&fivedots(args));
        assert_eq!(code, 78, "{text}");
        let said = format!("error: {path}:4: cache.size: \"huge\" is not a size");
        assert!(text.starts_with(&said), "{text}");
    }
    let (code, text) = told(&fivedots(&["config", "check", "/nowhere.toml"]));
    assert_eq!(code, 78);
    assert!(text.contains("/nowhere.toml"), "{text}");
}

#[test]
fn the_printed_defaults_are_a_good_file() {
    let printed = fivedots(&["config", "defaults"]).stdout;
    let text = String::from_utf8(printed).unwrap();
    // So that the check does not depend on this machine's resolv.conf.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text.replace("#upstreams = [\"10.0.0.2", "upstreams = [\"10.0.0.2"))
        .unwrap();
    let output = fivedots(&["config", "check", file.path().to_str().unwrap()]);
    assert_eq!(told(&output), (0, String::new()));
}

/// docs/configuration.md shows the defaults as they are printed.
#[test]
fn the_documented_defaults_are_those_printed() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    let printed = String::from_utf8(fivedots(&["config", "defaults"]).stdout).unwrap();
    assert!(page.contains(&format!("```toml\n{printed}```")), "paste `config defaults` into it");
}

#[test]
fn an_address_in_use_is_a_run_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let args = ["run", "--listen", "127.0.0.1:0", "--upstream", "127.0.0.9", "--metrics", &addr];
    let (code, text) = told(&fivedots(&args));
    assert_eq!(code, 1);
    assert!(text.contains(&format!("error: cannot listen on {addr} for metrics")), "{text}");
}
