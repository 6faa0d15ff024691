//! Causes behind CoreDNS: what it forwards to.

use crate::cause::Cause;
use crate::evidence::{Evidence, Server};
use crate::finding::{Finding, Scope, found, has};
use crate::reading::{RESPONSES, ends, names, probed};
use crate::sample::{Share, Tries};

/// External names fail and those of the cluster do not.
pub(super) fn failing(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let explained = [
        Cause::Loop,
        Cause::ConntrackFull,
        Cause::NoEndpoints,
        Cause::CorednsDown,
        Cause::CorednsCrashing,
        Cause::NodeNetwork,
    ];
    // A loop behind pods of another node is seen there.
    if has(before, &explained) || evidence.is_at_peers(Cause::Loop) {
        return None;
    }
    let direct = probed(evidence.upstreams.as_ref());
    let through = probed(evidence.through.as_ref());
    let (here, behind) = (all_fail(&direct), all_fail(&through));
    // Without CPU it is late for what its cache lacks first.
    let throttled = has(before, &[Cause::CorednsThrottled]);
    // Names outside are answered all the same: CoreDNS asks somebody else.
    let answered = !through.is_empty() && through.iter().all(|one| one.udp.is_well());
    match (here && !answered, behind) {
        (true, _) => Some(sick_upstream(evidence, &direct)),
        (false, true) if !direct.is_empty() && !throttled && coredns_is_well(evidence) => {
            Some(path_of_coredns(&direct, &through))
        }
        _ => None,
    }
}

/// Whether there are servers, and each fails for more than chance.
pub(super) fn all_fail(servers: &[&Server]) -> bool {
    let fails = |one: &&Server| one.udp.failures().at_least() > FAILS;
    !servers.is_empty() && servers.iter().all(fails)
}

/// What CoreDNS answered to clients tells what is behind it: a failure that it passed on,
/// or that it gave up waiting, has marks of its own.
pub(super) fn by_answers(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let window = evidence.window.as_ref()?;
    let of = |origin: &str| window.origins.get(origin).copied().unwrap_or_default();
    let causes = [
        (Cause::UpstreamSilent, of("forward_gave_up")),
        (Cause::UpstreamServfail, of("relayed")),
        (Cause::UpstreamRefuses, of("upstream_refused")),
    ];
    let (cause, count) = causes.into_iter().max_by_key(|(_, count)| *count)?;
    let queries = window.internal.queries + window.external.queries;
    let failures = share(count, queries);
    // One workload alone may ask for what nobody has.
    let askers = window.who.iter().filter(|who| who.failed > 0).count();
    let well = share(window.internal.failed, window.internal.queries).seen() < WELL;
    let too_few = queries < RESPONSES || failures.at_least() < CLIENTS_FAIL || askers < 2;
    if too_few || !well || !before.is_empty() {
        return None;
    }
    let finding = found(cause, evidence.scope_of(cause))
        .because(format!("{count} of {queries} responses to clients are such answers of CoreDNS"))
        .because(format!("{askers} clients or workloads get them"))
        .otherwise("CoreDNS marks failures of its own in another way");
    Some(finding)
}

/// CoreDNS forwards to what nobody expects.
pub(super) fn unexpected(evidence: &Evidence, _: &[Finding]) -> Option<Finding> {
    let cluster = evidence
        .cluster
        .as_ref()
        .filter(|one| !one.expected.is_empty())?;
    let strange: Vec<_> = cluster
        .forwards_to
        .iter()
        .filter(|to| !cluster.expected.contains(to))
        .map(String::as_str)
        .collect();
    if strange.is_empty() {
        return None;
    }
    let finding = found(Cause::UnexpectedUpstream, Scope::Cluster)
        .culprit(Some(strange.join(", ")))
        .because(format!("its Corefile forwards to {}", cluster.forwards_to.join(", ")))
        .because(format!("expected: {}", cluster.expected.join(", ")))
        .otherwise("a Corefile as expected names no other server");
    Some(finding)
}

/// The servers themselves fail, asked from here.
fn sick_upstream(evidence: &Evidence, servers: &[&Server]) -> Finding {
    let mut tries = Tries::default();
    servers.iter().for_each(|server| tries.add(&server.udp));
    let mut paced = Tries::default();
    servers.iter().for_each(|server| paced.add(&server.paced));
    let cause = match () {
        () if tries.of("SERVFAIL") * 2 > tries.failed() => Cause::UpstreamServfail,
        // A server that is down answers none.
        () if servers.iter().all(|server| server.udp.good() > 0) => Cause::UpstreamLimits,
        () if tries.of("REFUSED") * 2 > tries.failed() => Cause::UpstreamRefuses,
        () => Cause::UpstreamSilent,
    };
    let window = evidence.window.as_ref();
    let internal = window.map(|window| share(window.internal.failed, window.internal.queries));
    let well = internal.filter(|share| share.whole >= RESPONSES && share.seen() < WELL);
    found(cause, evidence.scope_of(cause))
        .culprit(Some(names(servers)))
        .because(format!("asked from this node: {}", ends(&tries)))
        .because_if(paced.sent > 0, || format!("asked twice a second: {}", ends(&paced)))
        .because_if(well.is_some(), || "names of the cluster are answered".to_owned())
        .because_if(clients_fail(evidence), || external_of(evidence))
        .otherwise("were it CoreDNS, this node would be answered by them")
}

/// They answer here, and not through CoreDNS.
fn path_of_coredns(direct: &[&Server], through: &[&Server]) -> Finding {
    let mut tries = Tries::default();
    through.iter().for_each(|server| tries.add(&server.udp));
    found(Cause::CorednsToUpstream, Scope::Cluster)
        .culprit(Some(names(through)))
        .because(format!("external names through CoreDNS: {}", ends(&tries)))
        .because(format!("{} answers this node", names(direct)))
        .otherwise("were the upstream down, it would not answer this node either")
}

/// Says whether CoreDNS answers what it has itself: were it sick, what goes through it
/// would prove nothing.
fn coredns_is_well(evidence: &Evidence) -> bool {
    let pods = probed(evidence.coredns.as_ref());
    let service = evidence.service.as_ref().map(|service| &service.udp);
    let all = pods.iter().map(|server| &server.udp).chain(service);
    all.into_iter().any(Tries::is_well)
}

/// Says whether clients lose external names, and few of the cluster's.
fn clients_fail(evidence: &Evidence) -> bool {
    evidence.window.as_ref().is_some_and(|window| {
        let (internal, external) = (window.internal, window.external);
        external.queries >= RESPONSES
            && share(external.failed, external.queries).at_least() > CLIENTS_FAIL
            && share(internal.failed, internal.queries).seen() < WELL
    })
}

fn external_of(evidence: &Evidence) -> String {
    let sums = evidence
        .window
        .as_ref()
        .map(|window| window.external)
        .unwrap_or_default();
    format!("{} of {} external queries of clients failed", sums.failed, sums.queries)
}

const fn share(part: u64, whole: u64) -> Share {
    Share { part, whole }
}

/// The least share of lost probes with which an upstream is at fault.
const FAILS: f64 = 0.2;

/// The same of queries of clients, which are many.
const CLIENTS_FAIL: f64 = 0.05;

/// Of queries of the cluster's own names: below it they are well.
const WELL: f64 = 0.01;
