//! The search list that the kubelet writes: `NAMESPACE.svc.D`, `svc.D`, `D`, and
//! what the node has behind it (`pkg/kubelet/network/dns`).

use super::recent::Recent;
use crate::intake::QueryEvent;
use crate::lookup::search::Search;
use crate::wire::ends_with;

/// The cluster's domain, in wire form and lower case.
#[derive(Clone, Copy)]
pub(super) struct ClusterDomain<'a>(pub(super) &'a [u8]);

/// A search list in wire form.
type Domains = Vec<Box<[u8]>>;

impl ClusterDomain<'_> {
    /// Says whether a domain is `svc.D`.
    fn is_services(self, domain: &[u8]) -> bool {
        domain.strip_prefix(SERVICES) == Some(self.0)
    }

    /// Says whether a domain is `NAMESPACE.svc.D`.
    pub(super) fn is_namespace(self, domain: &[u8]) -> bool {
        below(domain).is_some_and(|rest| self.is_services(rest))
    }

    /// The list of Kubernetes, if the domains that a base was asked under are one,
    /// perhaps with those of another namespace than the `known` between them.
    pub(super) fn list_of(self, asked: &[Box<[u8]>], known: &Search) -> Option<Domains> {
        let mut namespaces = asked.iter().filter(|domain| self.is_namespace(domain));
        let first = known.domains.first();
        let is_known = namespaces.clone().any(|domain| Some(domain) == first);
        let namespace = if is_known { first? } else { namespaces.next()? };
        let services = asked.iter().find(|domain| self.is_services(domain))?;
        let whole = asked.iter().find(|domain| ***domain == *self.0)?;
        let more = asked.iter().filter(|domain| !ends_with(domain, self.0));
        let list = [namespace, services, whole].into_iter().chain(more);
        Some(list.cloned().collect())
    }

    /// The list, if this query asks for a base under `svc.D` that was denied under
    /// `NAMESPACE.svc.D`; and the base.
    pub(super) fn pair<'q>(
        self,
        recent: &Recent,
        event: &QueryEvent<'q>,
        known: &Search,
    ) -> Option<(Domains, &'q [u8])> {
        let services = SERVICES.len() + self.0.len();
        let len = event.qname.len().checked_sub(services)?;
        let (base, domain) = event.qname.split_at_checked(len)?;
        if base.is_empty() || !self.is_services(domain) || !ends_with(event.qname, domain) {
            return None;
        }
        let denied = recent.before(event).filter_map(|held| held.denied_name());
        let mut namespaces = denied.filter_map(|name| {
            let suffix = name.strip_prefix(base)?;
            self.is_namespace(suffix).then_some(suffix)
        });
        let first = namespaces.next()?;
        let is_known = |domain: &&[u8]| {
            known
                .domains
                .first()
                .is_some_and(|known| **known == **domain)
        };
        let namespace =
            if is_known(&first) { first } else { namespaces.find(is_known).unwrap_or(first) };
        Some((vec![namespace.into(), domain.into(), self.0.into()], base))
    }
}

/// A name without its first label.
fn below(name: &[u8]) -> Option<&[u8]> {
    let (length @ 1.., rest) = name.split_first()? else { return None };
    rest.get(usize::from(*length)..)
}

/// `svc` as a label in wire form.
const SERVICES: &[u8] = b"\x03svc";
