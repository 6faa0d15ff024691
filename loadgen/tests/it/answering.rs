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
    start_as("")
}

/// The same, but it answers no more than so many queries a second: a budget that
/// grows with time and holds 50 ms of it.
pub(crate) fn start_with_cliff(per_second: u64) -> (Process, String) {
    start_as(&per_second.to_string())
}

fn start_as(role: &str) -> (Process, String) {
    let this = std::env::current_exe().unwrap();
    let mut command = Command::new(this);
    command
        .args(["--exact", "answering::answers_when_told_to", "--nocapture"])
        .env(ROLE, role);
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
    let cliff = std::env::var(ROLE).unwrap().parse::<f64>().ok();
    let mut budget = Budget::new(cliff);
    let (mut received, mut answers) = (RecvBatch::new(64, 512), SendBatch::new(64, 512));
    let mut count = 0;
    loop {
        let before = count;
        count += socket.recv_batch(&mut received, 64).unwrap();
        for datagram in received.iter() {
            if !budget.take() {
                continue;
            }
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

/// Answers that may be given.
struct Budget {
    per_second: Option<f64>,
    left: f64,
    looked: std::time::Instant,
}

impl Budget {
    #[expect(clippy::disallowed_methods, reason = "the rate is what it plays")]
    fn new(per_second: Option<f64>) -> Self {
        Self { per_second, left: 0.0, looked: std::time::Instant::now() }
    }

    /// Whether another answer may be given.
    fn take(&mut self) -> bool {
        let Some(per_second) = self.per_second else { return true };
        let elapsed = self.looked.elapsed();
        self.looked += elapsed;
        let most = per_second * HELD_S;
        self.left = elapsed
            .as_secs_f64()
            .mul_add(per_second, self.left)
            .min(most);
        let is_given = self.left >= 1.0;
        self.left -= f64::from(u8::from(is_given));
        is_given
    }
}

/// Seconds of answers that a budget holds, for a load that comes unevenly.
pub(crate) const HELD_S: f64 = 0.05;

/// Queries after which a load has settled: three seconds at 5,000 a second.
const WARM: usize = 15_000;

/// Printed after [`WARM`] answers.
pub(crate) const WARM_LINE: &str = "the load has settled";
