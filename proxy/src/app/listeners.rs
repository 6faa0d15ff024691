//! The side of the clients: its threads and tasks, and what they share.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use anyhow::Context as _;
use tokio::sync::watch;

use crate::capabilities::hint;
use crate::config::Config;
use crate::descriptors::Descriptors;
use crate::health::Health;
use crate::heartbeat::Heartbeats;
use crate::interception::{self, Interception};
use crate::renewals::Renewals;
use crate::serve::{SOCKET_BUFFER, Service, TcpConfig, TcpServer, UdpWorker, bind_tcp, bind_udp};
use observe::Recorders;

/// What clients are answered by, what ends their connections, and where the Pods are
/// that this node's DNS goes to without us.
pub(super) type Serving<'a> =
    (&'a Service, watch::Receiver<bool>, watch::Receiver<Vec<SocketAddr>>);

/// What answers clients.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) tcp: TcpServer,
    pub(super) health: Arc<Health>,
    /// With their names.
    pub(super) threads: Vec<(String, JoinHandle<()>)>,
    /// Of the tasks that take connections, with their names.
    pub(super) tasks: Vec<(String, tokio::task::JoinHandle<()>)>,
    pub(super) stop: Arc<AtomicBool>,
    /// Of the threads alone, which must not hang while this node's DNS comes to us.
    beats: Heartbeats,
    /// What takes over this node's DNS, if it is wanted.
    pub(super) interception: Option<Interception>,
    /// Whether this node's DNS comes to us.
    pub(super) renewals: Arc<Renewals>,
    /// For what the kernel counts; the threads own them.
    pub(super) sockets: Vec<(SocketAddr, Vec<Weak<udp::Socket>>)>,
}

impl Listeners {
    /// Serves all addresses of `config`, and adds its threads to `beats`.
    ///
    /// # Errors
    ///
    /// When an address cannot be bound or a thread cannot be started.
    pub(super) fn start(
        config: &Config,
        descriptors: Descriptors,
        (service, stopped, pods): Serving<'_>,
        (recorders, beats): (&Recorders, &mut Heartbeats),
    ) -> anyhow::Result<Self> {
        let tcp = TcpConfig { max_connections: descriptors.tcp, ..config.tcp };
        let mut listeners = Self {
            tcp: TcpServer::new(service.clone(), tcp, recorders.open(), stopped),
            health: Arc::new(Health::new(config.listen.len())),
            threads: Vec::new(),
            tasks: Vec::new(),
            stop: Arc::default(),
            beats: Heartbeats::new(service.clock),
            interception: None,
            renewals: Arc::default(),
            sockets: Vec::new(),
        };
        // Before they are listened on the addresses must be there.
        let interceptor = interception::prepare(config)?;
        for addr in &config.listen {
            listeners
                .listen((*addr, config.workers), service, recorders, beats)
                .map_err(|error| {
                    let hint = hint(*addr, &error);
                    error.context(format!("cannot listen on {addr}{hint}"))
                })?;
        }
        // It waits until they answer.
        let (beats, renewals) = (listeners.beats.clone(), &listeners.renewals);
        listeners.interception = interceptor
            .map(|ready| {
                let found = (Arc::clone(renewals), pods);
                Interception::start(ready, config, beats, found)
            })
            .transpose()
            .context("cannot start the thread of interception")?;
        Ok(listeners)
    }

    /// Serves one address by UDP threads and a TCP task, and asks it once.
    fn listen(
        &mut self,
        (addr, workers): (SocketAddr, usize),
        service: &Service,
        recorders: &Recorders,
        beats: &mut Heartbeats,
    ) -> anyhow::Result<()> {
        let bound = if addr.port() == 0 { free_port(addr)? } else { addr };
        let sockets = bind_udp(bound, workers)?;
        if self.threads.is_empty() {
            sockets.first().map(check_buffer);
        }
        let (mut open, mut ours) = (Vec::new(), Vec::new());
        let task = tokio::spawn(self.tcp.clone().run(bind_tcp(bound)?));
        self.tasks.push((format!("tcp on {bound}"), task));
        for (n, socket) in sockets.into_iter().enumerate() {
            let (stop, (stats, notes)) = (Arc::clone(&self.stop), recorders.open());
            let name = format!("client-{n} on {bound}");
            for beats in [&mut *beats, &mut self.beats] {
                beats.add(name.clone(), Arc::clone(&stats.beat));
            }
            ours.push(Arc::clone(&stats));
            let socket = Arc::new(socket);
            open.push(Arc::downgrade(&socket));
            let worker = UdpWorker::new(socket, service.clone(), (stats, notes), stop);
            let thread = std::thread::Builder::new().name(format!("client-{n}"));
            self.threads
                .push((name, thread.spawn(move || worker.run())?));
        }
        self.sockets.push((bound, open));
        tracing::info!(addr = %bound, "listening");
        tokio::spawn(Arc::clone(&self.health).ask_ourselves(bound, ours));
        Ok(())
    }

    /// Returns the name of a thread or task that has ended, which none does before
    /// the stop.
    pub(super) fn ended(&self) -> Option<&str> {
        let threads = self
            .threads
            .iter()
            .map(|(name, thread)| (name, thread.is_finished()));
        let tasks = self
            .tasks
            .iter()
            .map(|(name, task)| (name, task.is_finished()));
        let ended = threads.chain(tasks).find(|(_, is_finished)| *is_finished);
        ended.map(|(name, _)| name.as_str())
    }
}

/// Returns the address with a port that is free for UDP and for TCP: the one that is free
/// for UDP may be in use for TCP. And a socket with `SO_REUSEPORT` may be given a port that
/// another process has, so the port is found without it.
fn free_port(addr: SocketAddr) -> io::Result<SocketAddr> {
    let free = || {
        let socket = UdpSocket::bind(addr)?;
        let bound = socket.local_addr()?;
        TcpListener::bind(bound).map(|_| bound)
    };
    let found = (1..TRIES).find_map(|_| free().ok());
    found.map_or_else(free, Ok)
}

/// Logs that the kernel grants less than what is asked for, which would show only as
/// queries that are lost in bursts.
fn check_buffer(socket: &udp::Socket) {
    let granted = socket.recv_buffer().unwrap_or(SOCKET_BUFFER);
    if granted < SOCKET_BUFFER {
        tracing::warn!(
            granted,
            wanted = SOCKET_BUFFER,
            "short receive queues: raise net.core.rmem_max, or grant CAP_NET_ADMIN"
        );
    }
}

/// Ports that are tried: of the thousands of the ephemeral range few are in use.
const TRIES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_is_free_for_both() {
        let addr = free_port("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_ne!(addr.port(), 0);
        let _udp = UdpSocket::bind(addr).unwrap();
        let _tcp = TcpListener::bind(addr).unwrap();
        // An address of documentation, so of no interface.
        assert!(free_port("192.0.2.1:0".parse().unwrap()).is_err());
    }
}
