//! Pages with pseudonyms for names and clients.

use std::net::IpAddr;

use super::{
    Busiest, CachePage, ClientDetail, ClientPage, ClientView, FailingNameView, FailurePage,
    LookupPage, LoopPage, LoopView, NameView, SearchView, Summary, UpstreamPage, WorkloadDetail,
    WorkloadPage, WorkloadView,
};
use crate::redact::Veil;
use observe::{ADDRESS, Advice, AffectedNames, Workload};

/// A page that shows names or clients.
pub trait Redacted {
    /// Replaces what the veil covers by pseudonyms.
    #[must_use]
    fn redacted(self, veil: &Veil) -> Self;
}

impl Redacted for Summary {
    fn redacted(mut self, veil: &Veil) -> Self {
        for Busiest { key, .. } in &mut self.top_names {
            hide(key, veil);
        }
        for Busiest { key, .. } in &mut self.top_clients {
            hide_addr(key, veil);
        }
        self
    }
}

impl Redacted for ClientPage {
    fn redacted(mut self, veil: &Veil) -> Self {
        for view in &mut self.clients {
            hide_client(view, veil);
        }
        self
    }
}

impl Redacted for WorkloadPage {
    fn redacted(mut self, veil: &Veil) -> Self {
        for view in &mut self.workloads {
            hide_view(view, veil);
        }
        // The addresses of nodes, which are clients here.
        let masqueraded = self.kubernetes.iter_mut();
        for addr in masqueraded.flat_map(|view| &mut view.masqueraded) {
            *addr = veil.client(*addr);
        }
        self
    }
}

impl Redacted for WorkloadDetail {
    fn redacted(mut self, veil: &Veil) -> Self {
        hide_view(&mut self.view, veil);
        hide_search(&mut self.search, veil);
        hide_looked_up(&mut self.names, veil);
        hide_failing(&mut self.failing, veil);
        for member in &mut self.members {
            hide_client(member, veil);
        }
        self
    }
}

impl Redacted for ClientDetail {
    fn redacted(mut self, veil: &Veil) -> Self {
        if veil.hides_clients() {
            // It contains the name of the workload.
            self.patch = None;
        }
        hide_client(&mut self.view, veil);
        hide_search(&mut self.search, veil);
        hide_looked_up(&mut self.names, veil);
        hide_failing(&mut self.failing, veil);
        if let Some(advice) = &mut self.advice {
            hide_advice(advice, veil);
        }
        self
    }
}

impl Redacted for CachePage {
    fn redacted(mut self, veil: &Veil) -> Self {
        for Busiest { key, .. } in &mut self.top_misses {
            hide(key, veil);
        }
        self
    }
}

impl Redacted for LookupPage {
    fn redacted(mut self, veil: &Veil) -> Self {
        for pair in &mut self.top_pairs {
            pair.client = veil.client(pair.client);
            hide(&mut pair.name, veil);
        }
        self
    }
}

impl Redacted for FailurePage {
    fn redacted(mut self, veil: &Veil) -> Self {
        for zone in &mut self.zones {
            hide(&mut zone.zone, veil);
        }
        for view in &mut self.clients {
            view.client = veil.client(view.client);
            view.workload = view.workload.take().map(|one| redacted_workload(one, veil));
            view.pod = view.pod.take().map(|pod| veil.word(pod));
        }
        hide_failing(&mut self.names, veil);
        self
    }
}

impl Redacted for UpstreamPage {
    fn redacted(mut self, veil: &Veil) -> Self {
        for zone in self.upstreams.iter_mut().flat_map(|view| &mut view.zones) {
            hide(zone, veil);
        }
        self
    }
}

impl Redacted for LoopPage {
    fn redacted(mut self, veil: &Veil) -> Self {
        for seen in &mut self.loops {
            hide_loop(seen, veil);
        }
        self
    }
}

