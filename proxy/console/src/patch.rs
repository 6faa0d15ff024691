//! kubectl commands that set ndots and keep all other options.
//!
//! A pod's `dnsConfig` is immutable, so the patch is for the template of its
//! owner, which rolls the pods. The API treats `options` as one value
//! (`listType=atomic`, without a merge key): a merge patch, strategic or not,
//! replaces the whole list. So the patch either lists all existing options, or is
//! made of commands that test first.

use std::borrow::Cow;
use std::fmt;

use observe::DnsOption;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An owner of pods. Its kind, namespace and name are valid in the API, and so
/// safe to paste into a shell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Owner {
    kind: Kind,
    namespace: String,
    name: String,
}

/// A kind of object that creates pods, or a pod without owner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// `CronJob`: the template is used from the next job on.
    CronJob,
    /// `DaemonSet`.
    DaemonSet,
    /// `Deployment`.
    Deployment,
    /// `Job`; its template is immutable.
    Job,
    /// `Pod`; its DNS settings are immutable.
    Pod,
    /// `StatefulSet`.
    StatefulSet,
}

/// Why there is no command for an owner.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OwnerError {
    /// A kind whose template is unknown here.
    #[error(
        "this kind is not supported: use CronJob, DaemonSet, Deployment, Job, Pod or StatefulSet"
    )]
    Kind,
    /// Not a label (RFC 1123) as the API requires.
    #[error("the namespace is not a DNS label")]
    Namespace,
    /// Not a subdomain (RFC 1123) as the API requires.
    #[error("the name is not a DNS subdomain")]
    Name,
}

/// How to set ndots for the pods of an owner.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Patch {
    /// One command.
    Command(String),
    /// Commands to run in order. None of them loses an option, and it is safe to
    /// paste all.
    Instructions(Vec<Instruction>),
    /// None: the object has to be recreated from its manifest.
    Immutable,
}

/// A command and when to use it.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Instruction {
    /// When, or what for.
    pub when: Cow<'static, str>,
    /// The command.
    pub command: String,
}

impl Owner {
    /// Checks names of the API; text with a meaning in a shell is refused.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Result<Self, OwnerError> {
        let kind = Kind::of(kind).ok_or(OwnerError::Kind)?;
        if !is_label(namespace) {
            return Err(OwnerError::Namespace);
        }
        if name.len() > MAX_SUBDOMAIN || !name.split('.').all(is_label) {
            return Err(OwnerError::Name);
        }
        Ok(Self { kind, namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// Returns how to set `ndots`. `options` are those of the pods' `dnsConfig`:
    /// `None` if unknown, an empty list if it has none.
    pub fn patch(&self, ndots: u8, options: Option<&[DnsOption]>) -> Patch {
        let Some(spec) = self.kind.pod_spec() else { return Patch::Immutable };
        match options {
            Some(options) => Patch::Command(self.merge(spec, &with_ndots(options, ndots))),
            None => Patch::Instructions(self.instructions(spec, ndots)),
        }
    }

    /// A merge patch: the other fields of `dnsConfig` stay as they are.
    fn merge(&self, spec: &[&str], options: &[DnsOption]) -> String {
        let config = json!({ "dnsConfig": { "options": options } });
        let patch = spec
            .iter()
            .rev()
            .fold(config, |inner, field| json!({ *field: inner }));
        self.kubectl_patch("merge", &patch)
    }

    fn instructions(&self, spec: &[&str], ndots: u8) -> Vec<Instruction> {
        let field = format!("{}.dnsConfig", spec.join("."));
        let [get, replace] =
            ["get", "replace"].map(|verb| format!("kubectl -n {} {verb}", self.namespace));
        let object = format!("{} {}", self.kind.resource(), self.name);
        vec![
            Instruction {
                when: "show the current settings".into(),
                command: format!("{get} {object} -o jsonpath='{{.{field}}}'"),
            },
            Instruction {
                when: "if that printed nothing".into(),
                command: self.kubectl_patch("json", &add_config(spec, ndots)),
            },
            Instruction {
                when: "if that printed settings; this keeps them".into(),
                // The object has its resourceVersion, so the API refuses it after
                // a change in between.
                command: format!(
                    "{get} {object} -o json | jq {} | {replace} -f -",
                    quoted(&jq_filter(&field, ndots))
                ),
            },
        ]
    }

    fn kubectl_patch(&self, kind: &str, patch: &Value) -> String {
        let (namespace, resource, name) = (&self.namespace, self.kind.resource(), &self.name);
        let patch = quoted(&patch.to_string());
        format!("kubectl -n {namespace} patch {resource} {name} --type={kind} -p {patch}")
    }
}

impl Kind {
    /// Returns the kind with this name in the API.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "CronJob" => Self::CronJob,
            "DaemonSet" => Self::DaemonSet,
            "Deployment" => Self::Deployment,
            "Job" => Self::Job,
            "Pod" => Self::Pod,
            "StatefulSet" => Self::StatefulSet,
            _ => return None,
        })
    }

    /// Its name on the command line.
    const fn resource(self) -> &'static str {
        match self {
            Self::CronJob => "cronjob",
            Self::DaemonSet => "daemonset",
            Self::Deployment => "deployment",
            Self::Job => "job",
            Self::Pod => "pod",
            Self::StatefulSet => "statefulset",
        }
    }

    /// The path of the pod spec in its template; `None` if that is immutable.
    const fn pod_spec(self) -> Option<&'static [&'static str]> {
        match self {
            Self::CronJob => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
            Self::DaemonSet | Self::Deployment | Self::StatefulSet => {
                Some(&["spec", "template", "spec"])
            }
            Self::Job | Self::Pod => None,
        }
    }
}

