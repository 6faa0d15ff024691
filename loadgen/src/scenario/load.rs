//! From a file, or its text, to a checked scenario.

use std::path::{Path, PathBuf};

use super::Scenario;
use super::check::check;
use super::error::{ScenarioError, Source};

impl Scenario {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its line.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|source| {
            let path = path.display().to_string();
            ScenarioError::Unreadable { path, source }
        })?;
        Self::parse(&text, path)
    }

    /// Checks the text of a file; names in other files are found from where
    /// `path` is.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: &Path) -> Result<Self, ScenarioError> {
        let source = Source { path, text };
        let file = toml::from_str(text).map_err(|error| source.toml_error(&error))?;
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        check(file, &source, &folder)
    }
}