/// Returns a workload with pseudonyms; its kind identifies no client.
pub fn redacted_workload(workload: Workload, veil: &Veil) -> Workload {
    let Workload { namespace, kind, mut name } = workload;
    if kind == ADDRESS {
        hide_addr(&mut name, veil);
    } else {
        name = veil.word(name);
    }
    Workload { namespace: veil.word(namespace), kind, name }
}

fn hide_client(view: &mut ClientView, veil: &Veil) {
    view.client = veil.client(view.client);
    view.workload = view.workload.take().map(|one| redacted_workload(one, veil));
    view.pod = view.pod.take().map(|pod| veil.word(pod));
}

fn hide_view(view: &mut WorkloadView, veil: &Veil) {
    let WorkloadView { namespace, kind, name, .. } = view;
    let [namespace, kind, name] = [namespace, kind, name].map(std::mem::take);
    let shown = redacted_workload(Workload { namespace, kind, name }, veil);
    Workload { namespace: view.namespace, kind: view.kind, name: view.name } = shown;
    for client in &mut view.clients {
        *client = veil.client(*client);
    }
    if veil.hides_clients() {
        view.patch = None;
    }
    if let Some(advice) = &mut view.advice {
        hide_advice(advice, veil);
    }
}

fn hide_loop(seen: &mut LoopView, veil: &Veil) {
    hide(&mut seen.zone, veil);
    hide(&mut seen.below, veil);
    for name in &mut seen.names {
        hide(name, veil);
    }
    let Some(peer) = &mut seen.peer else { return };
    let (shown, text) = (veil.client(*peer), peer.to_string());
    for hop in seen.hops.iter_mut().filter(|hop| **hop == text) {
        *hop = shown.to_string();
    }
    *peer = shown;
}

fn hide_advice(advice: &mut Advice, veil: &Veil) {
    hide_names(&mut advice.trailing_dots, veil);
    hide_names(&mut advice.missing, veil);
    for capture in &mut advice.captures.names {
        hide(&mut capture.name, veil);
        hide(&mut capture.domain, veil);
    }
    for alternative in &mut advice.alternatives {
        for risk in &mut alternative.breaks.names {
            hide(&mut risk.name, veil);
        }
        for forecast in [&mut alternative.glibc, &mut alternative.musl, &mut alternative.go] {
            hide_names(&mut forecast.breaks, veil);
            hide_names(&mut forecast.slower, veil);
            hide_names(&mut forecast.heals, veil);
        }
    }
}

/// Returns a domain of a search list, or its pseudonym. The first domain of a pod's list has
/// the name of its namespace, which identifies it.
pub fn redacted_domain(domain: String, veil: &Veil) -> String {
    let domain = veil.name(domain);
    match domain.split_once('.') {
        Some((namespace, rest)) if rest.starts_with("svc.") => {
            format!("{}.{rest}", veil.word(namespace.to_owned()))
        }
        _ => domain,
    }
}

fn hide_search(search: &mut SearchView, veil: &Veil) {
    for domain in &mut search.domains {
        *domain = redacted_domain(std::mem::take(domain), veil);
    }
}

fn hide_looked_up(names: &mut [NameView], veil: &Veil) {
    for view in names {
        hide(&mut view.name, veil);
    }
}

fn hide_failing(names: &mut [FailingNameView], veil: &Veil) {
    for view in names {
        let name = veil.name(std::mem::take(&mut view.name));
        view.rename(name);
        view.workload = redacted_workload(view.workload.clone(), veil);
        for client in &mut view.clients {
            *client = veil.client(*client);
        }
    }
}

fn hide_names(names: &mut AffectedNames, veil: &Veil) {
    for affected in &mut names.names {
        hide(&mut affected.name, veil);
    }
}

fn hide(name: &mut String, veil: &Veil) {
    *name = veil.name(std::mem::take(name));
}

fn hide_addr(text: &mut String, veil: &Veil) {
    if let Ok(addr) = text.parse::<IpAddr>() {
        *text = veil.client(addr).to_string();
    }
}
