//! What the API has of CoreDNS at one moment: its Services, endpoints, pods and Corefile.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use kube::Client;
use kube::api::{ListParams, Request};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::endpoints::{Endpoints, ServiceName, ServicePods};
use crate::object::{EndpointSliceObject, List};
use crate::server::{ConfigMapObject, ServerObject, ServerPod, ServiceObject};
use crate::watch::{Subject as _, WatchError, chain, client};

/// The API, to be asked once.
pub struct Api {
    client: Client,
}

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
    /// What could not be read, and why, a sentence each.
    pub gaps: Vec<String>,
}

impl Api {
    /// Prepares to ask, with the service account of the pod that we are, or with a
    /// kubeconfig.
    ///
    /// # Errors
    ///
    /// When neither has a way to reach the API.
    pub async fn new(kubeconfig: Option<PathBuf>) -> Result<Self, WatchError> {
        Ok(Self { client: client(kubeconfig, PATIENCE).await? })
    }

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
        match services {
            Ok(all) => seen.services = ServiceObject::alike(&all, &service.name),
            Err(error) => note("Services", error),
        }
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
            Ok(map) => seen.forwards_to = forwards(&map.data.corefile),
            Err(error) => note("the Corefile", error),
        }
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

    async fn list<T: Clone + DeserializeOwned>(
        &self,
        path: String,
        labels: Option<&str>,
    ) -> Result<Vec<T>, String> {
        let params =
            ListParams { label_selector: labels.map(str::to_owned), ..ListParams::default() };
        let request = Request::new(path)
            .list(&params)
            .map_err(|error| error.to_string())?;
        let list = timeout(PATIENCE, self.client.request::<List<T>>(request)).await;
        let list = list.map_err(|_| LATE.to_owned())?;
        list.map(|list| list.items).map_err(|error| chain(&error))
    }

    async fn get<T: Clone + DeserializeOwned>(&self, path: String) -> Result<T, String> {
        let (base, name) = path.rsplit_once('/').unwrap_or_default();
        let request = Request::new(base).get(name, &kube::api::GetParams::default());
        let request = request.map_err(|error| error.to_string())?;
        let object = timeout(PATIENCE, self.client.request::<T>(request)).await;
        let object = object.map_err(|_| LATE.to_owned())?;
        object.map_err(|error| chain(&error))
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

/// By the labels that kubeadm gives them.
const SERVERS: &str = "k8s-app in (kube-dns,kube-proxy)";

/// For each answer: what is asked is small, and a verdict is to be there in ten seconds.
const PATIENCE: Duration = Duration::from_secs(3);

const LATE: &str = "no answer in time";

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
