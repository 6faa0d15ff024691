//! The program as the image has it, with file capabilities that are permitted only,
//! under a user who is nobody, with all, some or none of them granted.

use std::fs;
use std::process::Command;

use tempfile::TempDir;
use testbed::{Component, Netns, Process, have, have_program};

use crate::{PROGRAM, SOON};

struct Container {
    netns: Netns,
    dir: TempDir,
}

impl Container {
    /// Nothing when the machine cannot: said already.
    fn new() -> Option<Self> {
        let can = have(Component::Netns)
            && have_program("setcap", Component::Netns)
            && have_program("setpriv", Component::Netns);
        if !can {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("fivedots");
        fs::copy(PROGRAM, &program).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(dir.path(), open).unwrap();
        let mut setcap = Command::new("setcap");
        let set = setcap
            .arg("cap_net_bind_service,cap_net_admin=p")
            .arg(&program);
        assert!(set.status().unwrap().success());
        Some(Self { netns: Netns::new().unwrap(), dir })
    }

    /// Runs it as user 65532 with these capabilities in its bounding set.
    fn run(&self, bounding: &str, arguments: &[&str]) -> Process {
        let mut command = self.netns.command("setpriv");
        command
            .args(["--reuid=65532", "--regid=65532", "--clear-groups", "--inh-caps=-all"])
            .arg(format!("--bounding-set=-all{bounding}"))
            .arg(self.dir.path().join("fivedots"))
            .args(arguments);
        Process::spawn(&mut command).unwrap()
    }
}

const RUN: [&str; 5] = ["run", "--listen", "127.0.0.1:53", "--upstream", "127.0.0.9"];

#[test]
fn it_has_what_was_granted_and_names_the_rest() {
    let Some(container) = Container::new() else { return };
    for (bounding, said) in [
        (
            ",+net_bind_service,+net_admin",
            "granted=\"NET_BIND_SERVICE, NET_ADMIN\" missing=\"none\"",
        ),
        (",+net_bind_service", "granted=\"NET_BIND_SERVICE\" missing=\"NET_ADMIN\""),
    ] {
        let process = container.run(bounding, &RUN);
        process.wait_for_line("serving", SOON).unwrap();
        process.wait_for_line(said, SOON).unwrap();
        let is_short = process.output().contains("short receive queues");
        assert!(!(is_short && bounding.contains("net_admin")), "{}", process.output());
    }
}

#[test]
fn without_any_it_starts_and_says_what_it_needs() {
    let Some(container) = Container::new() else { return };
    let process = container.run("", &RUN);
    process
        .wait_for_line("under securityContext.capabilities.add", SOON)
        .unwrap();
    process
        .wait_for_line("missing=\"NET_BIND_SERVICE, NET_ADMIN\"", SOON)
        .unwrap();
    // With the effective bit in the file the kernel would not start it at all.
    let version = container.run("", &["--version"]);
    version.wait_for_line("fivedots ", SOON).unwrap();
}
