//! What is wrong with a scenario file, and where.

use std::ops::Range;
use std::path::Path;

/// Why a file is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A value from the command line has no place in it.
    #[error("{0}")]
    Setting(String),
    /// Something in it is wrong.
    #[error("{path}:{line}: {reason}\n    {text}")]
    Wrong {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
        /// The line as it stands, which has the field and its value.
        text: String,
    },
}

impl ScenarioError {
    /// Returns what is wrong, without a place: a scenario made of arguments has no
    /// line that a user could look at.
    pub fn reason(&self) -> String {
        match self {
            Self::Wrong { reason, .. } => reason.clone(),
            other => other.to_string(),
        }
    }
}

/// What a check of a part yields.
pub(super) type Result<T> = std::result::Result<T, ScenarioError>;

/// The text that errors point into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// Points at what stands at `span`.
    pub(super) fn error(&self, span: Range<usize>, reason: impl Into<String>) -> ScenarioError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count();
        ScenarioError::Wrong {
            path: self.path.display().to_string(),
            line: line + 1,
            reason: reason.into(),
            text: self
                .text
                .lines()
                .nth(line)
                .unwrap_or_default()
                .trim()
                .to_owned(),
        }
    }

    /// Returns what the reader of TOML found wrong.
    pub(super) fn toml_error(&self, error: &toml::de::Error) -> ScenarioError {
        self.error(error.span().unwrap_or(0..0), error.message().trim().replace('\n', " "))
    }
}
