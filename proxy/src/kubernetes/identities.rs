//! From pods of the API to the names of clients.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::anyhow;
use cluster::{Change, Holder, Kubelet, Pods, Scope, State, Update, Watch};
use dns::Name;

use super::KubernetesConfig;
use observe::{
    DnsOption, Identity, Ndots, ObserverHandle, Search, Source, WatchState, WatchStatus, Workload,
};
use resolver::Clock;

/// Gives names to addresses.
pub(super) struct Identities {
    pub(super) ledger: ObserverHandle,
    pub(super) clock: Clock,
}

impl Identities {
    /// Watches in a task of its own.
    pub(super) async fn start(
        self,
        config: &KubernetesConfig,
        own: Vec<IpAddr>,
    ) -> anyhow::Result<()> {
        let scope = match (&config.node, config.all_nodes) {
            (_, true) => Scope::All,
            (Some(node), false) => Scope::Node(node.clone()),
            (None, false) => {
                return Err(anyhow!(
                    "neither kubernetes.node nor NODE_NAME says on which node we are"
                ));
            }
        };
        let kubelet = Kubelet {
            cluster_domain: config.cluster_domain.clone(),
            search: config.node_search.clone(),
            ndots: config.node_ndots,
        };
        let pods = Pods::new(scope, kubelet);
        let watch = Watch::new(pods, config.kubeconfig.clone()).await?;
        self.set_watch(WatchState::Starting, None);
        if let Some(node) = &config.node {
            let node = Arc::new(of_node(node));
            let named = own.into_iter().map(|addr| (addr, Some(Arc::clone(&node))));
            self.ledger.identify(named);
        }
        tokio::spawn(watch.run(move |update| self.take(update)));
        Ok(())
    }

    fn take(&self, update: Update<Change>) {
        match update {
            Update::Changes(changes) => {
                let identity = |who| Arc::new(self.identity(who));
                let named = changes
                    .into_iter()
                    .map(|(addr, who)| (addr, who.map(identity)));
                self.ledger.identify(named);
            }
            Update::State(State::Watching) => self.set_watch(WatchState::Watching, None),
            Update::State(State::Away(error)) => self.set_watch(WatchState::Away, Some(error)),
        }
    }

    fn set_watch(&self, state: WatchState, error: Option<String>) {
        self.ledger
            .set_watch(WatchStatus { state, since: self.clock.now(), error });
    }

    fn identity(&self, who: Holder) -> Identity {
        let pod = match who {
            Holder::Node(node) => return of_node(&node),
            Holder::Pod(pod) => Arc::unwrap_or_clone(pod),
        };
        let wire = |domain: &String| {
            let name = Name::from_text(domain).ok()?;
            Some(name.folded().as_wire().into())
        };
        // A domain that is no name makes an unknown list, not another one.
        let domains: Option<Vec<_>> = pod.resolver.search.iter().map(wire).collect();
        let ndots = Ndots::Known(pod.resolver.ndots);
        let option = |option: cluster::object::DnsOption| DnsOption {
            name: option.name,
            value: option.value,
        };
        Identity {
            uid: pod.uid.into(),
            workload: Arc::new(Workload {
                namespace: pod.namespace,
                kind: pod.owner.kind,
                name: pod.owner.name,
            }),
            pod: Some(pod.name.into()),
            since: pod
                .started
                .map(|started| self.clock.moment_of_unix(started)),
            search: domains.map(|domains| Search { domains, ndots, source: Source::Pod }),
            options: pod.options.into_iter().map(option).collect(),
        }
    }
}

/// Pods on its host network share its addresses, and may have any resolv.conf.
fn of_node(name: &str) -> Identity {
    Identity {
        uid: format!("node/{name}").into(),
        workload: Arc::new(Workload {
            namespace: String::new(),
            kind: "Node".to_owned(),
            name: name.to_owned(),
        }),
        pod: None,
        since: Some(resolver::Moment::default()),
        search: None,
        options: Vec::new(),
    }
}
