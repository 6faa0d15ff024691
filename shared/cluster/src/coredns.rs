//! What the API has of CoreDNS at one moment: its Services, endpoints, pods and Corefile.

use std::net::{IpAddr, SocketAddr};

use crate::api::Api;
use crate::endpoints::{Endpoints, ServiceName, ServicePods};
use crate::object::EndpointSliceObject;
use crate::records::{self, ClusterName};
use crate::server::{ConfigMapObject, ServerObject, ServerPod, ServiceObject};
use crate::watch::Subject as _;

/// What was read, and why something was not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coredns {
    /// The `ClusterIP`s of its Service, and of others that have the same pods.
    pub services: Vec<IpAddr>,
    /// Its endpoints; none where they could not be read.
    pub endpoints: Option<ServicePods>,
    /// Its pods, also those that do not run.
    pub pods: Vec<ServerPod>,
    /// The pod of kube-proxy on the node that was asked for.
    pub kube_proxy: Option<ServerPod>,
    /// To whom its Corefile forwards, as it is written.
    pub forwards_to: Vec<String>,
    /// Names that its pods have, if they follow the API.
    pub names: Vec<ClusterName>,
    /// What could not be read, and why, a sentence each.
    pub gaps: Vec<String>,
}

impl Api {
    /// Reads what there is of the CoreDNS behind a Service, and the pod of kube-proxy on
    /// `node`. `now` is in seconds since 1970.
    pub async fn coredns(&self, service: &ServiceName, node: &str, now: i64) -> Coredns {
        let mut seen = Coredns::default();
        let namespace = &service.namespace;
        let core = format!("/api/v1/namespaces/{namespace}");
        let (services, slices, pods, corefile) = tokio::join!(
            self.list::<ServiceObject>(format!("{core}/services"), None),
            self.endpoints(service),
            self.list::<ServerObject>(format!("{core}/pods"), Some(SERVERS)),
            self.get::<ConfigMapObject>(format!("{core}/configmaps/coredns")),
        );
        let mut note = |what: &str, error: String| seen.gaps.push(format!("{what}: {error}"));
        let services = services.unwrap_or_else(|error| {
            note("Services", error);
            Vec::new()
        });
        match slices {
            Ok(pods) => seen.endpoints = Some(pods),
            Err(error) => note("EndpointSlices", error),
        }
        match pods {
            Ok(all) => {
                let (coredns, proxies) = ServerPod::sort(&all, now);
                seen.pods = coredns;
                seen.kube_proxy = proxies.into_iter().find(|pod| pod.node == node);
            }
            Err(error) => note("pods of CoreDNS", error),
        }
        match corefile {
            Ok(map) => {
                let Coredns { pods, endpoints, .. } = &seen;
                let of_services =
                    if denies_empty(&map.data.corefile) { &[][..] } else { &services };
                seen.names = records::names(service, of_services, pods, endpoints.as_ref(), now);
                seen.forwards_to = forwards(&map.data.corefile);
            }
            Err(error) => note("the Corefile", error),
        }
        seen.services = ServiceObject::alike(&services, &service.name);
        seen
    }

    async fn endpoints(&self, service: &ServiceName) -> Result<ServicePods, String> {
        let mut endpoints = Endpoints::new(service.clone());
        let (_, labels) = endpoints.selectors();
        let objects: Vec<EndpointSliceObject> =
            self.list(endpoints.path(), labels.as_deref()).await?;
        endpoints.list_begins();
        for object in &objects {
            endpoints.apply(object);
        }
        Ok(endpoints.list_ends().pop().unwrap_or_default())
    }
}

impl Coredns {
    /// Its pods as they are asked: endpoints that are ready, then the others.
    #[must_use]
    pub fn addrs(&self) -> Vec<SocketAddr> {
        let pods = self.endpoints.iter();
        pods.flat_map(|pods| pods.ready.iter().chain(&pods.others))
            .copied()
            .collect()
    }
}

/// To whom the `forward` lines of a Corefile lead: `forward FROM TO... [{`.
fn forwards(corefile: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in corefile.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        if words.next() != Some("forward") {
            continue;
        }
        for to in words.skip(1).take_while(|word| *word != "{") {
            if !all.iter().any(|known| known == to) {
                all.push(to.to_owned());
            }
        }
    }
    all
}

/// Whether it denies Services without endpoints (`ignore empty_service`).
fn denies_empty(corefile: &str) -> bool {
    corefile
        .split_whitespace()
        .any(|word| word == "empty_service")
}

/// By the labels that kubeadm gives them.
const SERVERS: &str = "k8s-app in (kube-dns,kube-proxy)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corefile_forwards_to_what_its_lines_name() {
        let corefile = ".:53 {\n  errors\n  forward . /etc/resolv.conf {\n max_concurrent 1000\n }\n}\n\
            corp.example:53 {\n  forward corp.example 10.0.0.1 tls://10.0.0.2 # forward . 9.9.9.9\n}\n\
            x {\n forward . 10.0.0.1\n}\n";
        assert_eq!(forwards(corefile), ["/etc/resolv.conf", "10.0.0.1", "tls://10.0.0.2"]);
        assert_eq!(forwards(""), [""; 0]);
    }
}
