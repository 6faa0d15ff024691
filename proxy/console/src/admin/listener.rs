//! The address of the admin listener, and its socket.

mod socket_file;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use tokio::net::{TcpListener, UnixListener};

use super::{AdminState, routes};
use crate::http::{Port, bounded, listen};
pub use socket_file::SocketFile;

/// The address of an admin listener.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AdminAddr {
    /// A TCP address; loopback by default.
    Tcp(SocketAddr),
    /// A socket in the file system, guarded by its permissions.
    Unix(PathBuf),
}

impl fmt::Display for AdminAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A bound admin listener.
#[derive(Debug)]
pub enum AdminListener {
    /// On a TCP address.
    Tcp(TcpListener),
    /// On a socket in the file system, which is removed with the listener.
    Unix(UnixListener, SocketFile),
}

impl AdminListener {
    /// Listens on `addr`. A socket file left behind by a process is replaced; its
    /// owner and group may use the new one, whatever the umask.
    ///
    /// # Errors
    ///
    /// Errors of the system; `AlreadyExists` for a file that is not a socket, and
    /// `AddrInUse` for a socket that a process listens on.
    pub async fn bind(addr: &AdminAddr) -> io::Result<Self> {
        Self::bind_with(addr, Port::Own).await
    }

    /// The same on a TCP port that may be shared.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub async fn bind_with(addr: &AdminAddr, port: Port) -> io::Result<Self> {
        match addr {
            AdminAddr::Tcp(addr) => listen(*addr, port).map(Self::Tcp),
            AdminAddr::Unix(path) => {
                let (listener, file) = socket_file::bind(path).await?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    /// Returns where it listens: `wanted`, with the port that the kernel chose
    /// for port 0.
    ///
    /// # Errors
    ///
    /// When the system does not give the address.
    pub fn addr(&self, wanted: &AdminAddr) -> io::Result<AdminAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(AdminAddr::Tcp),
            Self::Unix(..) => Ok(wanted.clone()),
        }
    }

    /// Serves the API and the page until the task is dropped, to so many
    /// connections at a time.
    ///
    /// # Errors
    ///
    /// Never in practice: failed connections are skipped.
    pub async fn serve(self, state: AdminState, places: usize) -> io::Result<()> {
        self.serve_with(Router::new(), state, places).await
    }

    /// The same with `more` routes beside those.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_with(
        self,
        more: Router,
        state: AdminState,
        places: usize,
    ) -> io::Result<()> {
        let routes = routes(state).merge(more);
        match self {
            Self::Tcp(listener) => axum::serve(bounded(listener, places), routes).await,
            Self::Unix(listener, _file) => axum::serve(bounded(listener, places), routes).await,
        }
    }
}
