//! A stop condition ends the load by the run's own figures.

use std::net::UdpSocket;
use std::thread;

use crate::program::{Ran, run, scenario, shared};

/// A server that answers so many queries, and then reads on in silence.
fn answers_only(count: usize) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    // It ends with this program.
    thread::spawn(move || {
        let mut message = [0; 512];
        for n in 0.. {
            let (len, peer) = socket.recv_from(&mut message).unwrap();
            // QR: the question alone is an answer.
            message[2] |= 0x80;
            if n < count {
                socket.send_to(&message[..len], peer).unwrap();
            }
        }
    });
    address
}

fn text(server: &str, stop: &str, length: &str) -> String {
    format!(
        "schema = 1\nname = \"s\"\nstop = {stop}\ntarget = {{ server = \"{server}\" }}\n\
         limits = {{ max_qps = 1000, max_duration = \"10m\" }}\n\
         sender = {{ timeout = \"200ms\", linger = \"0s\" }}\n\
         workload = {{ names = [\"www.example\"] }}\n[[phase]]\nname = \"p\"\n\
         for = \"{length}\"\nschedule = {{ shape = \"constant\", rate = 200 }}\n"
    )
}

/// A server that goes silent ends its own load, and not the one beside it.
#[test]
fn a_condition_that_holds_ends_the_load_and_no_other() {
    let _machine = shared();
    let stop = "[\"latency.p99 > 100s for 1s\", \"lost > 50% for 1s\"]";
    let (silent, well) = (answers_only(100), answers_only(usize::MAX));
    let of_silent = text(&silent, stop, "10m");
    let beside = thread::spawn(move || scenario(&of_silent));
    let ran = scenario(&text(&well, stop, "4s"));
    assert!(ran.ended_with(0), "{}{}", ran.text, ran.errors);
    assert_eq!(ran.count("sent"), 800, "{}", ran.text);
    let ran = beside.join().unwrap();
    assert_eq!(ran.code, 5, "{}{}", ran.text, ran.errors);
    let reason = "a stop condition ended the run: lost > 50% for 1s, by ";
    assert!(ran.text.contains(reason), "{}", ran.text);
    assert!(ran.text_at("/invalid/0").starts_with(reason), "{}", ran.text);
    assert_eq!(ran.text_at("/verdict"), "interrupted");
    // The figures until then: what was sent, what was answered, and what was lost.
    assert_eq!(ran.count("answered"), 100, "{}", ran.text);
    assert!(ran.count("lost") > 100 && ran.count("sent") < 10_000, "{}", ran.text);
}

#[test]
fn answers_that_are_late_or_errors_end_a_load_as_well() {
    let _machine = shared();
    let well = answers_only(usize::MAX);
    for stop in ["[\"rcode.NOERROR > 99% for 1s\"]", "[\"latency.max > 1us for 1s\"]"] {
        let ran = scenario(&text(&well, stop, "10m"));
        assert_eq!(ran.code, 5, "{stop}: {}{}", ran.text, ran.errors);
        assert!(ran.count("sent") < 10_000, "{stop}: {}", ran.text);
    }
}

fn checked(text: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, text).unwrap();
    run(&["check", path.to_str().unwrap()])
}

#[test]
fn conditions_are_shown_before_the_load_and_wrong_ones_named_with_their_line() {
    let ran = checked(&text("127.0.0.1:9", "[\"lost > 50% for 10s\"]", "1s"));
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(ran.text.contains("  ends when lost > 50% for 10s\n"), "{}", ran.text);
    let ran = checked(&text("127.0.0.1:9", "[\n\"shed > 0 for 1s\",\n\"loss > 5% for 1s\"]", "1s"));
    assert_eq!(ran.code, 78, "{}", ran.errors);
    for part in ["s.toml:5: stop: \"loss > 5% for 1s\": unknown metric \"loss\"", "\"loss > 5%"] {
        assert!(ran.errors.contains(part), "{}", ran.errors);
    }
    let closed = text("127.0.0.1:9", "[\"latency.p99 > 1s for 1s\"]", "1s")
        .replace("\"constant\", rate = 200", "\"max\", window = 2");
    let ran = checked(&closed);
    assert_eq!(ran.code, 78, "{}", ran.errors);
    assert!(ran.errors.contains("no latency to stop at"), "{}", ran.errors);
    let ran = run(&["quick", "127.0.0.1:9", "--stop", "lost > 5%"]);
    assert_eq!(ran.code, 64, "{}", ran.errors);
    assert!(
        ran.errors
            .contains("stop: \"lost > 5%\": write for instance"),
        "{}",
        ran.errors
    );
}
