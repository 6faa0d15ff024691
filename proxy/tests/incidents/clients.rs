//! Programs of the node that look names up, by the walk of a stub resolver.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use testbed::client::ResponseCode;
use testbed::{Client, netns, query};

use crate::incident::Incident;

/// In the namespace of the node, in a process of its own.
#[test]
fn clients() {
    let Some(role) = netns::role() else { return };
    let all = [Incident::Loop, Incident::NamesInVain, Incident::OneWorkload, Incident::Typos];
    let incident = all
        .into_iter()
        .find(|one| format!("{one:?}") == role)
        .unwrap();
    for (from, times, name) in incident.lookups() {
        let client = Client::new(SERVER).from(from.parse::<IpAddr>().unwrap());
        let client = client.timeout(Duration::from_secs(5));
        for n in 0..*times {
            look_up(&client, &name.replace('N', &n.to_string()));
        }
    }
}

/// Under each domain of the list, then as it is; a name that ends with a dot is whole.
fn look_up(client: &Client, name: &str) {
    if name.ends_with('.') {
        client.udp(&query(name, "A")).ok();
        return;
    }
    for domain in ["shop.svc.cluster.local.", "svc.cluster.local.", "cluster.local.", ""] {
        let answer = client.udp(&query(&format!("{name}.{domain}"), "A"));
        if answer.is_ok_and(|answer| answer.metadata.response_code != ResponseCode::NXDomain) {
            return;
        }
    }
}

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 90, 0, 1)), 53);
