//! Reading the admin listener of a running proxy.

use std::fmt::Write as _;
use std::time::Duration;

use http_body_util::{BodyExt as _, Collected, Empty, Limited};
use hyper::body::{Bytes, Incoming};
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

/// Opens a page that goes on, a line at a time.
///
/// # Errors
///
/// When nobody answers in time, or not with that page.
pub async fn stream(addr: &AdminAddr, path: &str) -> Result<Lines, RemoteError> {
    let opened = timeout(PATIENCE, open(addr, path)).await;
    let body = opened.map_err(|_| RemoteError::Silent { addr: addr.to_string() })??;
    Ok(Lines { body, rest: Vec::new(), addr: addr.clone(), path: path.to_owned() })
}

/// The lines of a page that goes on.
#[derive(Debug)]
pub struct Lines {
    body: Incoming,
    /// What came after the last line.
    rest: Vec<u8>,
    addr: AdminAddr,
    path: String,
}

impl Lines {
    /// Waits for the next line; none when the page has ended.
    ///
    /// # Errors
    ///
    /// When the connection breaks, and when nothing comes for long.
    pub async fn next(&mut self) -> Result<Option<String>, RemoteError> {
        loop {
            if let Some(end) = self.rest.iter().position(|octet| *octet == b'\n') {
                let mut line: Vec<u8> = self.rest.drain(..=end).collect();
                line.pop();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if self.rest.len() > MAX_LINE {
                return Err(answer(&self.addr, &self.path, "a line without an end"));
            }
            let frame = timeout(SILENCE, self.body.frame()).await;
            let silent = |_| RemoteError::Silent { addr: self.addr.to_string() };
            let Some(frame) = frame.map_err(silent)? else { return Ok(None) };
            let frame = frame.map_err(|error| answer(&self.addr, &self.path, error))?;
            self.rest.extend(frame.data_ref().into_iter().flatten());
        }
    }
}

async fn fetch(addr: &AdminAddr, path: &str) -> Result<Bytes, RemoteError> {
    let body = Limited::new(open(addr, path).await?, MAX_BODY)
        .collect()
        .await;
    let body = body.map_err(|error| answer(addr, path, error))?;
    Ok(body.to_bytes())
}

async fn open(addr: &AdminAddr, path: &str) -> Result<Incoming, RemoteError> {
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
) -> Result<Incoming, RemoteError> {
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| answer(addr, path, error))?;
    // Ends with the body: nobody asks for a second page.
    tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, "fivedots")
        .body(Empty::<Bytes>::new())
        .map_err(|error| answer(addr, path, error))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| answer(addr, path, error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response.into_body());
    }
    let said = Limited::new(response.into_body(), MAX_LINE).collect().await;
    let said = said.map(Collected::to_bytes).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    Err(answer(addr, path, format_args!("{status}: {}", said.trim_end())))
}

/// Writes a value so that it can stand in the query of a URL.
pub fn encoded(value: &str) -> String {
    let plain = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~".contains(octet);
    let mut text = String::new();
    for octet in value.bytes() {
        if plain(&octet) {
            text.push(char::from(octet));
        } else {
            // Writing to a String cannot fail.
            write!(text, "%{octet:02X}").unwrap_or_default();
        }
    }
    text
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

/// A page that goes on has a line every five seconds.
const SILENCE: Duration = Duration::from_secs(20);

/// The longest name has a thousand octets as text.
const MAX_LINE: usize = 64 << 10;
