//! From a file, or its text, to a checked scenario.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::{DeTable, Deserializer};

use super::check::check;
use super::error::{ScenarioError, Source};
use super::file::ScenarioFile;
use super::{Scenario, fingerprint, setting};

impl Scenario {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its line.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        Self::load_for(path, None, &[])
    }

    /// Reads and checks a file, with another `server` if one is given, and with other
    /// values by `settings` as `KEY=VALUE`.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); a wrong server is shown with the line of the file's.
    pub fn load_for(
        path: &Path,
        server: Option<&str>,
        settings: &[String],
    ) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|source| {
            let path = path.display().to_string();
            ScenarioError::Unreadable { path, source }
        })?;
        Self::parse_for(&text, path, server, settings)
    }

    /// Checks the text of a file; names in other files are found from where
    /// `path` is.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: &Path) -> Result<Self, ScenarioError> {
        Self::parse_for(text, path, None, &[])
    }

    pub(super) fn parse_for(
        text: &str,
        path: &Path,
        server: Option<&str>,
        settings: &[String],
    ) -> Result<Self, ScenarioError> {
        let source = Source { path, text };
        let wrong = |error: toml::de::Error| source.toml_error(&error);
        let mut table = DeTable::parse(text).map_err(wrong)?;
        setting::apply(&mut table, settings).map_err(ScenarioError::Setting)?;
        let mut file = ScenarioFile::deserialize(Deserializer::from(table)).map_err(wrong)?;
        if let Some(server) = server {
            server.clone_into(file.target.server.as_mut());
        }
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let mut scenario = check(&file, &source, &folder)?;
        if !settings.is_empty() {
            // It is another load than the file's.
            scenario.fingerprint = fingerprint(&format!("{text}\n{}", settings.join("\n")));
        }
        Ok(scenario)
    }
}
