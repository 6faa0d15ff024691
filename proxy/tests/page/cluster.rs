//! 200 clients of 20 workloads: three that waste, one that fails, one whose
//! names go round.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use console::api::Summary;
use hickory_proto::op::ResponseCode;
use observe::{Identity, Workload};
use testbed::http::get;
use testbed::{eventually, pace, port};
use upstream::{Rule, Upstream};

use crate::SOON;
use crate::node::Node;

/// A proxy, its upstream, and clients that ask until they are told to stop.
pub(crate) struct Cluster {
    pub(crate) node: Node,
    _upstream: Upstream,
    stop: Arc<AtomicBool>,
    clients: Option<JoinHandle<u64>>,
}

/// The workload that wastes most, and its only Pod.
pub(crate) const WORST: (&str, &str) = ("checkout", "127.20.0.1");
/// The one that fails.
pub(crate) const UNLUCKY: &str = "payments";

/// Wastes a little, and nobody says whose it is.
pub(crate) const STRANGER: &str = "127.30.0.1";

impl Cluster {
    /// Starts them.
    pub(crate) fn start() -> Self {
        let upstream = Upstream::builder()
            .zone("example.com.", "api 2 A 192.0.2.1\nqueue 2 A 192.0.2.2\nlogs 2 A 192.0.2.3")
            .zone("cluster.local.", &services())
            .rule(Rule::on("payments.test.").rcode(ResponseCode::ServFail))
            .start()
            .unwrap();
        let listen = port::free(Ipv4Addr::LOCALHOST).unwrap();
        let zones = [(".", upstream.addr()), ("loop.test.", relay(listen))];
        let node = Node::start(listen, &zones);
        node.identify(pods().map(|(addr, workload)| (addr, identity(addr, workload))));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let clients = Some(std::thread::spawn(move || ask_until(listen, &stopped)));
        Self { node, _upstream: upstream, stop, clients }
    }

    /// Ends the clients, and waits until all they asked is accounted for and
    /// their lookups are over.
    pub(crate) fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let asked = self.clients.take().unwrap().join().unwrap();
        let summary = || -> Summary {
            serde_json::from_str(&get(self.node.admin, "/api/v1/summary").body).unwrap()
        };
        assert!(eventually(SOON, || summary().records >= asked), "{:?} of {asked}", summary());
        let open = || {
            let page = get(self.node.admin, "/api/v1/lookups").body;
            serde_json::from_str::<serde_json::Value>(&page).unwrap()["open_lookups"].clone()
        };
        assert!(eventually(Duration::from_secs(40), || open() == 0), "{}", open());
    }

    /// Waits until it has been up for so many seconds.
    pub(crate) fn age(&self, seconds: u64) {
        let uptime = || {
            let page = get(self.node.admin, "/api/v1/summary").body;
            serde_json::from_str::<Summary>(&page).unwrap().uptime_s
        };
        assert!(eventually(Duration::from_secs(seconds + 30), || uptime() >= seconds));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A forwarder that sends what it is asked back to the proxy.
fn relay(proxy: SocketAddr) -> SocketAddr {
    let [socket, onwards] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let addr = socket.local_addr().unwrap();
    onwards.connect(proxy).unwrap();
    onwards.set_read_timeout(Some(SOON)).unwrap();
    // It ends with the test's process.
    std::thread::spawn(move || {
        let mut octets = [0; 4096];
        while let Ok((len, peer)) = socket.recv_from(&mut octets) {
            onwards.send(&octets[..len]).ok();
            if let Ok(len) = onwards.recv(&mut octets) {
                socket.send_to(&octets[..len], peer).ok();
            }
        }
    });
    addr
}

/// The address of each Pod and whose it is.
fn pods() -> impl Iterator<Item = (IpAddr, String)> {
    let special = ["checkout", "orders", "report", "payments", "mailer"];
    let special = (1..)
        .zip(special)
        .map(|(n, name)| ([127, 20, 0, n], name.to_owned()));
    let quiet = (0..195_u8).map(|n| ([127, 21, n / 10, 1 + n % 10], format!("app-{}", n % 15)));
    special.chain(quiet).map(|(addr, name)| (addr.into(), name))
}

fn identity(addr: IpAddr, name: String) -> Identity {
    let kind = if name == "report" { "CronJob" } else { "Deployment" };
    let (namespace, kind) = ("shop".to_owned(), kind.to_owned());
    Identity {
        uid: addr.to_string().into(),
        pod: Some(format!("{name}-{addr}").into()),
        workload: Arc::new(Workload { namespace, kind, name }),
        since: None,
        search: None,
        options: Vec::new(),
    }
}

fn services() -> String {
    let service = |n: u8| format!("app-{n}.shop.svc 5 A 10.96.0.{n}\n");
    (1..=20).map(service).collect()
}

/// Every round of a fifth of a second each of the quiet clients may look one
/// name up; the others look up as many as they are known for.
fn ask_until(server: SocketAddr, stop: &AtomicBool) -> u64 {
    let pods: Vec<_> = pods().map(|(addr, _)| Pod::new(addr, server)).collect();
    let stranger = Pod::new(STRANGER.parse().unwrap(), server);
    let mut asked = 0;
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        for (n, pod) in pods.iter().enumerate() {
            asked += pod.round(n, round);
        }
        if round.is_multiple_of(8) {
            asked += stranger.look_up("api.example.com");
        }
        pace(Duration::from_millis(200));
    }
    asked
}

/// A client with an address of its own on the loopback.
struct Pod(UdpSocket);

impl Pod {
    fn new(addr: IpAddr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((addr, 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        Self(socket)
    }

    fn round(&self, n: usize, round: usize) -> u64 {
        match n {
            0 => (0..4).map(|_| self.look_up("api.example.com")).sum(),
            1 => (0..2).map(|_| self.look_up("queue.example.com")).sum(),
            2 => self.look_up("logs.example.com"),
            3 => (0..3)
                .map(|n| self.query(&format!("card-{n}-{round}.payments.test.")).0)
                .sum(),
            4 if round.is_multiple_of(5) => self.query(&format!("w{round}.loop.test.")).0,
            _ if (n + round).is_multiple_of(5) => self.look_up(&format!("app-{}", 1 + n % 20)),
            _ => 0,
        }
    }

    /// Walks the search list as a resolver with ndots 5 does, one query after
    /// another; returns how many those were.
    fn look_up(&self, name: &str) -> u64 {
        let mut asked = 0;
        for domain in DOMAINS {
            asked += 1;
            if self.query(&format!("{name}.{domain}.")).1 == 0 {
                return asked;
            }
        }
        asked + self.query(&format!("{name}.")).0
    }

    /// Asks for an A record; returns that it was one query, and the RCODE.
    fn query(&self, name: &str) -> (u64, u8) {
        static ID: AtomicU16 = AtomicU16::new(1);
        let id = ID.fetch_add(1, Ordering::Relaxed);
        let mut message = id.to_be_bytes().to_vec();
        message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        message.extend(dns::Name::from_text(name).unwrap().as_wire());
        message.extend([0, 1, 0, 1]);
        self.0.send(&message).unwrap();
        let mut answer = [0; 1232];
        let len = self.0.recv(&mut answer).unwrap();
        assert!(len >= 12 && answer[..2] == id.to_be_bytes());
        (1, answer[3] & 0x0f)
    }
}

pub(crate) const DOMAINS: [&str; 3] =
    ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];
