//! What is odd about a resolv.conf: tolerated by the libraries, but worth a
//! word to the operator.

use std::fmt;

/// Something a library passes over in silence, and the line it is on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Remark {
    /// From 1.
    pub line: usize,
    /// What is odd.
    pub what: Oddity,
}

/// What can be odd about a line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Oddity {
    /// glibc and musl know a keyword only at the start of a line.
    #[error("the line begins with white space, so it is ignored")]
    Indented,
    /// musl reads into 256 octets, and drops what does not fit.
    #[error("the line has {0} octets, so musl ignores it; it reads at most 254")]
    LineTooLong(usize),
    /// A keyword with nothing after it.
    #[error("`{0}` without a value")]
    NoValue(String),
    /// There is no comment at the end of a line.
    #[error("`{0}` does not begin a comment here: it is read as a search domain")]
    NotAComment(String),
    /// A number is outside of what the library takes.
    #[error("`{option}` is out of bounds: {used} is used")]
    OutOfBounds {
        /// The option, as it was written.
        option: String,
        /// What the library takes instead.
        used: u32,
    },
    /// The address cannot be read.
    #[error("`{0}` is not an IP address, so the nameserver is ignored")]
    BadNameserver(String),
    /// Search domains beyond our own bound.
    #[error("more than {0} search domains: the rest is not followed here")]
    TooManyDomains(usize),
    /// All three libraries ask the first three only.
    #[error("nameserver {0} is ignored: only the first 3 are asked")]
    TooManyNameservers(String),
    /// No library knows the line.
    #[error("unknown keyword `{0}`")]
    UnknownKeyword(String),
    /// The library does not know the option.
    #[error("option `{0}` is not known, so it is ignored")]
    UnknownOption(String),
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}
