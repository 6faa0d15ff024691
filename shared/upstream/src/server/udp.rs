//! Datagrams in, datagrams out, each in its time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;

use super::shared::Shared;
use crate::question::Transport;
use crate::script::PlannedReply;

/// Binds a socket inside the current runtime.
pub(super) fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(addr)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// Answers until the runtime ends.
pub(super) async fn serve(socket: Arc<UdpSocket>, shared: Arc<Shared>) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        // An error here is about an earlier reply (ICMP), not about us.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let octets = buffer.get(..length).unwrap_or_default();
        let plan = shared.receive(octets, from, Transport::Udp).await;
        for reply in plan.replies {
            if reply.after.is_zero() {
                send(&socket, &reply, from).await;
            } else if let Ok(permit) = Arc::clone(&shared.pending).try_acquire_owned() {
                let socket = Arc::clone(&socket);
                tokio::spawn(async move {
                    tokio::time::sleep(reply.after).await;
                    send(&socket, &reply, from).await;
                    drop(permit);
                });
            }
        }
    }
}

/// Sends a reply; one that cannot be sent is lost, as in a network.
async fn send(socket: &UdpSocket, reply: &PlannedReply, to: SocketAddr) {
    let sent = if reply.from_other_port {
        match socket
            .local_addr()
            .and_then(|own| bind(SocketAddr::new(own.ip(), 0)))
        {
            Ok(other) => other.send_to(&reply.octets, to).await,
            Err(error) => Err(error),
        }
    } else {
        socket.send_to(&reply.octets, to).await
    };
    sent.unwrap_or_default();
}
