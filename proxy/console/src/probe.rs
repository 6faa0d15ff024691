//! `fivedots probe`: what the kubelet and systemd ask, over the process's own socket.
//!
//! A port on the node's address is no proof: while a new process starts, its
//! predecessor answers there; and a full conntrack table drops the connection.

use crate::admin_client::{self, AdminClientError};
use crate::args::ProbeCommand;

/// Asks once; returns what the proxy said of itself.
///
/// # Errors
///
/// When it is not well, with its reasons, and when it cannot be reached.
pub async fn text(command: &ProbeCommand) -> Result<String, AdminClientError> {
    match command {
        ProbeCommand::Live { admin } => admin_client::text(admin, "/livez").await,
        ProbeCommand::Ready { admin } => admin_client::text(admin, "/readyz").await,
    }
}
