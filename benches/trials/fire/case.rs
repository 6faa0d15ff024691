//! What the greedy client does.

use clap::ValueEnum;

use super::world::{GOOD, IN_TURN};
use crate::subject::Kind;

/// Ten times one bound.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Case {
    /// 20,000 names a second of a zone whose servers are silent
    SilentNames,
    /// 100 names a second that take half a second, in a zone asked by TCP; the other
    /// client asks in that zone
    SlowTcp,
    /// 10,240 queries for each of a few silent names
    Waiters,
    /// 2,048 connections, each opened anew when it ends
    Connections,
    /// 2,048 connections with half a message of 65,500 octets
    HalfMessages,
    /// 400 silent connections to where the probes go
    ProbeConnections,
    /// 64 KiB of names that differ at the end, 40 a second, and 600 datagrams of them
    HostileContent,
    /// 50,000 datagrams a second of random octets
    Garbage,
    /// Pages of the API with `limit=100000`, by eight at once
    LargePages,
}

impl Case {
    /// Those of `only`, or all.
    pub(crate) fn wanted(only: &[Self]) -> impl Iterator<Item = Self> {
        let all = Self::value_variants().iter().copied();
        all.filter(|case| only.is_empty() || only.contains(case))
    }

    /// In the table.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::SilentNames => "silent names",
            Self::SlowTcp => "slow TCP zone",
            Self::Waiters => "waiters",
            Self::Connections => "connections",
            Self::HalfMessages => "half messages",
            Self::ProbeConnections => "probe connections",
            Self::HostileContent => "hostile content",
            Self::Garbage => "garbage",
            Self::LargePages => "large pages",
        }
    }

    /// Where the misses of the other client are.
    pub(crate) const fn zone(self) -> &'static str {
        match self {
            Self::SlowTcp => IN_TURN,
            _ => GOOD,
        }
    }

    /// Whether a subject has what the case is about.
    pub(crate) const fn is_for(self, kind: Kind) -> bool {
        match self {
            Self::ProbeConnections => !matches!(kind, Kind::Unbound),
            Self::LargePages => matches!(kind, Kind::Fivedots),
            _ => true,
        }
    }
}
