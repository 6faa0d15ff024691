//! A cause that changes: what fails now is shown on every face, not what failed most.

use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use console::api::{ClientPage, FailurePage};
use resolver::Origin;
use testbed::client::ResponseCode;
use testbed::fivedots::program;
use testbed::http::get;
use testbed::{Fivedots, eventually, query};
use upstream::{Rule, Script, Upstream};

use crate::expected::{CLIENT, OTHER_CLIENT};

/// A program looks one name up, over and over, while its upstream is silent, then
/// fails, and then is gone.
#[test]
fn a_cause_that_changes_is_the_cause_shown() {
    let silence = Script::new().rule(Rule::any().silence());
    let upstream = Upstream::builder().script(silence).start().unwrap();
    let addr = upstream.addr();
    let proxy = Fivedots::start(addr, &[]);
    let pod = Pod::of(&proxy);
    pod.shows(Origin::Timeout, &format!("no answer from {addr}"));
    let fails = Script::new().rule(Rule::any().rcode(ResponseCode::ServFail));
    upstream.set_script(&fails).unwrap();
    pod.shows(Origin::UpstreamError, &format!("SERVFAIL from {addr}"));
    drop(upstream);
    pod.shows(Origin::ConnectRefused, &format!("nothing listens at {addr}"));
}

/// A pod, and another that has no failures.
struct Pod<'a> {
    proxy: &'a Fivedots,
    socket: UdpSocket,
    other: UdpSocket,
}

impl<'a> Pod<'a> {
    fn of(proxy: &'a Fivedots) -> Self {
        let socket = |client| {
            let socket = UdpSocket::bind((client, 0)).unwrap();
            socket.connect(proxy.listen).unwrap();
            socket
        };
        Self { proxy, socket: socket(CLIENT), other: socket(OTHER_CLIENT) }
    }

    /// Goes on looking up until each face shows this cause, in ten seconds and the time
    /// of a look.
    #[expect(clippy::disallowed_methods, reason = "how long a change takes is what is tested")]
    fn shows(&self, origin: Origin, text: &str) {
        let (mut missing, mut id) = (Vec::new(), 0);
        let began = Instant::now();
        let is_shown = eventually(SHOWN, || {
            id += 1;
            self.socket
                .send(&query("db.test.", "A").id(id).octets())
                .unwrap();
            self.other
                .send(&query("localhost.", "A").id(id).octets())
                .unwrap();
            missing = self.faces_without(origin, text);
            missing.is_empty()
        });
        assert!(is_shown, "{text}: not on {missing:?}");
        println!("{text}: on all faces after {:.1} s", began.elapsed().as_secs_f32());
    }

    fn faces_without(&self, origin: Origin, text: &str) -> Vec<&'static str> {
        let label = origin.label();
        let rows = |text: &str| -> String {
            let client = CLIENT.to_string();
            let rows = text.lines().filter(|line| line.contains(&client));
            rows.map(|row| format!("{row}\n")).collect()
        };
        let top = rows(&self.says(&["top", "--once"]));
        let body = |path: &str| get(self.proxy.admin, path).body;
        let clients: ClientPage = serde_json::from_str(&body("/api/v1/clients")).unwrap();
        let mut clients = clients.clients.into_iter();
        let client = clients.find(|view| view.client == CLIENT);
        let now = client.and_then(|view| view.failing_now);
        let failures: FailurePage = serde_json::from_str(&body("/api/v1/failures")).unwrap();
        let name = failures.names.first();
        let page = body("/");
        let card = page.split_once("Fails most").map_or("", |(_, rest)| rest);
        let card = card.split_once("</article>").map_or("", |(card, _)| card);
        let faces = [
            ("API, clients", now.is_some_and(|now| now.origin == label)),
            ("API, failures", name.is_some_and(|name| name.origin == label)),
            ("page", card.contains(text) && card.contains("db.test.")),
            ("top", top.contains(text) && top.contains(&label.replace('_', " "))),
            ("stats", rows(&self.says(&["stats"])).contains(text)),
        ];
        let without = faces.into_iter().filter(|(_, is_shown)| !is_shown);
        without.map(|(face, _)| face).collect()
    }

    fn says(&self, command: &[&str]) -> String {
        let admin = self.proxy.admin.to_string();
        let output = Command::new(program("fivedots").unwrap())
            .args(command)
            .args(["--admin", &admin])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// What is shown is of ten seconds; a look takes up to two on a busy machine.
const SHOWN: Duration = Duration::from_secs(12);
