//! CoreDNS whose watch of the API stands still: what it had it still answers, and what is
//! new it denies.

use crate::cause::Cause;
use crate::evidence::{Evidence, KnownName, Server};
use crate::finding::{Finding, Scope, found};
use crate::reading::{names, probed};

/// A pod that has some names of a kind and lacks others. One that has none of a kind may be
/// told so by its Corefile (`namespaces`, `noendpoints`, `endpoint_pod_names`).
pub(super) fn lacks(evidence: &Evidence, _: &[Finding]) -> Option<Finding> {
    let servers = probed(evidence.coredns.as_ref());
    let (stale, others): (Vec<&Server>, Vec<&Server>) = servers
        .iter()
        .partition(|server| !missing(server).is_empty());
    let first = stale.first()?;
    let lacks = missing(first);
    let kind = lacks.first()?.is_endpoint;
    let mut of_kind = first.known.iter().filter(|known| known.is_endpoint == kind);
    let has = of_kind.find(|known| known.is_there)?;
    let lacks: Vec<_> = lacks.iter().map(|known| known.name.as_str()).collect();
    let lacks = lacks.join(", ");
    let well: Vec<_> = others
        .into_iter()
        .filter(|server| server.known.iter().any(|known| known.is_there))
        .collect();
    // All nodes ask the same pods.
    let finding = found(Cause::StaleData, Scope::Cluster)
        .culprit(Some(names(&stale)))
        .because(format!(
            "{} does not have {lacks}, which the API has had for a minute or more",
            first.name
        ))
        .because(format!("it has {}", has.name))
        .because_if(!well.is_empty(), || format!("{} has them", names(&well)))
        .otherwise("CoreDNS that follows the API has what is new within seconds");
    Some(finding)
}

/// What it lacks of a kind of which it has another.
fn missing(server: &Server) -> Vec<&KnownName> {
    let of_kind = |is_endpoint| {
        let known = server.known.iter();
        known.filter(move |known| known.is_endpoint == is_endpoint)
    };
    let kinds = [false, true]
        .into_iter()
        .filter(|kind| of_kind(*kind).any(|known| known.is_there));
    kinds
        .flat_map(|kind| of_kind(kind).filter(|known| !known.is_there))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Tries;

    fn evidence(pods: &[&[(&str, bool, bool)]]) -> Evidence {
        let pod = |(n, known): (usize, &&[(&str, bool, bool)])| {
            let known = known.iter().map(|(name, is_endpoint, is_there)| KnownName {
                name: (*name).to_owned(),
                is_endpoint: *is_endpoint,
                is_there: *is_there,
            });
            let rcodes = [("NOERROR".to_owned(), 10)].into();
            let udp = Tries { sent: 10, rcodes, ..Tries::default() };
            Server { name: format!("pod{n}"), udp, known: known.collect(), ..Server::default() }
        };
        let pods = pods.iter().enumerate().map(pod).collect();
        Evidence { coredns: Some(pods), ..Evidence::default() }
    }

    #[test]
    fn a_pod_that_denies_what_is_new_has_old_data() {
        let fresh: &[_] = &[("dns", false, true), ("new", false, true), ("e1", true, true)];
        let stale: &[_] = &[("e1", true, true), ("dns", false, true), ("new", false, false)];
        assert!(lacks(&evidence(&[fresh, fresh]), &[]).is_none());
        let finding = lacks(&evidence(&[fresh, stale]), &[]).unwrap();
        assert_eq!((finding.cause, finding.culprit.as_deref()), (Cause::StaleData, Some("pod1")));
        assert_eq!(
            finding.evidence,
            [
                "pod1 does not have new, which the API has had for a minute or more",
                "it has dns",
                "pod0 has them"
            ]
        );
        assert!(lacks(&evidence(&[stale, stale]), &[]).is_some());
    }

    #[test]
    fn a_kind_of_which_it_has_nothing_is_not_judged() {
        let without_endpoints: &[_] =
            &[("dns", false, true), ("e1", true, false), ("e2", true, false)];
        let without_services: &[_] =
            &[("dns", false, false), ("new", false, false), ("e1", true, true)];
        let of_none: &[_] = &[];
        for known in [without_endpoints, without_services, of_none] {
            assert!(lacks(&evidence(&[known]), &[]).is_none(), "{known:?}");
        }
    }
}
