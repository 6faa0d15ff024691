//! The page of a proxy in a cluster, for a browser outside.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use super::Cluster;

impl Cluster {
    /// Forwards connections to `listener` to port 9254 of a Pod of this DaemonSet, by
    /// `kubectl port-forward`, for ever. `ready` is called when the first can be made.
    ///
    /// # Errors
    ///
    /// When there is no such Pod, and when the forwarding ends.
    pub fn forward(
        &self,
        (namespace, what): (&str, &str),
        listener: &TcpListener,
        ready: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let mut kubectl = self.control_plane.kubectl_command()?;
        let mut forwarding = kubectl
            .args(["-n", namespace, "port-forward", what, PORT])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start kubectl")?;
        let mut said = String::new();
        let output = forwarding.stdout.as_mut().context("no output of kubectl")?;
        // One line for each family; it has none where it failed.
        BufReader::new(output).read_line(&mut said)?;
        if !said.starts_with("Forwarding") {
            bail!("kubectl port-forward {what}: {}", forwarding.wait()?);
        }
        ready()?;
        for connection in listener.incoming() {
            self.relay(connection?)?;
        }
        Ok(())
    }

    /// Only inside the network of the control plane the API server can be reached, so a
    /// program there takes the connection's octets over.
    fn relay(&self, connection: TcpStream) -> Result<()> {
        let other = OwnedFd::from(connection.try_clone()?);
        let mut netcat = self.control_plane.space().command("busybox")?;
        netcat
            .args(["nc", "127.0.0.1", PORT])
            .stdin(OwnedFd::from(connection))
            .stdout(other);
        netcat.spawn().context("cannot start nc")?;
        Ok(())
    }
}

/// Of the admin listener.
const PORT: &str = "9254";
