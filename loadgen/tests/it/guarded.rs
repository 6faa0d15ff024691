//! A guard that is not answered ends the load.

use std::net::UdpSocket;

use upstream::{Upstream, kubernetes};

use crate::program::{Ran, run, scenario, shared};

/// A load of ten minutes at a server that is well, with a guard at `guarded`.
fn guarded(guarded: &str, length: &str) -> Ran {
    let server = Upstream::builder().script(kubernetes()).start().unwrap();
    scenario(&text(&server.addr().to_string(), guarded, length))
}

fn text(server: &str, guarded: &str, length: &str) -> String {
    format!(
        "schema = 1\nname = \"g\"\ntarget = {{ server = \"{server}\" }}\n\
         limits = {{ max_qps = 1000, max_duration = \"10m\" }}\n\
         [guard]\nserver = \"{guarded}\"\nname = \"kubernetes.default.svc.cluster.local\"\n\
         every = \"100ms\"\nfails = 3\n[workload]\n\
         names = [\"kubernetes.default.svc.cluster.local\"]\n[[phase]]\nname = \"p\"\n\
         for = \"{length}\"\nschedule = {{ shape = \"constant\", rate = 20 }}\n"
    )
}

#[test]
fn a_silent_guard_ends_the_load() {
    let _machine = shared();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ran = guarded(&silent.local_addr().unwrap().to_string(), "10m");
    assert_eq!(ran.code, 5, "{}{}", ran.text, ran.errors);
    assert!(ran.text.contains("the guard's name was not answered"), "{}", ran.text);
    // Three queries of the guard, each from a port of its own.
    silent.set_nonblocking(true).unwrap();
    let mut ports = std::collections::BTreeSet::new();
    let mut query = [0; 512];
    while let Ok((_, peer)) = silent.recv_from(&mut query) {
        ports.insert(peer.port());
    }
    assert_eq!(ports.len(), 3, "{ports:?}");
    assert!(ran.count("sent") < 12_000, "{}", ran.text);
}

/// NXDOMAIN is no answer to a name that somebody needs.
#[test]
fn a_guard_without_its_name_ends_the_load() {
    let _machine = shared();
    let server = Upstream::builder().start().unwrap();
    let ran = guarded(&server.addr().to_string(), "10m");
    assert_eq!(ran.code, 5, "{}{}", ran.text, ran.errors);
}

#[test]
fn a_guard_that_is_well_changes_nothing() {
    let _machine = shared();
    let server = Upstream::builder().script(kubernetes()).start().unwrap();
    let ran = guarded(&server.addr().to_string(), "1s");
    assert!(ran.ended_with(0), "{}{}", ran.text, ran.errors);
    assert_eq!(ran.count("sent"), 20);
}

#[test]
fn a_guard_elsewhere_needs_leave_as_a_target_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, text("127.0.0.1:9", "192.0.2.1:53", "1s")).unwrap();
    let path = path.to_str().unwrap();
    let ran = run(&["run", path, "--dry-run"]);
    assert_eq!(ran.code, 77, "{}", ran.errors);
    assert!(ran.errors.contains("192.0.2.1"), "{}", ran.errors);
    for (setting, message) in [
        ("guard.every=1ms", "guard.every: \"1ms\" is not from 100ms to 1m"),
        ("guard.fails=0", "guard.fails: 0 is not from 1 to 100"),
        ("guard.name=a..b", "guard.name: \"a..b\" is no domain name"),
    ] {
        let ran = run(&["check", path, "--set", setting]);
        assert_eq!(ran.code, 78, "{}", ran.errors);
        assert!(ran.errors.contains(message), "{}", ran.errors);
    }
    let ran = run(&["check", path]);
    assert!(
        ran.text
            .contains("asks 192.0.2.1:53 for kubernetes.default"),
        "{}",
        ran.text
    );
}
