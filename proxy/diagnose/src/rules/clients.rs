//! Causes at clients: what one of them does, and what all of them feel.

use crate::cause::Cause;
use crate::evidence::{Evidence, Who, Window};
use crate::finding::{Finding, Scope, found, has};
use crate::reading::{LATE_MS, RESPONSES};
use crate::sample::Share;

/// Clients ask again for what they were answered.
pub(super) fn replies_lost(evidence: &Evidence, _: &[Finding]) -> Option<Finding> {
    let window = evidence.window.as_ref()?;
    let (again, queries) = sums(window, |who| who.answered_again);
    let share = Share { part: again, whole: queries };
    if queries < RESPONSES || share.at_least() < LOST {
        return None;
    }
    let with = window
        .who
        .iter()
        .filter(|who| who.answered_again > 0)
        .count();
    let finding = found(Cause::RepliesLost, Scope::Node)
        .culprit(
            window
                .who
                .iter()
                .max_by_key(|who| who.answered_again)
                .map(|who| who.name.clone()),
        )
        .because(format!("{again} of {queries} queries were sent again after their answer"))
        .because(format!("{with} of {} clients do so", window.who.len()))
        .otherwise("a slow answer is asked for again before it, not after");
    Some(finding)
}

/// One workload has nearly all failures, and the others nearly none.
pub(super) fn one_workload(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    if !before.is_empty() {
        return None;
    }
    let window = evidence.window.as_ref()?;
    vain(window).or_else(|| failing_alone(window))
}

/// Search lists make most of the queries, and answers are late.
pub(super) fn amplification(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let window = evidence.window.as_ref()?;
    let (wasted, queries) = sums(window, |who| who.wasted);
    let share = Share { part: wasted, whole: queries };
    let late = window.p99_ms.filter(|ms| *ms > LATE_MS)?;
    // Late for another reason: the waste is not the cause.
    let explained = !before.is_empty() && !has(before, &[Cause::CorednsThrottled]);
    // A loop behind pods of another node is seen there.
    let explained = explained || evidence.is_at_peers(Cause::Loop);
    if queries < RESPONSES || share.at_least() < WASTED || explained {
        return None;
    }
    let worst = window.who.iter().max_by_key(|who| load(who))?;
    // What the cache answers is no load of CoreDNS.
    let asked = window.who.iter().map(|who| who.asked).sum();
    let load = Share { part: load(worst).0, whole: asked };
    if asked > 0 && load.at_least() < LOAD {
        return None;
    }
    let finding = found(Cause::Amplification, Scope::Workload)
        .culprit(Some(worst.name.clone()))
        .because(format!(
            "{wasted} of {queries} queries were for names of search lists that do not exist"
        ))
        .because(format!("99 of 100 responses take up to {late:.0} ms"))
        .because(format!("{} has {} of them", worst.name, worst.wasted))
        .otherwise("without search lists a lookup is one name");
    Some(finding)
}

/// The questions that an upstream was asked for names of search lists that do not exist,
/// and such queries, where the former are not known.
const fn load(who: &Who) -> (u64, u64) {
    let queries = if who.queries > 0 { who.queries } else { 1 };
    (who.asked.saturating_mul(who.wasted) / queries, who.wasted)
}

/// Most of its lookups are of names that do not exist.
fn vain(window: &Window) -> Option<Finding> {
    let worst = window.who.iter().max_by_key(|who| who.nonexistent)?;
    let share = Share { part: worst.nonexistent, whole: worst.lookups };
    let all: u64 = window.who.iter().map(|who| who.nonexistent).sum();
    let most = Share { part: worst.nonexistent, whole: all };
    if worst.lookups < RESPONSES || share.at_least() < VAIN || most.seen() < ALONE {
        return None;
    }
    let finding = found(Cause::NamesInVain, Scope::Workload)
        .culprit(Some(worst.name.clone()))
        .because(format!(
            "{} of {} lookups of {} are for names that do not exist",
            worst.nonexistent, worst.lookups, worst.name
        ))
        .otherwise("a fault of DNS does not choose one workload");
    Some(finding)
}

fn failing_alone(window: &Window) -> Option<Finding> {
    let worst = window.who.iter().max_by_key(|who| who.failed)?;
    let (failed, queries) = sums(window, |who| who.failed);
    let rest = Share { part: failed - worst.failed, whole: queries - worst.queries };
    let own = Share { part: worst.failed, whole: worst.queries };
    let most = Share { part: worst.failed, whole: failed };
    // Without others to compare with it could be all of the node.
    let alone = most.seen() >= ALONE && rest.seen() < RESTS && rest.whole >= RESPONSES;
    if worst.failed < FAILURES || own.at_least() < FAILS || !alone {
        return None;
    }
    let names: Vec<_> = window.failing.iter().take(3).map(String::as_str).collect();
    let finding = found(Cause::OneWorkload, Scope::Workload)
        .culprit(Some(worst.name.clone()))
        .because(format!("{} of {} queries of {} fail", worst.failed, worst.queries, worst.name))
        .because(format!("of all others {} of {} do", rest.part, rest.whole))
        .because_if(!names.is_empty(), || format!("names: {}", names.join(", ")))
        .otherwise("a fault of the node or the cluster has others fail too");
    Some(finding)
}

/// A sum over all, and their queries.
fn sums(window: &Window, of: fn(&Who) -> u64) -> (u64, u64) {
    let all = || window.who.iter();
    (all().map(of).sum(), all().map(|who| who.queries).sum())
}

/// Of queries. Retries of Go are known by their time alone, so that programs that look the
/// same names up all day have up to 0.2 % of such by chance on a healthy cluster.
const LOST: f64 = 0.02;

/// Of queries: the least with which search lists make the load.
const WASTED: f64 = 0.5;

/// Of what upstreams are asked: the least that search lists of one workload make of it.
const LOAD: f64 = 0.2;

/// Of lookups of a workload.
const VAIN: f64 = 0.5;

/// Of all failures: what one workload has of them.
const ALONE: f64 = 0.8;

/// Of the queries of the others: the most that fail.
const RESTS: f64 = 0.01;

/// Failures of one workload, at least.
const FAILURES: u64 = 20;

/// Of its queries, at least.
const FAILS: f64 = 0.05;
