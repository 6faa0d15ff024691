//! Whose queries are meant.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::error::FilterError;
use crate::accounts::{Identities, NO_NAMESPACE, Workload};
use crate::observer::Observer;

/// Some clients.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClientFilter {
    /// Those of a range of addresses.
    Range(IpNet),
    /// A pod.
    Pod {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The pods of a workload.
    Workload(Workload),
}

impl ClientFilter {
    /// Reads an address, a range, `NAMESPACE/POD` or `NAMESPACE/KIND/NAME`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        // A namespace has neither a dot nor a colon, and an address has either.
        let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
        if let Some(range) = text.parse().ok().or_else(alone) {
            return Some(Self::Range(range));
        }
        let parts: Vec<_> = text.split('/').collect();
        match *parts.as_slice() {
            [namespace, name] if is_label(namespace) && is_name(name) => {
                Some(Self::Pod { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            [namespace, kind, name] if is_label(namespace) && is_kind(kind) && is_name(name) => {
                Some(Self::Workload(Workload::of_path([namespace, kind, name])))
            }
            _ => None,
        }
    }

    /// Says whether an address is theirs now.
    pub(super) fn has(&self, addr: IpAddr, names: &Identities) -> bool {
        let identity = || names.get(addr);
        match self {
            Self::Range(range) => range.contains(&addr),
            Self::Pod { namespace, name } => identity().is_some_and(|who| {
                who.pod.as_deref() == Some(name) && who.workload.namespace == *namespace
            }),
            Self::Workload(meant) => identity().is_some_and(|who| is_same(&who.workload, meant)),
        }
    }

    /// Says why nothing of theirs can be seen, if it cannot: a tap that stays
    /// silent looks like a client that does not ask.
    pub(super) fn check(&self, observer: &Observer) -> Result<(), FilterError> {
        let Observer { names, workloads, watch, .. } = observer;
        let is_named = match self {
            Self::Range(_) => true,
            Self::Pod { .. } => names.iter().any(|(addr, _)| self.has(*addr, names)),
            Self::Workload(meant) => {
                let named = names.iter().map(|(_, who)| &who.workload);
                let gone = workloads.iter().map(|(workload, _)| workload);
                named.chain(gone).any(|workload| is_same(workload, meant))
            }
        };
        if is_named {
            return Ok(());
        }
        if names.is_empty() && watch.is_none() {
            return Err(FilterError::Nameless(self.to_string()));
        }
        let state = watch
            .as_ref()
            .map_or("not asked", |watch| watch.state.label());
        Err(FilterError::Unknown { who: self.to_string(), state })
    }
}

impl fmt::Display for ClientFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) => range.fmt(f),
            Self::Pod { namespace, name } => write!(f, "{namespace}/{name}"),
            Self::Workload(Workload { namespace, kind, name }) => {
                let namespace = if namespace.is_empty() { NO_NAMESPACE } else { namespace };
                write!(f, "{namespace}/{kind}/{name}")
            }
        }
    }
}

/// People write kinds as kubectl takes them.
fn is_same(workload: &Workload, meant: &Workload) -> bool {
    let Workload { namespace, kind, name } = workload;
    *name == meant.name && *namespace == meant.namespace && kind.eq_ignore_ascii_case(&meant.kind)
}

/// A name of one label as the API takes it; or the dash for no namespace.
fn is_label(text: &str) -> bool {
    let is_part = |octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-');
    !text.is_empty() && text.bytes().all(is_part)
}

fn is_name(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_kind(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_alphanumeric())
}
