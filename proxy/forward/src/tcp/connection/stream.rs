//! A stream to an upstream: TCP, or TLS over it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};

use crate::UpstreamFailure;
use crate::tls::TlsClient;

/// Where a connection goes.
#[derive(Clone, Debug)]
pub(in crate::tcp) struct Remote {
    pub(in crate::tcp) addr: SocketAddr,
    pub(in crate::tcp) tls: Option<TlsClient>,
    /// `SO_MARK` of its segments.
    pub(in crate::tcp) mark: Option<u32>,
}

/// Whichever of both it is.
pub(super) type Stream = Box<dyn Duplex>;

/// What is read and written.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Connects, and under TLS has the server prove who it is.
pub(super) async fn open(Remote { addr, tls, mark }: Remote) -> Result<Stream, UpstreamFailure> {
    let stream = connect(addr, mark).await;
    let stream = stream.map_err(|error| failure_of(&error))?;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    if let Err(error) = SockRef::from(&stream).set_tcp_user_timeout(Some(USER_TIMEOUT)) {
        tracing::debug!(%error, "cannot set TCP_USER_TIMEOUT");
    }
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    match tls.wrap(stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        // The kernel's errors are those of the connection; others are of TLS.
        Err(error) if error.raw_os_error().is_some() => Err(failure_of(&error)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(UpstreamFailure::Closed),
        Err(error) => {
            let name = &tls.server().name;
            tracing::warn!(%addr, name, %error, "no TLS connection to an upstream");
            Err(UpstreamFailure::Tls)
        }
    }
}

async fn connect(addr: SocketAddr, mark: Option<u32>) -> io::Result<TcpStream> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    if let Some(mark) = mark
        && let Err(error) = SockRef::from(&socket).set_mark(mark)
    {
        tracing::debug!(%error, "cannot set SO_MARK");
    }
    socket.connect(addr).await
}

/// Reads the error of a connection.
pub(super) fn failure_of(error: &io::Error) -> UpstreamFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => UpstreamFailure::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            UpstreamFailure::Unreachable
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => UpstreamFailure::Closed,
        _ => UpstreamFailure::Connect,
    }
}

/// A peer whose system acknowledges nothing for so long is gone.
const USER_TIMEOUT: Duration = Duration::from_secs(2);
