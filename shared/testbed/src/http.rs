//! A client of HTTP/1.1 that fetches one page, over TCP or a Unix socket, and
//! never waits longer than [`DEADLINE`] for it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Server {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code, such as 200.
    pub status: u16,
    /// The body.
    pub body: String,
    head: String,
}

impl Response {
    /// Returns the value of a header field, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// A response whose body is still to be read: a stream of lines.
pub struct Body {
    /// The status code.
    pub status: u16,
    head: String,
    input: BufReader<Socket>,
}

impl Body {
    /// Returns the lines as they come, those of the transfer coding included.
    pub fn lines(self) -> impl Iterator<Item = io::Result<String>> {
        self.input.lines()
    }
}

/// Fetches a page.
///
/// # Panics
///
/// When there is no response within [`DEADLINE`].
#[expect(clippy::unwrap_used, reason = "a server that should be there is a fixture")]
pub fn get(server: impl Into<Server>, path: &str) -> Response {
    try_get(server, path).unwrap()
}

/// Fetches a page from a server that may not be there.
///
/// # Errors
///
/// When the server takes no connection, or sends no whole response within
/// [`DEADLINE`].
pub fn try_get(server: impl Into<Server>, path: &str) -> Result<Response> {
    let Body { status, head, mut input } = open(server, path)?;
    let mut body = String::new();
    match header(&head, "content-length") {
        Some(length) => {
            let length: u64 = length.parse().context("Content-Length is no number")?;
            (&mut input).take(length).read_to_string(&mut body)?;
            if body.len() as u64 != length {
                bail!("{path}: {} octets of {length} came", body.len());
            }
        }
        None => {
            input.read_to_string(&mut body)?;
        }
    }
    Ok(Response { status, body, head })
}

/// Asks for a page and reads the head of the response; the body may never end.
///
/// # Errors
///
/// When the server takes no connection, or sends no head within [`DEADLINE`].
pub fn open(server: impl Into<Server>, path: &str) -> Result<Body> {
    let server = server.into();
    let exchange = || -> Result<Body> {
        let mut socket = Socket::connect(&server)?;
        write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut input = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if (&mut input).take(MAX_HEAD).read_line(&mut head)? == 0 {
                bail!("the head ends early: {head:?}");
            }
        }
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("no status in {head:?}"))?;
        Ok(Body { status, head, input })
    };
    exchange().with_context(|| format!("GET {path} of {server:?}"))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

/// A connection that times out at one moment, however much comes before it.
struct Socket {
    stream: Stream,
    until: Instant,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    #[expect(clippy::disallowed_methods, reason = "a deadline of sockets is a time")]
    fn connect(server: &Server) -> io::Result<Self> {
        let until = Instant::now() + DEADLINE;
        let stream = match server {
            Server::Tcp(addr) => Stream::Tcp(TcpStream::connect_timeout(addr, DEADLINE)?),
            Server::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        Ok(Self { stream, until })
    }

    /// What is left until the deadline; never zero, which would be forever.
    #[expect(clippy::disallowed_methods, reason = "a deadline of sockets is a time")]
    fn left(&self) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        left.max(Duration::from_millis(1))
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = Some(self.left());
        match &mut self.stream {
            Stream::Tcp(stream) => {
                stream.set_read_timeout(left)?;
                stream.read(buffer)
            }
            Stream::Unix(stream) => {
                stream.set_read_timeout(left)?;
                stream.read(buffer)
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let left = Some(self.left());
        match &mut self.stream {
            Stream::Tcp(stream) => {
                stream.set_write_timeout(left)?;
                stream.write(octets)
            }
            Stream::Unix(stream) => {
                stream.set_write_timeout(left)?;
                stream.write(octets)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<SocketAddr> for Server {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

impl From<&Path> for Server {
    fn from(path: &Path) -> Self {
        Self::Unix(path.to_path_buf())
    }
}

/// From the connection to the last octet.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Octets of a line of the head; ours are far shorter.
const MAX_HEAD: u64 = 16 << 10;
