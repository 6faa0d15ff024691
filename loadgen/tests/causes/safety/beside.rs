//! A service beside the target: the guard ends a load that it suffers from, and no other.

use std::fs;
use std::time::Duration;

use testbed::{Process, eventually};

use super::packets::finish;
use super::{PATIENCE, PROGRAM, has_all};
use crate::play::World;
use crate::rules::Trouble;
use crate::world::Servers;

/// A server at an address of its own.
pub(super) fn service(servers: &Servers) -> Process {
    let mut command = servers.command(PROGRAM);
    let process = Process::spawn(command.args(["upstream", "--listen", ADDRESS])).unwrap();
    process.wait_for_line(ADDRESS, PATIENCE).unwrap();
    process
}

/// CoreDNS has a hundredth of a CPU. A load that it can answer leaves the name alone that
/// the guard asks for at another of its addresses; one that it cannot, does not.
#[test]
fn safety_of_a_service_that_suffers() {
    if !has_all() {
        return;
    }
    let mut tries = (0..3).map(|_| suffers());
    let first = tries.next().unwrap();
    let seen = first.or_else(|_| tries.find(Result::is_ok).unwrap_or_else(suffers));
    assert_eq!(seen, Ok(()));
}

fn suffers() -> Result<(), String> {
    let servers = Servers::start(World::Plain, Trouble::Cpu(10));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    let play = |rate: u32, length: &str| {
        fs::write(&file, scenario(rate, length)).unwrap();
        let load = Process::spawn(servers.command(PROGRAM).arg("run").arg(&file)).unwrap();
        let status = load.wait(PATIENCE).map_err(|error| error.to_string())?;
        Ok::<_, String>((status.code(), load.output()))
    };
    let (code, output) = play(2, "3s")?;
    if code != Some(0) {
        return Err(format!("a load of 2/s: exit {code:?}\n{output}"));
    }
    let capture = testbed::Capture::start(servers.netns(), "lo", "udp dst port 5335 or dst port 9");
    let (code, output) = play(3000, "50s")?;
    let captured = finish(servers.netns(), capture.unwrap())?;
    let rows = captured.fields(["frame.time_epoch", "ip.dst", "udp.dstport"]);
    let last = |address: &str| {
        let rows = rows.as_ref().unwrap().iter();
        let to = rows.filter(|[_, dst, port]| dst == address && port != "9");
        to.map(|[at, ..]| at.parse::<f64>().unwrap())
            .fold(0.0, f64::max)
    };
    // The guard's last query is given up after its 200 ms.
    let late = last("127.0.0.1") - (last("127.0.0.2") + 0.2);
    println!("a service that suffers: exit {code:?}, last packet {:+.0} ms", late * 1e3);
    if code != Some(5) || !output.contains("the guard's name was not answered") || late > 0.1 {
        return Err(format!("a load of 3000/s: exit {code:?}, {late:.3} s\n{output}"));
    }
    // And then it is well again.
    let well = ["quick", "127.0.0.2:5335", NAME, "--rate", "5", "--for", "1s"];
    let ask = || servers.command(PROGRAM).args(well).args(EXPECT).output();
    let is_well = || ask().is_ok_and(|output| output.status.success());
    eventually(Duration::from_secs(30), is_well)
        .then_some(())
        .ok_or_else(|| "it stays ill".to_owned())
}

fn scenario(rate: u32, length: &str) -> String {
    format!(
        "schema = 1\nname = \"beside\"\ntarget = {{ server = \"127.0.0.1:5335\" }}\n\
         limits = {{ max_qps = 6000, max_duration = \"1m\", max_lateness = \"10s\" }}\n\
         sender = {{ ports = \"pool:20\", timeout = \"1s\", linger = \"0s\" }}\n\
         [guard]\nserver = \"127.0.0.2:5335\"\nname = \"{NAME}\"\nevery = \"200ms\"\n\
         [workload]\nnames = [\"cluster.local\"]\nunique = true\n\
         [[phase]]\nname = \"load\"\nfor = \"{length}\"\n\
         schedule = {{ shape = \"constant\", rate = {rate} }}\n"
    )
}

const ADDRESS: &str = "127.0.0.3:5335";
const NAME: &str = "kubernetes.default.svc.cluster.local";
const EXPECT: [&str; 2] = ["--expect", "rcode.NOERROR >= 100%"];
