//! Connections: frames in, frames out, broken where the script does so.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Mutex;

use super::shared::Shared;
use crate::question::Transport;
use crate::rule::Delivery;

/// What the server does with connections.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TcpMode {
    /// Accepts and answers.
    #[default]
    Serve,
    /// Accepts, and answers the queries of each connection in turn, as CoreDNS does:
    /// one that is delayed holds up those behind it.
    InTurn,
    /// Listens not at all: a connection is reset.
    Refuse,
    /// The kernel takes the connection; the server never reads from it.
    NeverAccept,
    /// The SYN is lost: the accept queue is full, as of a host that is gone.
    BlackHole,
}

/// A bound port, or none, by mode.
pub(super) struct Listening {
    listener: Option<TcpListener>,
    mode: TcpMode,
}

impl Listening {
    /// Binds inside the current runtime.
    pub(super) fn bind(addr: SocketAddr, mode: TcpMode) -> io::Result<Self> {
        let backlog = match mode {
            TcpMode::Refuse => return Ok(Self { listener: None, mode }),
            TcpMode::Serve | TcpMode::InTurn | TcpMode::NeverAccept => 1024,
            TcpMode::BlackHole => 0,
        };
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = Some(socket.listen(backlog)?);
        Ok(Self { listener, mode })
    }

    /// Serves, or holds the port, until the runtime ends.
    pub(super) async fn serve(self, shared: Arc<Shared>) {
        let Some(listener) = self.listener else { return };
        match self.mode {
            TcpMode::Serve | TcpMode::InTurn => accept(&listener, self.mode, &shared).await,
            TcpMode::BlackHole => {
                // A queue of length 0 holds one connection: this one, for good.
                let filler = match listener.local_addr() {
                    Ok(addr) => TcpStream::connect(addr).await,
                    Err(error) => Err(error),
                };
                std::future::pending::<()>().await;
                drop(filler);
            }
            TcpMode::Refuse | TcpMode::NeverAccept => std::future::pending().await,
        }
    }
}

async fn accept(listener: &TcpListener, mode: TcpMode, shared: &Arc<Shared>) {
    while let Ok(permit) = Arc::clone(&shared.connections).acquire_owned().await {
        let Ok((stream, from)) = listener.accept().await else { continue };
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            // The peer went away, or the script ended the connection.
            serve_connection(stream, (from, mode), shared)
                .await
                .unwrap_or_default();
            drop(permit);
        });
    }
}

async fn serve_connection(
    stream: TcpStream,
    (from, mode): (SocketAddr, TcpMode),
    shared: Arc<Shared>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, writer) = stream.into_split();
    let writer = Arc::new(Mutex::new(writer));
    loop {
        let octets = read_frame(&mut reader).await?;
        let plan = shared.receive(&octets, from, Transport::Tcp).await;
        if plan.delivery == Delivery::Close {
            return Ok(());
        }
        for reply in plan.replies {
            let Ok(permit) = Arc::clone(&shared.pending).try_acquire_owned() else { continue };
            let writer = Arc::clone(&writer);
            let send = async move {
                // A sleep of nothing still takes the timer's whole millisecond.
                if !reply.after.is_zero() {
                    tokio::time::sleep(reply.after).await;
                }
                let mut writer = writer.lock().await;
                // A reply to a peer that is gone is lost.
                write_frame(&mut writer, &reply.octets, plan.delivery)
                    .await
                    .unwrap_or_default();
                drop(permit);
            };
            match mode {
                TcpMode::InTurn => send.await,
                _ => drop(tokio::spawn(send)),
            }
        }
    }
}

async fn read_frame(reader: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = reader.read_u16().await?;
    let mut octets = vec![0; usize::from(length)];
    reader.read_exact(&mut octets).await?;
    Ok(octets)
}

async fn write_frame(
    writer: &mut OwnedWriteHalf,
    octets: &[u8],
    delivery: Delivery,
) -> io::Result<()> {
    // A message fits 65,535 octets: `Question::fit` saw to it.
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    let frame = [&length.to_be_bytes(), octets].concat();
    match delivery {
        Delivery::Whole => writer.write_all(&frame).await,
        Delivery::ByteByByte(pause) => {
            for octet in frame {
                writer.write_u8(octet).await?;
                tokio::time::sleep(pause).await;
            }
            Ok(())
        }
        Delivery::CloseMidFrame => {
            let half = frame.get(..2 + octets.len() / 2).unwrap_or_default();
            writer.write_all(half).await?;
            writer.shutdown().await
        }
        Delivery::Close => Ok(()),
    }
}
