//! The cache and the learned search lists of the process before, over a socket that has no
//! file.
//!
//! Pods on the network of a node share the names of abstract Unix sockets, and no folder.
//! A new process takes both over before it takes queries; then it waits to be asked for
//! its own, as soon as the old one has left the name.

use std::io;
use std::net::SocketAddr;
use std::os::linux::fs::MetadataExt as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use observe::{Observer, ObserverHandle};
use resolver::{Cache, Clock, Resolver};

/// Search lists as [`Observer::pack_learned`] packs them.
pub type Lists = Vec<u8>;

/// Takes over the answers of the process that serves `listen`; returns the search lists
/// that it had learned, if there is one that hands both over.
pub async fn take_over(listen: SocketAddr, resolver: &Resolver, clock: Clock) -> Option<Lists> {
    let stream = connect(listen).ok()?;
    match timeout(PATIENCE, receive(stream, resolver, clock)).await {
        Ok(Ok((answers, lists))) => {
            tracing::info!(answers, "the cache of the process before is taken over");
            return Some(lists);
        }
        Ok(Err(error)) => tracing::warn!(%error, "the cache of the process before is lost"),
        Err(_) => tracing::warn!("the process before does not hand its cache over: it hangs"),
    }
    None
}

/// Hands the answers of `cache` and the lists of `observer` over to each process that
/// asks. Never ends, unless no name can be had.
pub async fn serve(listen: SocketAddr, cache: Arc<Cache>, observer: ObserverHandle, clock: Clock) {
    let listener = loop {
        match bind(listen) {
            Ok(listener) => break listener,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => sleep(RETRY).await,
            Err(error) => {
                return tracing::warn!(%error, "the next process begins with an empty cache");
            }
        }
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(RETRY).await;
            continue;
        };
        match timeout(PATIENCE, give(stream, &cache, &observer, clock)).await {
            Ok(Ok(())) => tracing::info!("the cache is handed over"),
            Ok(Err(error)) => tracing::warn!(%error, "the cache is not handed over"),
            Err(_) => tracing::warn!("the cache is not handed over in time"),
        }
    }
}

async fn receive(
    mut stream: UnixStream,
    resolver: &Resolver,
    clock: Clock,
) -> io::Result<(usize, Lists)> {
    is_ours(&stream)?;
    let mut form = [0; FORM.len()];
    stream.read_exact(&mut form).await?;
    if form != FORM {
        return Err(io::Error::other("it is of another form"));
    }
    let (mut answers, mut part) = (0, Vec::new());
    while read_part(&mut stream, &mut part).await? {
        answers += resolver.take_over(&part, clock.now());
    }
    read_part(&mut stream, &mut part).await?;
    Ok((answers, part))
}

/// Reads a part; returns whether it was one, and not the end of them.
async fn read_part(stream: &mut UnixStream, part: &mut Vec<u8>) -> io::Result<bool> {
    let len = stream.read_u32().await?;
    if len > MOST {
        return Err(io::Error::other(format!("a part of {len} octets is too large")));
    }
    part.clear();
    stream.take(len.into()).read_to_end(part).await?;
    match len_of(part) == len {
        true => Ok(len > 0),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// One part after the other, each behind its length: a copy of the whole cache would
/// not fit beside it. The end of them is a part of no octets, after which the lists are
/// one.
async fn give(
    mut stream: UnixStream,
    cache: &Arc<Cache>,
    observer: &ObserverHandle,
    clock: Clock,
) -> io::Result<()> {
    is_ours(&stream)?;
    stream.write_all(&FORM).await?;
    for number in 0.. {
        let cache = Arc::clone(cache);
        let packed = spawn_blocking(move || {
            let mut part = Vec::new();
            cache.pack(number, clock.now(), &mut part).then_some(part)
        });
        let Some(part) = packed.await.map_err(io::Error::other)? else { break };
        match len_of(&part) {
            0 => {}
            1..=MOST => write_part(&mut stream, &part).await?,
            octets => tracing::warn!(octets, "a part of the cache is too large to hand over"),
        }
    }
    write_part(&mut stream, &[]).await?;
    let observer = observer.clone();
    let lists = spawn_blocking(move || observer.read(Observer::pack_learned));
    write_part(&mut stream, &lists.await.map_err(io::Error::other)?).await?;
    stream.shutdown().await
}

async fn write_part(stream: &mut UnixStream, part: &[u8]) -> io::Result<()> {
    stream.write_u32(len_of(part)).await?;
    stream.write_all(part).await
}

/// More than [`MOST`] for what is too large.
fn len_of(part: &[u8]) -> u32 {
    u32::try_from(part.len()).unwrap_or(u32::MAX)
}

/// Whether a process of our user is at the other end. Any process on this network may
/// take or ask for the name, and put what it likes into a cache.
fn is_ours(stream: &UnixStream) -> io::Result<()> {
    let (theirs, ours) = (stream.peer_cred()?.uid(), std::fs::metadata("/proc/self")?.st_uid());
    match theirs == ours {
        true => Ok(()),
        false => Err(io::Error::other(format!("user {theirs} has the name, and we are {ours}"))),
    }
}

/// Fails at once where the queue of who has the name is full, as one would wait without an
/// end.
fn connect(listen: SocketAddr) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(format!("\0{}", text(listen)))?)?;
    UnixStream::from_std(socket.into())
}

fn bind(listen: SocketAddr) -> io::Result<UnixListener> {
    let listener = net::UnixListener::bind_addr(&name(listen)?)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

fn name(listen: SocketAddr) -> io::Result<net::SocketAddr> {
    net::SocketAddr::from_abstract_name(text(listen))
}

fn text(listen: SocketAddr) -> String {
    format!("fivedots/{listen}")
}

/// What is sent first: another form has another number.
const FORM: [u8; 8] = *b"5dcache2";
/// Octets of a part, of which there are four: a cache of a gigabyte.
const MOST: u32 = 256 << 20;
/// A cache of 64 MiB takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How soon the name of a process that has ended is taken.
const RETRY: Duration = Duration::from_secs(1);
