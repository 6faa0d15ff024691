//! Where servers and clients run: on one loopback, or in two namespaces with a
//! pair of virtual interfaces between them, as a pod and its node.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use testbed::Netns;

/// A loopback, or two hosts.
pub(crate) struct Network {
    hosts: Option<[Netns; 2]>,
}

impl Network {
    /// One loopback for all.
    pub(crate) const fn loopback() -> Self {
        Self { hosts: None }
    }

    /// Servers in one namespace, clients in another.
    ///
    /// # Errors
    ///
    /// Without the right to make namespaces.
    pub(crate) fn veth() -> Result<Self> {
        let [servers, clients] = [Netns::new()?, Netns::new()?];
        servers.connect(&clients, "lab0")?;
        servers.add_address("lab0", "10.77.9.1/24")?;
        clients.add_address("lab0", "10.77.9.2/24")?;
        // All of a network's addresses are the clients'.
        clients.ip(&["route", "add", "local", PODS, "dev", "lo"])?;
        servers.ip(&["route", "add", PODS, "via", "10.77.9.2"])?;
        Ok(Self { hosts: Some([servers, clients]) })
    }

    /// The address that clients ask.
    pub(crate) const fn server_ip(&self) -> IpAddr {
        match self.hosts {
            Some(_) => IpAddr::V4(Ipv4Addr::new(10, 77, 9, 1)),
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// The first address of clients that have one each.
    pub(crate) const fn first_client(&self) -> IpAddr {
        match self.hosts {
            Some(_) => IpAddr::V4(FIRST_POD),
            None => IpAddr::V4(Ipv4Addr::new(127, 20, 0, 1)),
        }
    }

    /// A command beside the servers.
    pub(crate) fn server(&self, program: &Path) -> Command {
        match &self.hosts {
            Some([servers, _]) => servers.command(program),
            None => Command::new(program),
        }
    }

    /// A command beside the clients.
    pub(crate) fn client(&self, program: &Path) -> Command {
        match &self.hosts {
            Some([_, clients]) => clients.command(program),
            None => Command::new(program),
        }
    }
}

/// The network of clients with an address each.
const PODS: &str = "10.77.16.0/22";

const FIRST_POD: Ipv4Addr = Ipv4Addr::new(10, 77, 16, 1);
