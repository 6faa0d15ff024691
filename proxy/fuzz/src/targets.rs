//! What is fed.

mod cache;
mod capture;
mod config;
mod http;
mod message;
mod name;
mod response;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher as _};

/// Something that takes octets.
pub struct Target {
    /// As on the command line.
    pub name: &'static str,
    /// Does with octets what the product would, and panics where a rule does not hold.
    /// Returns a number for what came of it: an input of a new one is worth keeping.
    pub feed: fn(&[u8]) -> u64,
    /// Where its seeds are, below `proxy/fuzz/seeds`.
    pub folders: &'static [&'static str],
    /// Parts that the format has.
    pub words: &'static [&'static [u8]],
    /// Octets of the longest input.
    pub longest: usize,
}

impl fmt::Debug for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

/// All targets.
pub const ALL: &[Target] = &[
    name::NAME,
    name::TEXT,
    message::MESSAGE,
    message::COMPOSE,
    message::QUERY,
    response::ACCEPT,
    response::ADMIT,
    cache::CACHE,
    config::CONFIG,
    config::RESOLV_CONF,
    capture::CAPTURE,
    http::HTTP,
];

/// Returns the target of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

/// A number for something that came of an input; the same in each run.
fn outcome(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// Of a number only how large it is, so that not each is something new.
const fn size(number: usize) -> u32 {
    usize::BITS - number.leading_zeros()
}
