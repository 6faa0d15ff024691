//! Rows whose client, pod, workload or names contain a text.

use std::net::IpAddr;

use crate::redact::Redact;
use observe::{Client, NameTallies, Workload};

/// A text that rows are searched for, in lower case; everything has the empty one.
#[derive(Clone, Debug, Default)]
pub struct Search {
    text: String,
    hidden: Redact,
}

impl Search {
    /// Searches for `text`, but in nothing that is replaced by pseudonyms: what is found
    /// would say what is hidden.
    #[must_use]
    pub fn new(text: &str, hidden: Redact) -> Self {
        Self { text: text.trim().to_lowercase(), hidden }
    }

    /// Returns whether a client has it.
    pub(super) fn finds_client(&self, addr: IpAddr, client: &Client) -> bool {
        self.text.is_empty() || self.is_who(addr, client) || self.is_looked_up(client)
    }

    /// Returns whether a workload has it, or one of its clients.
    pub(super) fn finds_workload(
        &self,
        workload: &Workload,
        clients: &[(IpAddr, &Client)],
        gone: Option<&NameTallies>,
    ) -> bool {
        self.text.is_empty()
            || self.is_workload(workload)
            || gone.is_some_and(|names| self.is_among(names))
            || clients
                .iter()
                .any(|(addr, client)| self.finds_client(*addr, client))
    }

    fn is_who(&self, addr: IpAddr, client: &Client) -> bool {
        if self.hidden.clients {
            return false;
        }
        let is_pod = client.identity().is_some_and(|identity| {
            let pod = identity.pod.as_deref().unwrap_or_default();
            self.is_in(&format!("{}/{pod}", identity.workload.namespace))
                || self.is_workload(&identity.workload)
        });
        is_pod || self.is_in(&addr.to_string())
    }

    fn is_workload(&self, workload: &Workload) -> bool {
        let Workload { namespace, kind, name } = workload;
        !self.hidden.clients
            && (self.is_in(&format!("{namespace}/{name}"))
                || self.is_in(&format!("{namespace}/{kind}/{name}")))
    }

    fn is_looked_up(&self, client: &Client) -> bool {
        let mut failing = client.failing().iter();
        self.is_among(client.tallies())
            || !self.hidden.names && failing.any(|(name, _)| self.is_name(name))
    }

    fn is_among(&self, names: &NameTallies) -> bool {
        !self.hidden.names && names.names().any(|name| self.is_name(name))
    }

    fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.text)
    }

    /// Looks in a name in wire form and lower case, without making a text of it: there
    /// are tens of thousands, and the accounts stand still meanwhile.
    fn is_name(&self, wire: &[u8]) -> bool {
        let mut dotted = [0; MAX_NAME];
        let (mut at, mut len) = (0, 0);
        while let Some(label) = wire
            .get(at)
            .copied()
            .map(usize::from)
            .filter(|len| *len > 0)
        {
            let octets = wire.get(at + 1..at + 1 + label).unwrap_or_default();
            let place = dotted.get_mut(len..len + octets.len());
            if let Some(place) = place {
                place.copy_from_slice(octets);
            }
            len += octets.len();
            if let Some(dot) = dotted.get_mut(len) {
                *dot = b'.';
            }
            len += 1;
            at += 1 + label;
        }
        let (name, text) = (dotted.get(..len).unwrap_or_default(), self.text.as_bytes());
        name.windows(text.len().max(1)).any(|part| part == text)
    }
}

/// Octets of the longest name (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_searched_as_they_are_written() {
        let name = dns::Name::from_text("api.example.com.").unwrap();
        let finds = |text: &str| Search::new(text, Redact::default()).is_name(name.as_wire());
        for text in ["api", "PI.EX", "api.example.com.", " com", "."] {
            assert!(finds(text), "{text}");
        }
        for text in ["apis", "example.org", "com.."] {
            assert!(!finds(text), "{text}");
        }
    }

    #[test]
    fn what_is_hidden_is_not_searched() {
        let workload = Workload {
            namespace: "shop".to_owned(),
            kind: "Deployment".to_owned(),
            name: "web".to_owned(),
        };
        let finds = |text: &str, hidden: &str| {
            let hidden = hidden.parse().unwrap_or_default();
            Search::new(text, hidden).finds_workload(&workload, &[], None)
        };
        assert!(finds("shop/we", "") && finds("deployment/web", "names"));
        assert!(!finds("shop", "clients") && finds("", "clients"));
    }
}
