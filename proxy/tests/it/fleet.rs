//! Many nodes asked at a time, over real connections: some are slow, some are dead.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use console::read_page_over;
use diagnose::{Absence, Conntrack, Evidence, Fleet, Outcome, Place, Unseen};
use proxy::evidence::ask_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Builder;

/// What a node does that is asked.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Node {
    /// It answers; the connection table is full or not.
    Answers { full: bool },
    /// It takes the connection and nothing more.
    Slow,
    /// Nothing listens.
    Dead,
}

impl Node {
    fn of(n: usize) -> Self {
        match n {
            _ if n % 25 == 7 => Self::Slow,
            _ if n % 50 == 3 => Self::Dead,
            _ => Self::Answers { full: n < 60 },
        }
    }

    /// Starts it; returns where it is asked.
    async fn start(self) -> SocketAddr {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let addr = socket.local_addr().unwrap();
        if self == Self::Dead {
            // Bound, so that no other node gets its port.
            tokio::spawn(async move {
                let _bound = socket;
                std::future::pending::<()>().await;
            });
            return addr;
        }
        let listener = socket.listen(1).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            // The request fits into one segment.
            assert!(stream.read(&mut head).await.unwrap() > 0);
            let Self::Answers { full } = self else { return std::future::pending().await };
            let table =
                Conntrack { applies: true, dropped: u64::from(full), ..Conntrack::default() };
            let evidence = Evidence { conntrack: Some(table), ..Evidence::default() };
            let body = serde_json::to_string(&evidence).unwrap();
            let length = body.len();
            let page = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.write_all(page.as_bytes()).await.unwrap();
        });
        addr
    }
}

/// Counts those that are asked at this moment.
struct Asked {
    now: Arc<AtomicUsize>,
}

impl Asked {
    fn begin(now: &Arc<AtomicUsize>, most: &AtomicUsize) -> Self {
        let count = now.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(count, Ordering::SeqCst);
        Self { now: Arc::clone(now) }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn fetch(addr: SocketAddr) -> Result<Evidence, String> {
    let stream = TcpStream::connect(addr)
        .await
        .map_err(|error| error.to_string())?;
    let page = read_page_over(stream, "a node", "/api/v1/evidence").await;
    page.map_err(|error| error.to_string())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is promised")]
fn five_hundred_nodes_are_judged_in_twenty_seconds_with_some_slow_and_some_dead() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let (seen, unseen) = runtime.block_on(async {
        let mut nodes = Vec::new();
        for n in 0..NODES {
            nodes.push((format!("node-{n:03}"), Node::of(n).start().await));
        }
        let fetch = |addr| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                let _asked = Asked::begin(&now, &most);
                fetch(addr).await
            }
        };
        ask_all(nodes, fetch).await
    });
    let took = began.elapsed();
    println!("{NODES} nodes, 20 of them slow and 10 dead, in {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    let most = most.load(Ordering::SeqCst);
    assert!((2..=100).contains(&most), "{most} at a time");
    assert_eq!((seen.len(), unseen.len()), (NODES - 30, 30));
    let count = |state| unseen.iter().filter(|one| one.state == state).count();
    assert_eq!((count(Absence::Slow), count(Absence::Dead)), (20, 10));
    judged(&seen, unseen);
}

fn judged(seen: &[Evidence], unseen: Vec<Unseen>) {
    let place = |n: usize| {
        let zone = if n < 64 { "eu-1a" } else { "eu-1b" };
        let labels = [("zone".to_owned(), zone.to_owned())].into();
        Place { node: format!("node-{n:03}"), labels }
    };
    let places: Vec<_> = (0..NODES).map(place).collect();
    let fleet = Fleet::judge(seen).within(unseen, &places);
    assert_eq!(fleet.outcome(), Outcome::Problem);
    let text = fleet.to_string();
    // Of the first sixty, two are dead and two are slow.
    let full = (0..60).filter(|n| matches!(Node::of(*n), Node::Answers { .. }));
    let (full, with) =
        (full.count(), (0..64).filter(|n| matches!(Node::of(*n), Node::Answers { .. })));
    let with = with.count();
    assert!(text.starts_with(&format!("{full} of 470 nodes: node-000, ")), "{text}");
    let common = format!("common    zone eu-1a: {full} of its {with} nodes, 0 of the ");
    assert!(text.contains(&common), "{text}");
    let mut rows = text.lines().skip_while(|line| !line.starts_with("node  "));
    let rows: Vec<_> = rows.by_ref().skip(1).collect();
    assert!(
        rows[..full]
            .iter()
            .all(|row| row.contains("conntrack_full")),
        "{text}"
    );
    let dead = &rows[full..full + 10];
    assert!(
        dead.iter()
            .all(|row| row.contains(" dead ") && row.contains("refused")),
        "{text}"
    );
    let slow = &rows[full + 10..full + 30];
    let is_slow = |row: &&str| row.contains(" slow ") && row.ends_with("no answer within 3 s");
    assert!(slow.iter().all(is_slow), "{text}");
}

const NODES: usize = 500;
