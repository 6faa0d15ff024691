//! Whose stub resolver it is.

use std::fmt;

/// A stub resolver whose behavior is modeled.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Library {
    /// GNU libc: most images, and all that ask through it (Java, Python, Node's
    /// `dns.lookup`).
    Glibc,
    /// musl: Alpine images and static binaries.
    Musl,
    /// Go's own resolver, which static Go programs use.
    Go,
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
            Self::Go => "Go",
        })
    }
}
