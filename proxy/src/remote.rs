//! Reading the admin listener of a running proxy.

use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::admin::AdminAddr;

/// Why a page could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Nobody is there.
    #[error("cannot reach {addr}: {source}; is fivedots running, with this --admin?")]
    Connect {
        /// Where it was looked for.
        addr: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Somebody is there who says nothing.
    #[error("{addr} has not answered within {} s", PATIENCE.as_secs())]
    Silent {
        /// Who.
        addr: String,
    },
    /// Not the conversation that was meant.
    #[error("{addr}{path}: {reason}")]
    Answer {
        /// Who.
        addr: String,
        /// What was asked for.
        path: String,
        /// What came instead.
        reason: String,
    },
}

/// Gets one page of a proxy's API.
///
/// # Errors
///
/// When nobody answers in time, or not with that page.
pub async fn get<T: DeserializeOwned>(addr: &AdminAddr, path: &str) -> Result<T, RemoteError> {
    let fetched = timeout(PATIENCE, fetch(addr, path)).await;
    let body = fetched.map_err(|_| RemoteError::Silent { addr: addr.to_string() })??;
    serde_json::from_slice(&body).map_err(|error| answer(addr, path, error))
}

async fn fetch(addr: &AdminAddr, path: &str) -> Result<Bytes, RemoteError> {
    let connect = |source| RemoteError::Connect { addr: addr.to_string(), source };
    match addr {
        AdminAddr::Tcp(to) => {
            let stream = TcpStream::connect(to).await.map_err(connect)?;
            request(stream, addr, path).await
        }
        AdminAddr::Unix(to) => {
            let stream = UnixStream::connect(to).await.map_err(connect)?;
            request(stream, addr, path).await
        }
    }
}

async fn request(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    addr: &AdminAddr,
    path: &str,
) -> Result<Bytes, RemoteError> {
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| answer(addr, path, error))?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, "fivedots")
        .body(Empty::<Bytes>::new())
        .map_err(|error| answer(addr, path, error))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| answer(addr, path, error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_BODY)
        .collect()
        .await
        .map_err(|error| answer(addr, path, error))?
        .to_bytes();
    connection.abort();
    if status.is_success() {
        return Ok(body);
    }
    let said = String::from_utf8_lossy(&body);
    Err(answer(addr, path, format_args!("{status}: {}", said.trim_end())))
}

fn answer(addr: &AdminAddr, path: &str, reason: impl std::fmt::Display) -> RemoteError {
    RemoteError::Answer {
        addr: addr.to_string(),
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// A page is made in milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Every client's account is less.
const MAX_BODY: usize = 64 << 20;
