//! What the subjects are asked, as scenarios of our load generator.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use clap::ValueEnum;

/// A way to be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Workload {
    /// 1,000 names, all cached, from 8 sockets of one client
    Hits8,
    /// The same from 500 sockets, each a client's own as on a real node
    Hits500,
    /// 90 % of 20,000 names cached, 10 % never
    Mixed8,
    /// The same from 500 sockets
    Mixed500,
    /// Lookups of stub resolvers along a search path: three NXDOMAIN and one
    /// answer, A and AAAA, all cached
    Walk8,
    /// The same from 500 sockets
    Walk500,
    /// 20,000 names that no cache may keep
    Forward8,
    /// The same from 500 sockets
    Forward500,
    /// The same, over TCP to the upstream
    ForwardTcp,
    /// Hits at 5,000 queries a second, which is a busy node
    Paced,
    /// Hits over 8 connections, one query at a time on each
    Tcp1,
    /// The same, eight at a time
    Tcp8,
    /// The same, 64 at a time
    Tcp64,
}

impl Workload {
    /// All of them, in the order of the report.
    pub(crate) fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// Its name on the command line and in the report.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Whether every answer comes from the cache.
    pub(crate) const fn is_cached(self) -> bool {
        !matches!(
            self,
            Self::Mixed8 | Self::Mixed500 | Self::Forward8 | Self::Forward500 | Self::ForwardTcp
        )
    }

    pub(crate) const fn is_forwarded(self) -> bool {
        matches!(self, Self::Forward8 | Self::Forward500 | Self::ForwardTcp)
    }

    pub(crate) const fn is_tcp(self) -> bool {
        matches!(self, Self::Tcp1 | Self::Tcp8 | Self::Tcp64)
    }

    /// The names, one a line with its type.
    fn names(self) -> String {
        let mut text = String::new();
        let mut add = |name: &str, qtype: &str| {
            // Writing to a String does not fail.
            writeln!(text, "{name} {qtype}").unwrap_or_default();
        };
        match self {
            Self::Mixed8 | Self::Mixed500 => {
                for n in 0..18_000 {
                    add(&format!("n{n}.default.svc.cluster.local"), "A");
                }
                for n in 0..2_000 {
                    add(&format!("u{n}.default.svc.cluster.local"), "A");
                }
            }
            Self::Forward8 | Self::Forward500 | Self::ForwardTcp => {
                for n in 0..20_000 {
                    add(&format!("u{n}.default.svc.cluster.local"), "A");
                }
            }
            Self::Walk8 | Self::Walk500 => {
                for n in 0..100 {
                    add(&format!("x{n}.example.com"), "");
                }
            }
            _ => {
                for n in 0..1_000 {
                    add(&format!("n{n}.default.svc.cluster.local"), "A");
                }
            }
        }
        text
    }

    /// The scenario and its file of names; clients of their own have addresses
    /// from `first_client` on.
    pub(crate) fn scenario(
        self,
        server: SocketAddr,
        first_client: IpAddr,
        seconds: u64,
        source: u64,
    ) -> [String; 2] {
        let clients = format!("ports = \"pool:500\"\nfirst_source = \"{first_client}\"");
        let (sender, schedule) = match self {
            Self::Paced => ("ports = \"pool:16\"", "{ shape = \"constant\", rate = 5000 }"),
            Self::Tcp1 => ("connections = 8", "{ shape = \"max\", window = 8 }"),
            Self::Tcp8 => ("connections = 8", "{ shape = \"max\", window = 64 }"),
            Self::Tcp64 => ("connections = 8", "{ shape = \"max\", window = 512 }"),
            Self::Hits500 | Self::Mixed500 | Self::Forward500 => {
                (&*clients, "{ shape = \"max\", window = 500 }")
            }
            // Two queries of each at a time.
            Self::Walk500 => (&*clients, "{ shape = \"max\", window = 250 }"),
            Self::Walk8 => ("ports = \"pool:8\"", "{ shape = \"max\", window = 32 }"),
            _ => ("ports = \"pool:8\"", "{ shape = \"max\", window = 64 }"),
        };
        let lookup = match self {
            Self::Walk8 | Self::Walk500 => LOOKUP,
            _ => "",
        };
        let transport = if self.is_tcp() { "tcp" } else { "udp" };
        let scenario = format!(
            "schema = 1\nname = \"{}\"\nseed = {source}\n\
             [target]\nserver = \"{server}\"\ntransport = \"{transport}\"\nallow = [\"10.77.9.0/24\"]\n\
             [limits]\nmax_qps = 5000000\nmax_duration = \"10m\"\n\
             [sender]\nlinger = \"0s\"\n{sender}\n\
             [workload]\nnames = \"names\"\n{lookup}\
             [[phase]]\nname = \"load\"\nfor = \"{seconds}s\"\nschedule = {schedule}\n",
            self.name()
        );
        [scenario, self.names()]
    }
}

/// The scenario that fills a cache with 100,000 names, and its seconds.
pub(crate) fn fill(server: SocketAddr) -> ([String; 2], u64) {
    let [scenario, _] = Workload::Hits8.scenario(server, server.ip(), FILL_SECONDS, 7);
    let names = (0..FILL).map(|n| format!("f{n}.default.svc.cluster.local A\n"));
    ([scenario, names.collect()], FILL_SECONDS)
}

/// Names of [`fill`].
pub(crate) const FILL: u64 = 100_000;

/// Time for the slowest subject to be asked for each name, and most of them
/// several times, since names are drawn at random.
const FILL_SECONDS: u64 = 20;

/// A Pod's resolv.conf.
const LOOKUP: &str = "lookup = { search = [\"default.svc.cluster.local\", \"svc.cluster.local\", \
                      \"cluster.local\"], ndots = 5 }
";
