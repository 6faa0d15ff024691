//! Which files are played, with which trouble, and how each must end.

/// A scenario of the repository.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Play {
    pub(crate) file: &'static str,
    /// The trouble that the file cannot make itself.
    pub(crate) trouble: Trouble,
    /// The exit codes at a server that is well, at CoreDNS, and with Fivedots in front.
    pub(crate) exits: [i32; 3],
    /// What is another value than the file's: how fast a server is, is this machine's.
    pub(crate) set: &'static [&'static str],
    pub(crate) in_short: bool,
}

/// What the machine does to CoreDNS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    None,
    /// It has this many thousandths of a CPU.
    Cpu(u32),
    /// It has this many MiB, and is started again when it is killed for them.
    Memory(u32),
    /// Its only Pod is replaced after this many seconds, and the connection table keeps
    /// the flows to the old one.
    RollOut(u64),
    /// Its node has rules that look at connections, as kube-proxy's do.
    Tracked,
}

const fn play(file: &'static str, trouble: Trouble, exits: [i32; 3]) -> Play {
    Play { file, trouble, exits, set: &[], in_short: false }
}

impl Play {
    const fn set(self, set: &'static [&'static str]) -> Self {
        Self { set, ..self }
    }

    const fn short(self) -> Self {
        Self { in_short: true, ..self }
    }
}

/// A server that is well shows no cause: 4. CoreDNS shows it and does not meet what is
/// expected: 2. With Fivedots in front both hold: 0. Files without a cause are met by all.
pub(crate) const PLAYS: [Play; 17] = [
    play("smoke.toml", Trouble::None, [0, 0, 0]),
    play("baseline.toml", Trouble::None, [0, 0, 0])
        .set(&["expect.baseline.latency.p99=< 5s", "expect.run.lateness.p99=< 50ms"]),
    play("mixed-cluster.toml", Trouble::None, [0, 0, 0]),
    play("capacity-max.toml", Trouble::None, [0, 0, 0]),
    play("tcp-pipeline.toml", Trouble::None, [0, 0, 0]).set(&["expect.tcp.latency.p99=< 5s"]),
    play("warm-cache.toml", Trouble::None, [4, 0, 0]),
    play("cold-cache.toml", Trouble::None, [4, 0, 0]),
    play("truncation.toml", Trouble::None, [4, 0, 0]),
    play("upstream-failure.toml", Trouble::None, [4, 2, 0]).short(),
    play("tcp-dropped.toml", Trouble::None, [4, 2, 0]),
    play("forwarding-loop.toml", Trouble::None, [4, 2, 0]),
    play("overload.toml", Trouble::Cpu(10), [4, 2, 0]),
    play("search-path-storm.toml", Trouble::Cpu(20), [4, 2, 0]),
    play("thundering-herd.toml", Trouble::Cpu(10), [4, 2, 0]),
    play("out-of-memory.toml", Trouble::Memory(12), [4, 2, 0]),
    play("conntrack-full.toml", Trouble::Tracked, [4, 2, 0]),
    play("coredns-rollout.toml", Trouble::RollOut(6), [4, 2, 0]),
];
