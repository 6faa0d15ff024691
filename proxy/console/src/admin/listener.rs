//! The address of the admin listener, and its socket.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

use super::{AdminState, routes};
use crate::http::bounded;

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
    /// On a socket in the file system.
    Unix(UnixListener),
}

impl AdminListener {
    /// Listens on `addr`. A socket file left behind by a process is replaced.
    ///
    /// # Errors
    ///
    /// Errors of the system; `AlreadyExists` for a file that is not a socket.
    pub async fn bind(addr: &AdminAddr) -> io::Result<Self> {
        match addr {
            AdminAddr::Tcp(addr) => TcpListener::bind(addr).await.map(Self::Tcp),
            AdminAddr::Unix(path) => {
                remove_left_over(path)?;
                UnixListener::bind(path).map(Self::Unix)
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
            Self::Unix(_) => Ok(wanted.clone()),
        }
    }

    /// Serves the API and the page until the task is dropped.
    ///
    /// # Errors
    ///
    /// Never in practice: failed connections are skipped.
    pub async fn serve(self, state: AdminState) -> io::Result<()> {
        let routes = routes(state);
        match self {
            Self::Tcp(listener) => axum::serve(bounded(listener), routes).await,
            Self::Unix(listener) => axum::serve(bounded(listener), routes).await,
        }
    }
}

fn remove_left_over(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file is not a socket")),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, file) = (dir.path().join("socket"), dir.path().join("file"));
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        std::fs::write(&file, "precious").unwrap();
        remove_left_over(&socket).unwrap();
        remove_left_over(&file).unwrap_err();
        remove_left_over(&dir.path().join("nothing")).unwrap();
        assert!(file.exists() && !socket.exists());
    }
}
