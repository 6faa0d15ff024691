//! The Kubernetes API: which pod has an address, who made it, and what its
//! resolv.conf says.
//!
//! [`Pods`] takes objects of the API and returns the addresses that changed
//! hands, [`Endpoints`] the pods behind a Service; [`Watch`] lists and watches them. [`Api`]
//! asks once: for CoreDNS, for all pod templates, and for the pods of a fleet.
//! Nothing is asked that the objects say already: owners are read from names and
//! labels, resolver settings from the spec.

pub mod object;

mod time;

mod owner;
pub use owner::Owner;

mod resolver;
pub use resolver::{Kubelet, Policy, Resolver};

mod pods;
pub use pods::{Change, Holder, Pod, Pods, Scope};

mod endpoints;
pub use endpoints::{Endpoints, ServiceName, ServicePods};

mod server;
pub use server::ServerPod;

mod watch;
pub use watch::{State, Subject, Update, Watch, WatchError};

mod api;
pub use api::Api;

mod records;
pub use records::ClusterName;

mod coredns;
pub use coredns::Coredns;

mod policies;
pub use policies::{Destination, EgressPolicy, EgressRule, Opens, Operator, Requirement, Selector};

mod templates;
pub use templates::{Template, Templates};

mod fleet;
pub use fleet::{FleetNode, FleetPod, Forward};
