//! What is found of a template, and what to do.

use std::borrow::Cow;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// Nothing was found.
    Fine,
    /// Worth knowing.
    Note,
    /// Names are found, at the cost of queries in vain.
    Cost,
    /// Names are not found with some resolver library; which one the images have, the API
    /// does not tell.
    Risk,
    /// The same, and the name of an image hints at that library.
    Likely,
}

impl Gravity {
    /// The word in the table.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Note => "note",
            Self::Cost => "COST",
            Self::Risk => "RISK",
            Self::Likely => "LIKELY",
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// Its name for machines.
    pub what: &'static str,
    /// How bad it is.
    pub gravity: Gravity,
    /// Whether musl alone is concerned.
    pub musl: bool,
    /// A sentence.
    pub text: String,
}

/// What to do about it; nothing is applied here.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Advice {
    /// What to change.
    pub action: Cow<'static, str>,
    /// What that is good for.
    pub saves: Cow<'static, str>,
    /// What it can break.
    pub risk: Cow<'static, str>,
    /// What to paste, where there is a command for it.
    pub command: Option<String>,
}
