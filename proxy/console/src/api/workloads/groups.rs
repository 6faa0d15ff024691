//! The clients of each workload, and the order of workloads.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::api::clients::{Order, rank};
use crate::api::search::Search;
use observe::{Client, Observer, Workload};

/// The clients of each workload.
pub(super) type Groups<'a> = HashMap<Arc<Workload>, Vec<(IpAddr, &'a Client)>>;

/// Says whether a search finds a workload.
pub(super) fn is_found(
    search: &Search,
    workload: &Workload,
    groups: &Groups<'_>,
    observer: &Observer,
) -> bool {
    let clients = groups.get(workload).map(Vec::as_slice).unwrap_or_default();
    let gone = observer.workloads().gone(workload);
    search.finds_workload(workload, clients, gone.map(|account| &account.tallies))
}

/// All workloads, the first ones by `order` first.
pub(super) fn ranked<'a>(
    groups: &'a Groups<'_>,
    order: Order,
    observer: &Observer,
) -> Vec<&'a Arc<Workload>> {
    let weight = |workload: &Workload, clients: &[(IpAddr, &Client)]| {
        let gone = observer.workloads().gone(workload);
        let gone = gone.map_or([0; 2], |account| rank(&account.counters, order));
        clients.iter().fold(gone, |[minute, total], (_, client)| {
            let [more_minute, more_total] = rank(client.counters(), order);
            [minute + more_minute, total + more_total]
        })
    };
    let mut ranked: Vec<_> = groups
        .iter()
        .map(|(workload, clients)| (weight(workload, clients), workload))
        .collect();
    ranked.sort_unstable_by(|(a, a_name), (b, b_name)| b.cmp(a).then_with(|| a_name.cmp(b_name)));
    ranked.into_iter().map(|(_, workload)| workload).collect()
}

/// Puts the clients together by their workload; one without stands for itself.
pub(super) fn groups(observer: &Observer) -> Groups<'_> {
    let mut groups = Groups::default();
    for (workload, _) in observer.workloads().iter() {
        groups.insert(Arc::clone(workload), Vec::new());
    }
    for (addr, client) in observer.clients().iter() {
        let workload = match client.identity() {
            Some(identity) => Arc::clone(&identity.workload),
            None => Arc::new(Workload::of_addr(*addr)),
        };
        groups.entry(workload).or_default().push((*addr, client));
    }
    groups
}
