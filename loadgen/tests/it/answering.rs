//! A server that is nothing but fast: it turns each query around. As a process
//! of its own it can be stopped.

use std::process::Command;
use std::time::Duration;

use testbed::Process;
use udp::{Options, RecvBatch, SendBatch, Socket};

/// Set for the process that is to answer; its value does not matter.
const ROLE: &str = "LOADGEN_TEST_ANSWERS";

/// This test program once more, to do nothing but answer. Its address is the
/// second value.
pub(crate) fn start() -> (Process, String) {
    let this = std::env::current_exe().unwrap();
    let mut command = Command::new(this);
    command
        .args(["--exact", "answering::answers_when_told_to", "--nocapture"])
        .env(ROLE, "1");
    let process = Process::spawn(&mut command).unwrap();
    let line = process
        .wait_for_line("answering at ", Duration::from_secs(10))
        .unwrap();
    let address = line.rsplit(' ').next().unwrap().to_owned();
    (process, address)
}

/// No test when run as one: the body of the process that `start` makes. It
/// ends with that process.
#[test]
fn answers_when_told_to() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    // A second of 5,000 queries must fit the queue while it is stopped.
    let options = Options { recv_buffer: Some(16 << 20), ..Options::default() };
    let socket = Socket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    println!("answering at {}", socket.local_addr().unwrap());
    let (mut received, mut answers) = (RecvBatch::new(64, 512), SendBatch::new(64, 512));
    let mut count = 0;
    loop {
        let before = count;
        count += socket.recv_batch(&mut received, 64).unwrap();
        for datagram in received.iter() {
            let buffer = answers.next_buffer().unwrap();
            let len = datagram.bytes.len();
            buffer[..len].copy_from_slice(datagram.bytes);
            buffer[2] |= 0x80;
            answers.commit(len, Some(datagram.peer), None);
        }
        socket.send_batch(&mut answers).unwrap();
        if before < WARM && count >= WARM {
            println!("{WARM_LINE}");
        }
    }
}

/// Queries after which a load has settled: three seconds at 5,000 a second.
const WARM: usize = 15_000;

/// Printed after [`WARM`] answers.
pub(crate) const WARM_LINE: &str = "the load has settled";
