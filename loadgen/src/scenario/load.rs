//! From a file, or its text, to a checked scenario.

use std::path::{Path, PathBuf};

use super::Scenario;
use super::check::check;
use super::error::{ScenarioError, Source};
use super::file::ScenarioFile;

impl Scenario {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its line.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        Self::load_for(path, None)
    }

    /// Reads and checks a file, with another `server` if one is given.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); a wrong server is shown with the line of the file's.
    pub fn load_for(path: &Path, server: Option<&str>) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|source| {
            let path = path.display().to_string();
            ScenarioError::Unreadable { path, source }
        })?;
        Self::parse_for(&text, path, server)
    }

    /// Checks the text of a file; names in other files are found from where
    /// `path` is.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: &Path) -> Result<Self, ScenarioError> {
        Self::parse_for(text, path, None)
    }

    fn parse_for(text: &str, path: &Path, server: Option<&str>) -> Result<Self, ScenarioError> {
        let source = Source { path, text };
        let mut file: ScenarioFile =
            toml::from_str(text).map_err(|error| source.toml_error(&error))?;
        if let Some(server) = server {
            server.clone_into(file.target.server.as_mut());
        }
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        check(&file, &source, &folder)
    }
}
