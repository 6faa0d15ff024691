//! A client that fell silent: no cause of trouble by itself, and what a cause that no server
//! sees looks like.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A workload, or an address without one, that sent queries steadily and then none, while
/// other clients of the node went on.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Silent {
    /// `NAMESPACE/NAME`, or an address.
    pub name: String,
    /// What kind of object that is, as `Deployment`; `address` where it is one.
    pub kind: String,
    /// Its queries in a minute, while it sent some.
    pub per_minute: u64,
    /// When its last query came, in seconds since 1970.
    pub until_unix_s: u64,
    /// Seconds since then.
    pub silent_s: u64,
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, per_minute, silent_s, .. } = self;
        let minute = self.until_unix_s / 60 % MINUTES_OF_DAY;
        let (hour, minute) = (minute / 60, minute % 60);
        write!(
            f,
            "{name}: {per_minute} queries a minute until {hour:02}:{minute:02} UTC, none for {} min",
            silent_s / 60
        )
    }
}

/// What to look at of clients that fell silent: a sentence.
#[must_use]
pub fn silence_hint(silent: &[Silent]) -> Option<String> {
    let first = silent.first()?;
    // Of a node, and of an address, nothing is known to the API.
    let of = first
        .name
        .split_once('/')
        .map(|(namespace, _)| format!(" --namespace {namespace}"));
    Some(format!(
        "idle, or cut off: does a NetworkPolicy deny port 53 (`fivedots audit{}`), is its \
         resolv.conf another now?",
        of.unwrap_or_default()
    ))
}

const MINUTES_OF_DAY: u64 = 24 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_its_rate_and_the_end_of_it() {
        let web = Silent {
            name: "shop/web".to_owned(),
            kind: "Deployment".to_owned(),
            per_minute: 240,
            until_unix_s: 1_700_022_119,
            silent_s: 359,
        };
        let text = "shop/web: 240 queries a minute until 04:21 UTC, none for 5 min";
        assert_eq!(web.to_string(), text);
        let hint = silence_hint(std::slice::from_ref(&web)).unwrap();
        assert!(hint.contains("`fivedots audit --namespace shop`"), "{hint}");
        let addr = Silent { name: "10.0.0.7".to_owned(), ..web };
        assert!(silence_hint(&[addr]).unwrap().contains("`fivedots audit`"));
        assert_eq!(silence_hint(&[]), None);
    }
}
