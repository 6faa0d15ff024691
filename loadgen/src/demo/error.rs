//! Why a demo ends without its page.

use std::io;
use std::time::Duration;

use crate::exit::Exit;

/// Why the demo could not be shown.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum DemoError {
    #[error("--for {0:?} is not a duration such as 15s")]
    Length(String),
    #[error("--rate {0} is not 1 to 5000 lookups per second")]
    Rate(f64),
    #[error("cannot start the server that plays CoreDNS: {0}")]
    Upstream(String),
    #[error("cannot start {0}: {1}")]
    Start(String, io::Error),
    #[error("{0} ended before it was ready; its output:\n{1}")]
    Ended(String, String),
    #[error("{0} was not ready within {1:?}; its output:\n{2}")]
    NotReady(String, Duration, String),
    #[error("an act is no scenario: {0}")]
    Act(String),
    #[error("cannot run the load: {0}")]
    Run(io::Error),
    #[error("cannot write the page: {0}")]
    Output(io::Error),
    #[error("cannot write {0}: {1}")]
    Report(String, io::Error),
}

impl DemoError {
    /// Returns how the program ends because of it.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Length(_) | Self::Rate(_) => Exit::Usage,
            _ => Exit::RunError,
        }
    }
}
