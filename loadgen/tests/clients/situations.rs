//! Which client meets which server, and where.

use std::fmt;

use crate::server::Mode::{self, *};

/// A resolver: a program, and its model.
pub(crate) struct Client {
    pub(crate) model: &'static str,
    /// What has to be there to build or run the program.
    pub(crate) needs: &'static str,
    /// It reads a search list.
    pub(crate) searches: bool,
}

pub(crate) const CLIENTS: [Client; 5] = [
    Client { model: "glibc", needs: "gcc", searches: true },
    Client { model: "musl", needs: "musl-gcc", searches: true },
    Client { model: "go", needs: "go", searches: true },
    Client { model: "c-ares", needs: "node", searches: false },
    Client { model: "nslookup", needs: "nslookup", searches: true },
];

/// What the servers do, and what the client is configured with.
pub(crate) struct Situation {
    pub(crate) about: &'static str,
    /// What each server does.
    pub(crate) servers: &'static [Mode],
    pub(crate) options: &'static str,
    pub(crate) name: &'static str,
    /// Of these models; of all where it is empty.
    pub(crate) only: &'static [&'static str],
    /// Takes little time, so that each test run plays it.
    pub(crate) in_short: bool,
}

const fn with(about: &'static str, servers: &'static [Mode]) -> Situation {
    let (options, name) = ("ndots:5", "api.example.com");
    Situation { about, servers, options, name, only: &[], in_short: true }
}

pub(crate) const SITUATIONS: [Situation; 18] = [
    with("NXDOMAIN on suffixes", &[NxdomainOnSuffix]),
    with("NODATA on suffixes", &[NodataOnSuffix]),
    with("SERVFAIL on suffixes", &[ServfailOnSuffix]),
    with("REFUSED", &[Refused]),
    Situation { in_short: false, ..with("silence", &[Silent]) },
    Situation { in_short: false, ..with("silence on suffixes", &[SilentOnSuffix]) },
    Situation {
        name: "www.example.com.",
        in_short: false,
        ..with("AAAA is never answered", &[SilentOnAaaa])
    },
    Situation { name: "www.example.com.", ..with("SERVFAIL for AAAA", &[ServfailOnAaaa]) },
    Situation { name: "www.example.com.", ..with("truncated, TCP answers", &[Truncated]) },
    Situation { name: "www.example.com.", ..with("truncated, no TCP", &[TruncatedNoTcp]) },
    with("closed port", &[Closed]),
    Situation { options: "ndots:1", ..with("NXDOMAIN with enough dots", &[Nxdomain]) },
    Situation {
        options: "ndots:5 single-request",
        only: &["glibc", "go"],
        ..with("single-request", &[NxdomainOnSuffix])
    },
    Situation {
        options: "ndots:5 single-request-reopen",
        only: &["glibc", "go"],
        ..with("single-request-reopen", &[NxdomainOnSuffix])
    },
    Situation {
        options: "ndots:2 no-aaaa edns0 trust-ad",
        only: &["glibc"],
        ..with("no-aaaa, edns0, trust-ad", &[NxdomainOnSuffix])
    },
    Situation {
        options: "ndots:5 use-vc",
        only: &["glibc", "go"],
        ..with("use-vc", &[NxdomainOnSuffix])
    },
    Situation {
        name: "www.example.com.",
        options: "timeout:1 attempts:2",
        ..with("three servers: silent, SERVFAIL, silent", &[Silent, Servfail, Silent])
    },
    Situation {
        name: "www.example.com.",
        options: "timeout:1 attempts:2 rotate",
        only: &["glibc", "go"],
        ..with("the same with rotate", &[Silent, Silent, Silent])
    },
];

/// A client in a situation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Pair {
    pub(crate) situation: usize,
    pub(crate) client: usize,
}

impl Pair {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let of = |situation| (0..CLIENTS.len()).map(move |client| Self { situation, client });
        (0..SITUATIONS.len()).flat_map(of).filter(|pair| {
            let only = pair.situation().only;
            only.is_empty() || only.contains(&pair.client().model)
        })
    }

    pub(crate) fn situation(self) -> &'static Situation {
        &SITUATIONS[self.situation]
    }

    pub(crate) fn client(self) -> &'static Client {
        &CLIENTS[self.client]
    }

    /// The address of a server, of the program's or of the model's.
    pub(crate) fn address(self, is_model: bool, server: usize) -> String {
        let side = 2 * self.client + usize::from(is_model) + 1;
        format!("127.{}.{side}.{}", 16 + self.situation, server + 1)
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.client().model, self.situation().about)
    }
}
