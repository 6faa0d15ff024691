//! A client that asks again and again, and accounts for what it lost.
//!
//! It runs in a namespace of its own, as this very test program in another role.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use testbed::client::MessageType;
use testbed::{Client, Netns, Process, netns, pace, query};

/// What it was asked to do: `asker udp 10.96.0.10:53 600`.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    transport: &'static str,
    server: SocketAddr,
    queries: u32,
}

/// What became of its queries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Account {
    pub(crate) asked: u32,
    /// First tries without an answer.
    pub(crate) lost: u32,
    /// Lookups whose every try was lost.
    pub(crate) failed: u32,
    /// The longest time without any answer.
    pub(crate) dark: Duration,
}

impl Asker {
    pub(crate) fn new(transport: &'static str, server: &str, queries: u32) -> Self {
        let server = (server.parse::<std::net::IpAddr>().unwrap(), 53).into();
        Self { transport, server, queries }
    }

    /// Starts it inside.
    pub(crate) fn start(&self, inside: &Netns) -> Process {
        let mut command = inside.command(std::env::current_exe().unwrap());
        let Self { transport, server, queries } = self;
        command
            .args(["--exact", "asker::plays", "--nocapture"])
            .env(netns::INSIDE, format!("asker {transport} {server} {queries}"));
        Process::spawn(&mut command).unwrap()
    }
}

/// Waits until one that was started has had a tenth of its answers.
pub(crate) fn under_way(process: &Process) {
    process.wait_for_line("under way", LONG).unwrap();
}

/// Waits for the end of one that was started; returns its account.
pub(crate) fn account(process: &Process) -> Account {
    let line = process.wait_for_line("account:", LONG).unwrap();
    let numbers: Vec<u32> = line
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let [asked, lost, failed, dark] = numbers[..] else { panic!("{line}") };
    Account { asked, lost, failed, dark: Duration::from_millis(dark.into()) }
}

/// The part of the client; without one, nothing.
#[test]
fn plays() {
    let role = netns::role().unwrap_or_default();
    let words: Vec<_> = role.split(' ').collect();
    let ["asker", transport, server, queries] = words[..] else { return };
    let client = Client::new(server.parse().unwrap()).timeout(TRY);
    let account = ask(&client, transport == "tcp", queries.parse().unwrap());
    let Account { asked, lost, failed, dark } = account;
    say(&format!("account: {asked} {lost} {failed} {}", dark.as_millis()));
}

#[expect(clippy::disallowed_methods, reason = "time without an answer is what is measured")]
fn ask(client: &Client, over_tcp: bool, queries: u32) -> Account {
    let mut account = Account::default();
    let mut last = Instant::now();
    for n in 0..queries {
        let name = query(&format!("n{n}.example.com."), "A");
        let answered = (0..TRIES).any(|retry| {
            let reply = if over_tcp { client.tcp(&name) } else { client.udp(&name) };
            let is_answered =
                reply.is_ok_and(|reply| reply.metadata.message_type == MessageType::Response);
            account.lost += u32::from(retry == 0 && !is_answered);
            // What refuses at once would use up all tries in no time.
            if !is_answered {
                pace(PACE);
            }
            is_answered
        });
        account.asked += 1;
        account.failed += u32::from(!answered);
        if answered {
            account.dark = account.dark.max(last.elapsed());
            last = Instant::now();
        }
        if n == queries / 10 {
            say("under way");
        }
        pace(PACE);
    }
    account
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
}

/// Between two lookups, and before a retry.
const PACE: Duration = Duration::from_millis(5);
/// Of one try: short, so that the dark time is not that of a client's patience.
const TRY: Duration = Duration::from_millis(250);
/// Some eight seconds of silence.
const TRIES: u32 = 30;
const LONG: Duration = Duration::from_secs(120);
