//! Which resolvers there are models of.

use std::fmt;
use std::str::FromStr;

use crate::Library;

/// A resolver, with how a program calls it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Model {
    /// `getaddrinfo` of glibc 2.36.
    Glibc,
    /// `getaddrinfo` of musl 1.2.3, which has no TCP.
    Musl,
    /// `net.Resolver` of Go 1.26.
    Go,
    /// `dns.resolve4` of Node.js 20, which is c-ares 1.34: one type, no search list.
    CAres,
    /// BIND 9.18's nslookup.
    Nslookup,
}

/// No model has this name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is none of glibc, musl, go, c-ares, nslookup")]
pub struct UnknownModel(String);

impl Model {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Glibc, Self::Musl, Self::Go, Self::CAres, Self::Nslookup];

    /// Returns the name that scenarios use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
            Self::Go => "go",
            Self::CAres => "c-ares",
            Self::Nslookup => "nslookup",
        }
    }

    /// The library that reads resolv.conf in the same way. nslookup and c-ares have
    /// readers of their own; for the keywords modeled they agree with glibc's.
    pub(super) const fn reader(self) -> Library {
        match self {
            Self::Glibc | Self::CAres | Self::Nslookup => Library::Glibc,
            Self::Musl => Library::Musl,
            Self::Go => Library::Go,
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Model {
    type Err = UnknownModel;

    fn from_str(text: &str) -> Result<Self, UnknownModel> {
        Self::ALL
            .into_iter()
            .find(|model| model.as_str() == text)
            .ok_or_else(|| UnknownModel(text.to_owned()))
    }
}
