//! JSON that keeps the order of its keys, to compare shapes and to print.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// A value; unlike that of `serde_json` it has its keys in the order in which
/// they came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Compares keys, their order, types and lengths, and returns the first
    /// place that differs. Of the members of `OPEN`, only the types are compared,
    /// and null fits any number.
    pub(crate) fn differs(&self, other: &Self) -> Option<String> {
        match (self, other) {
            (Self::Object(a), Self::Object(b)) => {
                let keys = |object: &[(String, Self)]| {
                    object
                        .iter()
                        .map(|(key, _)| key.clone())
                        .collect::<Vec<_>>()
                };
                if keys(a) != keys(b) {
                    return Some(format!(" has {:?}, and {:?}", keys(a), keys(b)));
                }
                let mut pairs = a.iter().zip(b);
                pairs.find_map(|((key, a), (_, b))| {
                    let differs =
                        if OPEN.contains(&&**key) { a.differs_open(b) } else { a.differs(b) };
                    differs.map(|at| format!(".{key}{at}"))
                })
            }
            (Self::List(a), Self::List(b)) if a.len() == b.len() => {
                let mut pairs = a.iter().zip(b).enumerate();
                pairs.find_map(|(n, (a, b))| a.differs(b).map(|at| format!("[{n}]{at}")))
            }
            (a, b) if a.kind() == b.kind() && !matches!(a, Self::List(_)) => None,
            (a, b) => Some(format!(" is {a:?}, and {b:?}")),
        }
    }

    fn differs_open(&self, other: &Self) -> Option<String> {
        match (self, other) {
            (Self::List(a), Self::List(b)) => {
                let first = a.first().zip(b.first());
                first.and_then(|(a, b)| a.differs(b))
            }
            (Self::Null, Self::Number(_)) | (Self::Number(_), Self::Null) => None,
            (a, b) => a.differs(b),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "truth",
            Self::Number(number) if number.is_f64() => "fraction",
            Self::Number(_) => "integer",
            Self::Text(_) => "text",
            Self::List(_) => "list",
            Self::Object(_) => "object",
        }
    }

    /// Writes it in lines of at most [`WIDTH`] characters where that is possible,
    /// with as many members to a line as fit.
    pub(crate) fn pretty(&self) -> String {
        self.lines(0, 0)
    }

    /// `taken` characters stand before it on its first line.
    fn lines(&self, indent: usize, taken: usize) -> String {
        let flat = self.to_string();
        if indent + taken + flat.len() <= WIDTH {
            return flat;
        }
        let (open, close, members) = match self {
            Self::List(list) => ('[', ']', list.iter().map(|value| (None, value)).collect()),
            Self::Object(object) => {
                let members = object.iter().map(|(key, value)| (Some(key), value));
                ('{', '}', members.collect::<Vec<_>>())
            }
            _ => return flat,
        };
        let indent = indent + 2;
        let mut lines: Vec<String> = Vec::new();
        for (n, (key, value)) in members.iter().enumerate() {
            let key = key.map(|key| format!("{key:?}: ")).unwrap_or_default();
            let comma = if n + 1 == members.len() { "" } else { "," };
            let text = format!("{key}{}{comma}", value.lines(indent, key.len() + 1));
            match lines.last_mut() {
                Some(line) if fits(line, &text, indent) => *line = format!("{line} {text}"),
                _ => lines.push(text),
            }
        }
        let margin = " ".repeat(indent);
        let body: String = lines
            .iter()
            .map(|line| format!("{margin}{line}\n"))
            .collect();
        format!("{open}\n{body}{}{close}", " ".repeat(indent - 2))
    }
}

fn fits(line: &str, text: &str, indent: usize) -> bool {
    let whole = !line.contains('\n') && !text.contains('\n');
    whole && indent + line.len() + 1 + text.len() <= WIDTH
}

/// In one line, as `{"a": 1}`.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: Vec<String>| parts.join(", ");
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(truth) => truth.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(&serde_json::to_string(text).unwrap()),
            Self::List(list) => {
                write!(f, "[{}]", joined(list.iter().map(Self::to_string).collect()))
            }
            Self::Object(object) => {
                let member = |(key, value): &(String, Self)| format!("{key:?}: {value}");
                write!(f, "{{{}}}", joined(object.iter().map(member).collect()))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Json, E> {
        Ok(Json::Bool(truth))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Number(Number::from_f64(number).unwrap()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(item) = items.next_entry()? {
            object.push(item);
        }
        Ok(Json::Object(object))
    }
}

/// Members that depend on how long the proxy ran: a list that grows every ten
/// seconds, and times that are null where nothing was answered.
const OPEN: [&str; 3] = ["history", "p50_ms", "p99_ms"];

/// Characters of a line, as in the source.
const WIDTH: usize = 100;

#[test]
fn shapes_differ_by_keys_order_types_and_length() {
    let shown = Json::parse(r#"{"a": 1, "b": [{"c": 0.5}], "p50_ms": null, "history": []}"#);
    let alike = r#"{"a": 7, "b": [{"c": 1.0}], "p50_ms": 2.0, "history": [1, 2]}"#;
    assert_eq!(shown.differs(&Json::parse(alike)), None);
    for other in [
        r#"{"b": [{"c": 0.5}], "a": 1, "p50_ms": null, "history": []}"#,
        r#"{"a": "1", "b": [{"c": 0.5}], "p50_ms": null, "history": []}"#,
        r#"{"a": 1, "b": [{"c": 1}], "p50_ms": null, "history": []}"#,
        r#"{"a": 1, "b": [], "p50_ms": null, "history": []}"#,
        r#"{"a": 1, "b": [{"d": 0.5}], "p50_ms": null, "history": []}"#,
        r#"{"a": 1, "b": [{"c": 0.5}], "p50_ms": null}"#,
    ] {
        assert!(shown.differs(&Json::parse(other)).is_some(), "{other}");
    }
}
