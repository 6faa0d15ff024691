//! What is wrong with a configuration, and where.

use std::io;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A line of the file is wrong.
    #[error("{}:{line}: {field}{reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The key with its section and a colon, or nothing.
        field: String,
        /// What is wrong with which value.
        reason: String,
    },
    /// The flags, or flags and file together, contradict each other.
    #[error("{0}")]
    Flags(String),
    /// No server to forward to.
    #[error(
        "no upstream: {} has {found}; set --upstream ADDR, or `upstreams` in the file",
        path.display()
    )]
    NoUpstream {
        /// The resolv.conf.
        path: PathBuf,
        /// What is in it.
        found: String,
    },
}
