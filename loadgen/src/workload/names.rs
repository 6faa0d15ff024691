//! Reads names, one per line, in the format of dnsperf: `name` or `name type`.

use std::path::Path;

use dns::{Name, Rtype};

/// A name to ask for, and its type if the line has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NameEntry {
    /// The name.
    pub name: Name,
    /// The type; `None` leaves it to the workload's `types`.
    pub qtype: Option<Rtype>,
}

/// Why a file of names was not read.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not a name, or a name and a type.
    #[error("{path}:{line}: {text:?}: {reason}")]
    Line {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
        /// The line.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is not one name in it.
    #[error("{path}: there is no name in it")]
    Empty {
        /// The file.
        path: String,
    },
    /// More than a million names.
    #[error("{path}: more than {MAX_NAMES} names")]
    TooMany {
        /// The file.
        path: String,
    },
}

/// Reads the names of a file. Empty lines and those that start with `#` or
/// `;` are skipped.
///
/// # Errors
///
/// See [`NamesError`].
pub fn read_names(path: &Path) -> Result<Vec<NameEntry>, NamesError> {
    let shown = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(source) => return Err(NamesError::Unreadable { path: shown, source }),
    };
    parse(&text, &shown)
}

fn parse(text: &str, path: &str) -> Result<Vec<NameEntry>, NamesError> {
    let mut names = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let asked = parse_line(line).map_err(|reason| NamesError::Line {
            path: path.to_owned(),
            line: number + 1,
            text: line.to_owned(),
            reason,
        })?;
        if names.len() == MAX_NAMES {
            return Err(NamesError::TooMany { path: path.to_owned() });
        }
        names.push(asked);
    }
    if names.is_empty() {
        return Err(NamesError::Empty { path: path.to_owned() });
    }
    Ok(names)
}

/// Reads `name` or `name type`, with a reason when it is neither.
pub(super) fn parse_line(line: &str) -> Result<NameEntry, String> {
    let mut fields = line.split_ascii_whitespace();
    let name = fields.next().unwrap_or_default();
    let name = Name::from_text(name).map_err(|error| error.to_string())?;
    let qtype = match fields.next() {
        None => None,
        Some(field) => {
            Some(Rtype::from_mnemonic(field).ok_or_else(|| format!("unknown type {field:?}"))?)
        }
    };
    match fields.next() {
        None => Ok(NameEntry { name, qtype }),
        Some(rest) => Err(format!("{rest:?} after the type")),
    }
}

impl std::str::FromStr for NameEntry {
    type Err = String;

    /// Reads one line: `name` or `name type`.
    fn from_str(line: &str) -> Result<Self, String> {
        parse_line(line)
    }
}

/// Names of one workload: some 100 MiB of composed queries.
pub(super) const MAX_NAMES: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_a_type_are_read() {
        let text = "# top names\nexample.com A\n\n; more\nwww.example.com\n_sip._udp.example SRV\n";
        let names = parse(text, "names").unwrap();
        let types: Vec<_> = names.iter().map(|asked| asked.qtype).collect();
        assert_eq!(types, [Some(Rtype::A), None, Some(Rtype::SRV)]);
        assert_eq!(names[1].name.to_string(), "www.example.com.");
    }

    #[test]
    fn a_bad_line_is_named_with_its_number() {
        for (text, message) in [
            ("a.example A\nb..example A", "f:2: \"b..example A\": a label is empty"),
            ("a.example QQ", "f:1: \"a.example QQ\": unknown type \"QQ\""),
            ("a.example A IN", "f:1: \"a.example A IN\": \"IN\" after the type"),
            ("# nothing\n", "f: there is no name in it"),
        ] {
            assert_eq!(parse(text, "f").unwrap_err().to_string(), message);
        }
    }
}
