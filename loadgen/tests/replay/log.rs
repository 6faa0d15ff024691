//! A made-up log of CoreDNS, and what is in it.

use std::fmt::Write as _;
use std::path::Path;

/// One query.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Nanoseconds since the first.
    pub(crate) at: u64,
    pub(crate) client: u16,
    pub(crate) name: String,
    took: u64,
    port: u16,
    id: u16,
}

/// All queries, in the order of time.
pub(crate) struct Log {
    pub(crate) queries: Vec<Query>,
    pub(crate) clients: u16,
}

impl Log {
    /// `lines` queries of `clients` in so many seconds: seven of ten for names that all
    /// ask for, the others for names of their own; one in a hundred is silence.
    pub(crate) fn new(lines: u64, clients: u16, seconds: u64) -> Self {
        let mut state = 1_u64;
        let mut draw = move |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let gap = seconds * 1_000_000_000 / lines;
        let mut queries: Vec<_> = (0..lines)
            .map(|n| {
                let client = u16::try_from(draw(u64::from(clients))).unwrap();
                let name = match draw(10) {
                    0..7 => format!("s{}.shared.example.", draw(10)),
                    _ => format!("own-{n}-of-{client}.example."),
                };
                let took = if draw(100) == 0 { 6_000_000_000 } else { 100_000 + draw(5_000_000) };
                let [port, id] = [draw(20_000) + 30_000, draw(65_536)]
                    .map(|number| u16::try_from(number).unwrap());
                Query {
                    at: n * gap + if n == 0 { 0 } else { draw(gap) },
                    client,
                    name,
                    took,
                    port,
                    id,
                }
            })
            .collect();
        queries.sort_by_key(|query| query.at);
        Self { queries, clients }
    }

    /// Writes three files, as CoreDNS would: in the order in which queries ended.
    pub(crate) fn write(&self, folder: &Path) -> Vec<String> {
        let mut ended: Vec<_> = self.queries.iter().collect();
        ended.sort_by_key(|query| query.at + query.took);
        let mut texts = [String::new(), String::new(), String::new()];
        for query in ended {
            let pod = usize::from(query.client) * 7 % 3;
            texts[pod].push_str(&line(query, pod == 0));
        }
        texts[1].push_str("2026-11-28T10:00:59Z [INFO] plugin/health: Going into lameduck mode\n");
        // The latest first.
        let files = (0..3)
            .rev()
            .map(|pod| folder.join(format!("pod-{pod}.log")));
        let files = files.zip(texts.iter().rev());
        files
            .map(|(path, text)| {
                std::fs::write(&path, text).unwrap();
                path.display().to_string()
            })
            .collect()
    }

    /// What a client asks, in its order.
    pub(crate) fn of(&self, client: u16) -> impl Iterator<Item = &Query> {
        self.queries
            .iter()
            .filter(move |query| query.client == client)
    }
}

fn line(query: &Query, is_cri: bool) -> String {
    let stamp = query.at + query.took;
    let (second, nanos) = (stamp / 1_000_000_000, stamp % 1_000_000_000);
    let mut line = format!("2026-11-28T10:{:02}:{:02}.{nanos:09}Z ", second / 60, second % 60);
    if is_cri {
        line.push_str("stdout F ");
    }
    let Query { client, name, took, port, id, .. } = query;
    let outcome = if *took >= 6_000_000_000 { "- - 0" } else { "NOERROR qr,aa,rd 97" };
    writeln!(
        line,
        "[INFO] 10.244.{}.{}:{port} - {id} \"A IN {name} udp 45 false 512\" {outcome} {}.{:09}s",
        client / 250,
        client % 250 + 1,
        took / 1_000_000_000,
        took % 1_000_000_000,
    )
    .unwrap();
    line
}
