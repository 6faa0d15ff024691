//! What the proxy of a node saw, recorded and played.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Duration;

use testbed::{Fivedots, eventually, fivedots};
use upstream::{Upstream, kubernetes};

/// The same clients and as many queries; those that came before the recorder was there are
/// in no recording.
#[test]
fn what_fivedots_recorded_is_played() {
    let server = Upstream::builder().script(kubernetes()).start().unwrap();
    let proxy = Fivedots::start(server.addr(), &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recorded");
    let mut record = Command::new(fivedots::program("fivedots").unwrap());
    record
        .args(["record", "--for", "60s", "--admin", &proxy.admin.to_string()])
        .stdout(File::create(&file).unwrap())
        .stderr(Stdio::null());
    let mut record = record.spawn().unwrap();
    let scenario = folder.path().join("s.toml");
    fs::write(&scenario, load(&proxy.listen.to_string())).unwrap();
    let ran = Command::new(crate::PROGRAM)
        .arg("run")
        .arg(&scenario)
        .output()
        .unwrap();
    assert!(ran.status.success() || ran.status.code() == Some(3), "{ran:?}");
    let last = "n299.example.com.";
    let lines = || fs::read_to_string(&file).unwrap_or_default();
    let is_there = eventually(Duration::from_secs(20), || lines().contains(last));
    record.kill().unwrap();
    record.wait().unwrap();
    assert!(is_there, "{}", lines());
    let recorded = lines()
        .lines()
        .filter(|line| line.contains("unix_ms"))
        .count();
    assert!((100..=300).contains(&recorded), "{recorded} of 300");

    let mut replay = Command::new(crate::PROGRAM);
    replay.args(["run", "--max-lateness", "10s", "--json", "-", "--server"]);
    replay
        .arg(server.addr().to_string())
        .arg("--replay")
        .arg(&file);
    let ran = replay.output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let about = report["load"]["about"].as_str().unwrap();
    assert!(about.starts_with(&format!("{recorded} queries of 10 clients")), "{about}");
    assert_eq!(report["run"]["counts"]["answered"], recorded, "{ran:?}");
}

/// 300 names in their order, from ten addresses, in six seconds.
fn load(server: &str) -> String {
    let names: Vec<String> = (0..300).map(|n| format!("\"n{n}.example.com\"")).collect();
    format!(
        "schema = 1\nname = \"seen\"\ntarget = {{ server = \"{server}\" }}\n\
         limits = {{ max_qps = 1000, max_duration = \"1m\", max_lateness = \"10s\" }}\n\
         sender = {{ ports = \"pool:10\", first_source = \"127.30.0.1\" }}\n\
         workload = {{ names = [{}], order = \"file\" }}\n\
         [[phase]]\nname = \"load\"\nfor = \"6s\"\n\
         schedule = {{ shape = \"constant\", rate = 50 }}\n",
        names.join(", ")
    )
}
