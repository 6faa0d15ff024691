//! A resolver with its configuration, and what it remembers between lookups.

use std::time::Duration;

use super::Model;
use crate::{Library, Options, Remark, ResolvConf, Walk, walk};

/// A model and its resolv.conf.
#[derive(Clone, Debug)]
pub struct Resolver {
    /// Whose behavior it is.
    pub model: Model,
    /// What it made of the file.
    pub conf: ResolvConf,
    /// Servers that it asks, at least one.
    servers: u8,
}

/// What lasts from one lookup to the next in a process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// `rotate`: where glibc and Go begin next.
    pub(super) turn: u32,
    /// glibc has seen one of two queries unanswered: from then on A and AAAA one
    /// after the other.
    pub(super) single_request: bool,
    /// That did not help either: then from a port each.
    pub(super) reopen: bool,
}

impl Resolver {
    /// Reads the text of a resolv.conf as the model does, with what was odd in it.
    pub fn new(model: Model, text: &str) -> (Self, Vec<Remark>) {
        let (mut conf, remarks) = ResolvConf::parse(model.reader(), text);
        let has = |option: &str| text.contains(option);
        match model {
            Model::Nslookup if !has("attempts:") => conf.options.attempts = NSLOOKUP_ATTEMPTS,
            Model::CAres => {
                // Node.js passes the tries itself, and no timeout.
                conf.options.attempts = NODE_TRIES;
                if !has("timeout:") {
                    conf.options.timeout = C_ARES_TIMEOUT;
                }
            }
            _ => {}
        }
        let servers = u8::try_from(conf.nameservers.len())
            .unwrap_or(u8::MAX)
            .max(1);
        (Self { model, conf, servers }, remarks)
    }

    /// Returns how many servers it asks; one where the file names none.
    pub const fn servers(&self) -> u8 {
        self.servers
    }

    /// Asks this many servers, whatever the file names; one at least, three at most.
    #[must_use]
    pub fn with_servers(mut self, servers: u8) -> Self {
        self.servers = servers.clamp(1, MOST_SERVERS);
        self
    }

    /// Returns the names that a lookup of `name` may ask for; none if the resolver
    /// would not look it up.
    pub fn walk(&self, name: &str) -> Walk {
        match self.model {
            Model::Glibc => walk(Library::Glibc, &self.conf, name),
            // Like musl, nslookup goes on after NXDOMAIN alone, and does not search
            // for a name with enough dots.
            Model::Musl | Model::Nslookup => walk(Library::Musl, &self.conf, name),
            Model::Go => walk(Library::Go, &self.conf, name),
            Model::CAres => {
                let bare = ResolvConf {
                    options: Options { ndots: 0, ..self.conf.options.clone() },
                    ..ResolvConf::default()
                };
                walk(Library::Musl, &bare, name)
            }
        }
    }
}

impl Memory {
    /// A process that has begun `turn` lookups with `rotate`: glibc begins at random.
    pub fn starting_at(turn: u32) -> Self {
        Self { turn, ..Self::default() }
    }

    /// The server that is first now, of so many; the next time it is another.
    pub(super) fn next_turn(&mut self, servers: u8) -> u8 {
        let turn = self.turn % u32::from(servers.max(1));
        self.turn = self.turn.wrapping_add(1);
        u8::try_from(turn).unwrap_or(0)
    }
}

/// BIND: `RESCONFMAXRETRIES` of `lib/irs/resconf.c`.
const NSLOOKUP_ATTEMPTS: u32 = 3;
/// Node.js: `DEFAULT_TRIES` of `lib/internal/dns/utils.js`.
const NODE_TRIES: u32 = 4;
/// c-ares: `DEFAULT_TIMEOUT` of `ares_private.h`.
const C_ARES_TIMEOUT: Duration = Duration::from_secs(2);
/// `MAXNS`.
const MOST_SERVERS: u8 = 3;
