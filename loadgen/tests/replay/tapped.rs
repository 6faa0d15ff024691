//! What a real CoreDNS writes by dnstap, received and played.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use loadgen::replay::{Recording, dnstap};
use testbed::{Component, Coredns, eventually, have};
use upstream::{Upstream, kubernetes};

use crate::PROGRAM;

/// Names of which one in two exists.
const COREFILE: &str = "\
.:{port} {
    bind {ip}
    dnstap unix://SOCKET full
    template IN A there.example {
        answer \"{{ .Name }} 60 IN A 192.0.2.80\"
    }
    template ANY ANY . {
        rcode NXDOMAIN
    }
}
";

/// The queries, their names, their outcomes and their instants.
#[test]
fn what_coredns_wrote_by_dnstap_is_played() {
    if !have(Component::Coredns) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("tap.sock");
    let received = receive(UnixListener::bind(&socket).unwrap());
    let corefile = COREFILE.replace("SOCKET", socket.to_str().unwrap());
    let coredns = Coredns::start("127.0.0.1:0".parse().unwrap(), &corefile, &[]).unwrap();
    let mut load = Command::new(PROGRAM);
    load.args(["quick", &coredns.addr().to_string(), "a.there.example", "b.gone.example"])
        .args(["--rate", "100", "--for", "1s", "--ports", "pool:2"]);
    // A machine that is busy makes it invalid, and its queries are there all the same.
    let ran = load.output().unwrap();
    assert!(matches!(ran.status.code(), Some(0 | 3)), "{ran:?}");
    // It writes once a second.
    let answered = |octets: &[u8]| {
        let tapped = dnstap::read(octets).unwrap();
        let ours = tapped
            .queries
            .iter()
            .filter(|line| !line.asked.name.to_string().eq("."));
        ours.filter(|line| line.rcode.is_some()).count()
    };
    assert!(eventually(SOON, || answered(&received.lock().unwrap()) == 100), "{received:?}");
    let file = folder.path().join("tap");
    fs::write(&file, &*received.lock().unwrap()).unwrap();
    plays(&file);
}

fn plays(file: &Path) {
    let recording = Recording::read(&[file]).unwrap();
    let is_ours = |asked: u32| recording.asked()[asked as usize].name.to_string() != ".";
    let ours: Vec<_> = recording
        .entries()
        .iter()
        .filter(|entry| is_ours(entry.asked))
        .collect();
    assert_eq!(ours.len(), 100);
    // Every 10 ms; the last after 0.99 s.
    let took = ours.last().unwrap().at - ours[0].at;
    assert!((900_000_000..3_000_000_000).contains(&took), "{took} ns");
    let nxdomain = u64::from(recording.remarks.has_outcomes) * recording.remarks.nxdomain;
    assert!((20..80).contains(&nxdomain), "{:?}", recording.remarks);
    let server = Upstream::builder().script(kubernetes()).start().unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--server", &server.addr().to_string(), "--max-lateness", "10s"]);
    let ran = command
        .args(["--json", "-", "--replay"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(0), "{text}");
    let report: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["run"]["counts"]["sent"], recording.entries().len(), "{text}");
    assert!(text.contains("; recorded: 100.00% answered, "), "{text}");
}

/// The receiving side of Frame Streams: says yes to READY, and keeps what follows, which is
/// a file as a program would write it.
fn receive(listener: UnixListener) -> Arc<Mutex<Vec<u8>>> {
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&received);
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut ready = control_frame(&mut stream);
        // ACCEPT in place of READY, with the same type of content.
        assert_eq!(ready[..4], [0, 0, 0, 4]);
        ready[3] = 1;
        let len = u32::try_from(ready.len()).unwrap().to_be_bytes();
        stream
            .write_all(&[&[0; 4][..], &len, &ready].concat())
            .unwrap();
        let mut piece = [0; 4096];
        while let Ok(len @ 1..) = stream.read(&mut piece) {
            kept.lock().unwrap().extend(&piece[..len]);
        }
    });
    received
}

fn control_frame(stream: &mut UnixStream) -> Vec<u8> {
    let mut head = [0; 8];
    stream.read_exact(&mut head).unwrap();
    let len = u32::from_be_bytes(*head.last_chunk().unwrap());
    let mut frame = vec![0; len as usize];
    stream.read_exact(&mut frame).unwrap();
    frame
}

/// For a plugin that writes once a second, beside a busy compiler.
const SOON: Duration = Duration::from_secs(20);