/// As text to paste into a shell, the conditions as comments.
impl fmt::Display for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => f.write_str(command),
            Self::Instructions(instructions) => {
                for (n, Instruction { when, command }) in instructions.iter().enumerate() {
                    let line_end = if n == 0 { "" } else { "\n" };
                    write!(f, "{line_end}# {when}:\n{command}")?;
                }
                Ok(())
            }
            Self::Immutable => f.write_str(
                "# dnsConfig is immutable here: set it in the manifest, then delete and recreate",
            ),
        }
    }
}

/// The options with this ndots once, in its old place or at the end.
fn with_ndots(options: &[DnsOption], ndots: u8) -> Vec<DnsOption> {
    let wanted = DnsOption { name: NDOTS.to_owned(), value: Some(ndots.to_string()) };
    let at = options.iter().position(|option| option.name == NDOTS);
    let mut all: Vec<DnsOption> = options
        .iter()
        .filter(|option| option.name != NDOTS)
        .cloned()
        .collect();
    // No option before the first ndots was removed.
    all.insert(at.unwrap_or(all.len()), wanted);
    all
}

/// A JSON patch that adds `dnsConfig`, and fails if there is one: for the API
/// server, a missing field is null.
fn add_config(spec: &[&str], ndots: u8) -> Value {
    let path = format!("/{}/dnsConfig", spec.join("/"));
    let config = json!({ "options": with_ndots(&[], ndots) });
    json!([
        { "op": "test", "path": path, "value": null },
        { "op": "add", "path": path, "value": config },
    ])
}

/// Replaces ndots in the options, or adds them.
fn jq_filter(field: &str, ndots: u8) -> String {
    let wanted = json!({ "name": NDOTS, "value": ndots.to_string() });
    format!(r#".{field}.options |= ([.[]? | select(.name != "{NDOTS}")] + [{wanted}])"#)
}

/// Quotes any text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns whether the API accepts it as a label: letters in lower case, digits
/// and, inside, hyphens.
fn is_label(text: &str) -> bool {
    let is_inner = |octet: u8| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=MAX_LABEL).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

const NDOTS: &str = "ndots";

/// Octets of a label, for the API as for DNS.
const MAX_LABEL: usize = 63;

/// Octets of the API's longest name.
const MAX_SUBDOMAIN: usize = 253;

#[cfg(test)]
mod tests;
