//! Reading the admin listener of a running proxy.

use std::fmt;
use std::time::Duration;

use http_body_util::{BodyExt as _, Collected, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::admin::{AdminAddr, INTENT};

/// Why a page could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AdminClientError {
    /// No connection.
    #[error("cannot reach {addr}: {source}; check that fivedots runs with this --admin")]
    Connect {
        /// Of the admin listener.
        addr: String,
        /// Of the system.
        source: std::io::Error,
    },
    /// No answer in time.
    #[error("no answer from {addr} within {} s", .after.as_secs())]
    Timeout {
        /// Of the admin listener.
        addr: String,
        /// How long it had.
        after: Duration,
    },
    /// An error, or an answer of another form.
    #[error("{addr}{path}: {reason}")]
    Response {
        /// Of the admin listener.
        addr: String,
        /// Of the page.
        path: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

/// Gets one page of a proxy's API.
///
/// # Errors
///
/// Without an answer in time, and for an answer that is not that page.
pub async fn get<T: DeserializeOwned>(addr: &AdminAddr, path: &str) -> Result<T, AdminClientError> {
    read(addr, Method::GET, path).await
}

/// Gets one page over a connection that is there already, to `name`.
///
/// # Errors
///
/// As [`get`], but it waits as long as it takes.
pub async fn get_over<T: DeserializeOwned>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    name: &str,
    path: &str,
) -> Result<T, AdminClientError> {
    let body = request(stream, name, (Method::GET, path)).await?;
    let body = collect(body, name, path).await?;
    serde_json::from_slice(&body).map_err(|error| bad_response(name, path, error))
}

/// Gets one page that is text.
///
/// # Errors
///
/// As [`get`].
pub async fn text(addr: &AdminAddr, path: &str) -> Result<String, AdminClientError> {
    let body = in_time(addr, Method::GET, path).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Has a proxy do something, and gets what it did.
///
/// # Errors
///
/// Without an answer in time, and for an answer that is not that page.
pub(crate) async fn post<T: DeserializeOwned>(
    addr: &AdminAddr,
    path: &str,
) -> Result<T, AdminClientError> {
    read(addr, Method::POST, path).await
}

async fn read<T: DeserializeOwned>(
    addr: &AdminAddr,
    method: Method,
    path: &str,
) -> Result<T, AdminClientError> {
    let body = in_time(addr, method, path).await?;
    serde_json::from_slice(&body).map_err(|error| bad_response(addr, path, error))
}

async fn in_time(addr: &AdminAddr, method: Method, path: &str) -> Result<Bytes, AdminClientError> {
    let fetched = timeout(ANSWER_TIMEOUT, fetch(addr, method, path)).await;
    fetched.map_err(|_| late(addr, ANSWER_TIMEOUT))?
}

/// Opens a page that is sent a line at a time.
///
/// # Errors
///
/// Without an answer in time, and for an answer that is not that page.
pub(crate) async fn stream(addr: &AdminAddr, path: &str) -> Result<Lines, AdminClientError> {
    let opened = timeout(ANSWER_TIMEOUT, open(addr, Method::GET, path)).await;
    let body = opened.map_err(|_| late(addr, ANSWER_TIMEOUT))??;
    Ok(Lines { body, rest: Vec::new(), addr: addr.clone(), path: path.to_owned() })
}

/// The lines of a page that is sent a line at a time.
#[derive(Debug)]
pub(crate) struct Lines {
    body: Incoming,
    /// What came after the last line.
    rest: Vec<u8>,
    addr: AdminAddr,
    path: String,
}

impl Lines {
    /// Waits for the next line; `None` at the end of the page.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or without a line for 20 s.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, AdminClientError> {
        loop {
            if let Some(end) = self.rest.iter().position(|octet| *octet == b'\n') {
                let mut line: Vec<u8> = self.rest.drain(..=end).collect();
                line.pop();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if self.rest.len() > MAX_LINE {
                return Err(bad_response(&self.addr, &self.path, "a line of more than 64 KiB"));
            }
            let frame = timeout(LINE_TIMEOUT, self.body.frame()).await;
            let silent = |_| late(&self.addr, LINE_TIMEOUT);
            let Some(frame) = frame.map_err(silent)? else { return Ok(None) };
            let frame = frame.map_err(|error| bad_response(&self.addr, &self.path, error))?;
            self.rest.extend(frame.data_ref().into_iter().flatten());
        }
    }
}

async fn fetch(addr: &AdminAddr, method: Method, path: &str) -> Result<Bytes, AdminClientError> {
    collect(open(addr, method, path).await?, addr, path).await
}

async fn collect(
    body: Incoming,
    addr: impl fmt::Display,
    path: &str,
) -> Result<Bytes, AdminClientError> {
    let body = Limited::new(body, MAX_BODY).collect().await;
    let body = body.map_err(|error| bad_response(addr, path, error))?;
    Ok(body.to_bytes())
}

async fn open(addr: &AdminAddr, method: Method, path: &str) -> Result<Incoming, AdminClientError> {
    let connect = |source| AdminClientError::Connect { addr: addr.to_string(), source };
    match addr {
        AdminAddr::Tcp(to) => {
            let stream = TcpStream::connect(to).await.map_err(connect)?;
            request(stream, addr, (method, path)).await
        }
        AdminAddr::Unix(to) => {
            let stream = UnixStream::connect(to).await.map_err(connect)?;
            request(stream, addr, (method, path)).await
        }
    }
}

async fn request(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    addr: impl fmt::Display + Copy,
    (method, path): (Method, &str),
) -> Result<Incoming, AdminClientError> {
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| bad_response(addr, path, error))?;
    // Ends with the body: each connection serves one page.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost")
        .header(INTENT, "1")
        .body(Empty::<Bytes>::new())
        .map_err(|error| bad_response(addr, path, error))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| bad_response(addr, path, error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response.into_body());
    }
    let text = Limited::new(response.into_body(), MAX_LINE).collect().await;
    let text = text.map(Collected::to_bytes).unwrap_or_default();
    Err(bad_response(addr, path, format_args!("{status}: {}", error_of(&text))))
}

/// The sentence in an error of the API.
fn error_of(body: &[u8]) -> String {
    let page: Option<Value> = serde_json::from_slice(body).ok();
    let error = page.as_ref().and_then(|page| page.get("error")?.as_str());
    match error {
        Some(error) => error.to_owned(),
        None => String::from_utf8_lossy(body).trim_end().to_owned(),
    }
}

fn late(addr: &AdminAddr, after: Duration) -> AdminClientError {
    AdminClientError::Timeout { addr: addr.to_string(), after }
}

fn bad_response(
    addr: impl fmt::Display,
    path: &str,
    reason: impl fmt::Display,
) -> AdminClientError {
    AdminClientError::Response {
        addr: addr.to_string(),
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// A page takes milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// More than a list of all clients.
const MAX_BODY: usize = 64 << 20;

/// A page that is sent a line at a time has one every five seconds.
const LINE_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest name has some 1,000 octets as text.
const MAX_LINE: usize = 64 << 10;
