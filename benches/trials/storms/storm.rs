//! The storms by name.

use std::time::Duration;

use clap::ValueEnum;

use crate::subject::Kind;

/// One kind of trouble.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Storm {
    /// The only upstream is silent for a second, as when it is rolled
    AwaySecond,
    /// For a minute
    AwayMinute,
    /// For ten minutes
    AwayLong,
    /// One of two upstreams is silent
    OneSilent,
    /// One of two has no process at its port
    OneRefuses,
    /// One of two answers SERVFAIL
    OneFails,
    /// One of two takes 300 ms longer
    OneSlow,
    /// Long answers, and the upstream's TCP port swallows each SYN
    SynDropped,
    /// Long answers, and the upstream's TCP port is closed
    TcpClosed,
    /// The sockets to the upstream are destroyed, five times a second (`ss -K`)
    SocketsDestroyed,
    /// Port unreachable, forged for each port, while answers take 150 ms
    IcmpForged,
    /// Before each answer one with a wrong ID
    WrongIds,
    /// The only upstream is away for a minute while another client asks 2,000 names a
    /// second
    Herd,
    /// Nothing reads the log any more
    LogFull,
    /// The Kubernetes API does not answer
    ApiAway,
    /// The configuration is read anew, five times a second
    Reload,
    /// The server in resolv.conf is another one, and the former is gone
    ResolvConf,
    /// The upstream forwards to us
    Loop,
}

impl Storm {
    /// Those of `only`, or all.
    pub(crate) fn wanted(only: &[Self]) -> impl Iterator<Item = Self> {
        let all = Self::value_variants().iter().copied();
        all.filter(|storm| only.is_empty() || only.contains(storm))
    }

    /// Its name on the command line and in docs/dns-behaviour.md.
    pub(crate) fn title(self) -> String {
        let value = self.to_possible_value();
        value
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// How long it lasts.
    pub(crate) const fn length(self, quick: bool) -> Duration {
        let seconds = match (self, quick) {
            (Self::AwaySecond, _) => 1,
            (Self::AwayMinute | Self::Herd, false) => 60,
            (Self::AwayLong, false) => 600,
            // Longer than getaddrinfo tries.
            (Self::AwayMinute | Self::Herd, true) => 12,
            (Self::AwayLong, true) => 15,
            _ => 5,
        };
        Duration::from_secs(seconds)
    }

    /// Whether a subject has what the storm is about.
    pub(crate) const fn is_for(self, kind: Kind) -> bool {
        match self {
            Self::ApiAway => matches!(kind, Kind::Fivedots),
            Self::ResolvConf => !matches!(kind, Kind::Unbound),
            _ => true,
        }
    }
}
