//! The whole program, put together: the only module that names all others.

mod budget;
mod listeners;
mod pages;
mod reload;
mod service;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::cli::RunArgs;
use crate::config::Config;
use crate::descriptors::Descriptors;
use crate::health::Health;
use crate::heartbeat::Heartbeats;
use crate::kubernetes;
use crate::log::Log;
use crate::memory::Budget;
use crate::metrics::Sources;
use crate::notify::Supervisor;
use crate::reload::{Reloads, Watched};
use crate::resolv_conf;
use crate::serve::{LINGER, Service};
use crate::shutdown::{Signals, Wish};
use crate::upstreams::Upstreams;
use crate::verdicts::{self, Judge};
use console::{AdminAddr, Settings, Verdicts};
use forward::{Forwarder, ForwarderThread};
use listeners::Listeners;
use observe::{Beat, Observer, ObserverHandle, Recorders};
use pages::Pages;
use resolver::{Cache, Clock};

/// Answers queries until SIGTERM or SIGINT, then what was asked already. On SIGHUP,
/// and when its file changes, the configuration of `args` is read again.
///
/// # Errors
///
/// When an address cannot be bound or a thread cannot be started.
pub fn run(mut config: Config, args: &RunArgs, log: &Log) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut signals = Signals::new().context("cannot handle signals")?;
        let app = App::start(&config, log).await?;
        let mut files = Watched::new(args.config.iter().cloned().collect());
        tracing::info!("serving");
        let signal = loop {
            let wish = tokio::select! {
                wish = signals.recv() => wish,
                () = files.changed() => Wish::Reload,
                name = app.ended() => give_up(&name, log),
            };
            match wish {
                Wish::End(signal) => break signal,
                Wish::Reload => {
                    files.note_read();
                    app.reload(args, &mut config);
                }
            }
        };
        tracing::info!(signal, "draining");
        app.drain().await;
        Ok(())
    })
}

/// Ends a process that has lost a thread: what the thread served is silent for
/// ever, and only a new process serves it again.
fn give_up(name: &str, log: &Log) -> ! {
    tracing::error!(name, "a thread ended before the process did; the process aborts");
    log.flush(LAST_WRITES);
    std::process::abort();
}

/// Everything that runs, from [`App::start`] to [`App::drain`].
#[derive(Debug)]
pub struct App {
    forwarder: Forwarder,
    upstreams: Upstreams,
    upstream_thread: ForwarderThread,
    clients: Listeners,
    observer_thread: JoinHandle<()>,
    stop_observer: Arc<AtomicBool>,
    /// The rounds of the runtime's thread.
    beat: Arc<Beat>,
    clock: Clock,
    /// Ends the connections of clients.
    stop_tasks: watch::Sender<bool>,
    observer: ObserverHandle,
    pages: Pages,
    service: Service,
    settings: Settings,
    /// The configuration, for those who look at it again and again.
    in_force: watch::Sender<Config>,
    reloads: Arc<Reloads>,
}

impl App {
    /// Starts all threads and listeners of `config`, on the current runtime.
    ///
    /// # Errors
    ///
    /// When an address cannot be bound or a thread cannot be started.
    pub async fn start(config: &Config, log: &Log) -> anyhow::Result<Self> {
        announce(config);
        let recorders = Recorders::new(config.observe.buffer_octets);
        let clock = Clock::counting(udp::boot_time);
        let cache = Arc::new(Cache::new(&config.cache));
        let (forwarder, upstream_thread) = forward(config, &cache, clock, &recorders)?;
        look_for_loops(config, &forwarder, clock);
        let (pods, known_pods) = watch::channel(Vec::new());
        let (service, lists) = service::start(config, &cache, &forwarder, clock).await;
        let (stop_tasks, stopped) = watch::channel(false);
        let descriptors = divide(config, &forwarder);
        let mut beats = Heartbeats::of("upstream", forwarder.beat(), clock);
        let serving = (&service, stopped, known_pods);
        let clients = Listeners::start(config, descriptors, serving, (&recorders, &mut beats))?;
        let (observer, observer_thread, stop_observer) =
            account(&recorders, accounts(config, &forwarder, clock, &lists), clock)?;
        service::hand_over(config, &cache, &observer, clock);
        let zones = config.zones.clone();
        let upstreams = Upstreams::new(forwarder.clone(), observer.clone(), zones, pods);
        let in_force = follow(config, &upstreams);
        ask_kubernetes(config, &observer, &upstreams, clock).await?;
        let sources = Sources {
            stats: Arc::clone(&recorders.stats),
            cache,
            forwarder: forwarder.clone(),
            ledger: observer.clone(),
            clock,
            max_descriptors: descriptors.limit,
            sockets: clients.sockets.clone(),
            log: log.clone(),
            room: clients.tcp.room(),
            budget: budget(config, descriptors),
            reloads: Arc::default(),
            renewals: Arc::clone(&clients.renewals),
            verdicts: judge(config, &forwarder, &observer, clock),
        };
        let (reloads, settings) = (Arc::clone(&sources.reloads), pages::settings(config));
        beats.add("observer", Arc::clone(observer.beat()));
        let beat = watch_over(&clients.health, beats);
        let pages =
            Pages::start(config, (&clients.health, &settings), sources, descriptors).await?;
        Ok(Self {
            beat,
            clock,
            forwarder,
            upstreams,
            upstream_thread,
            clients,
            observer_thread,
            stop_observer,
            stop_tasks,
            observer,
            pages,
            service,
            settings,
            in_force,
            reloads,
        })
    }

    /// Returns where the admin listener is; for port 0, with the port that the
    /// kernel chose.
    pub const fn admin(&self) -> &AdminAddr {
        &self.pages.admin
    }

    /// Returns the accounts of the traffic.
    pub const fn observer(&self) -> &ObserverHandle {
        &self.observer
    }

    /// Waits until a thread or a task ends that should not; returns its name.
    pub async fn ended(&self) -> String {
        loop {
            self.beat.note(self.clock.now());
            let upstream = self.upstream_thread.is_finished().then_some("upstream");
            let observer = self.observer_thread.is_finished().then_some("observer");
            if let Some(name) = self.clients.ended().or(upstream).or(observer) {
                return name.to_owned();
            }
            sleep(LOOK).await;
        }
    }

    /// Takes no new query, answers those in flight, and ends: within 5 s of the
    /// signal, since no answer takes longer than the deadline.
    pub async fn drain(self) {
        self.clients.health.drain();
        if let Some(interception) = self.clients.interception {
            // Before the sockets go: what comes after this goes to CoreDNS.
            spawn_blocking(|| interception.end()).await.ok();
        }
        self.pages.make_way();
        self.stop_tasks.send_replace(true);
        self.clients.stop.store(true, Ordering::Relaxed);
        let (forwarder, client_threads) = (self.forwarder.clone(), self.clients.threads);
        let joined = spawn_blocking(move || {
            // What they had queued is asked before they end.
            for (name, thread) in client_threads {
                if thread.join().is_err() {
                    tracing::error!(name, "a client thread panicked");
                }
            }
        });
        // Connections are read for as long.
        tokio::join!(joined, sleep(LINGER)).0.ok();
        let drained = spawn_blocking(move || forwarder.drain(DRAIN));
        if !drained.await.unwrap_or(false) {
            let left = self.forwarder.in_flight();
            tracing::warn!(left, "ended before all clients were answered");
        }
        // The last answers are on their way to their connections.
        tokio::time::timeout(LAST_WRITES, self.clients.tcp.ended())
            .await
            .ok();
        let path = self.in_force.borrow().snapshot.clone();
        service::write_snapshot(path.as_deref(), self.service.resolver.cache(), self.clock);
        self.forwarder.stop();
        let (upstream, observer) = (self.upstream_thread, self.observer_thread);
        let stop_observer = self.stop_observer;
        spawn_blocking(move || {
            upstream.join();
            // What they noted last is taken as well.
            stop_observer.store(true, Ordering::Relaxed);
            observer.join()
        })
        .await
        .ok();
        tracing::info!("ended");
    }
}

/// Starts the upstream thread, on the current runtime.
fn forward(
    config: &Config,
    cache: &Arc<Cache>,
    clock: Clock,
    recorders: &Recorders,
) -> anyhow::Result<(Forwarder, ForwarderThread)> {
    let (config, runtime) = (config.forward_config(), Handle::current());
    Forwarder::start(&config, cache, clock, recorders, &runtime)
        .context("cannot start the upstream thread")
}

/// Follows this node's resolv.conf; returns where a reload leaves the configuration.
fn follow(config: &Config, upstreams: &Upstreams) -> watch::Sender<Config> {
    let (in_force, followed) = watch::channel(config.clone());
    tokio::spawn(resolv_conf::follow(followed, upstreams.clone()));
    in_force
}

/// Judges the node again and again; returns where the verdict is.
fn judge(
    config: &Config,
    forwarder: &Forwarder,
    observer: &ObserverHandle,
    clock: Clock,
) -> Verdicts {
    let verdicts = Verdicts::default();
    let judge = Judge {
        observer: observer.clone(),
        forwarder: forwarder.clone(),
        clock,
        cluster_domain: config.observe.cluster_domain,
    };
    tokio::spawn(verdicts::watch(judge, verdicts.clone()));
    verdicts
}

/// Lets /livez and the supervisor watch all threads; returns the beat of the runtime's.
fn watch_over(health: &Arc<Health>, mut beats: Heartbeats) -> Arc<Beat> {
    let beat = Arc::default();
    beats.add("runtime", Arc::clone(&beat));
    health.watch(beats);
    if let Some(supervisor) = Supervisor::from_environment() {
        tokio::spawn(supervisor.attend(Arc::clone(health)));
    }
    beat
}

/// Divides the descriptors of the process.
fn divide(config: &Config, forwarder: &Forwarder) -> Descriptors {
    let upstreams = Upstreams::most(forwarder, config.services.len());
    Descriptors::divide(upstreams, config.tcp.max_connections)
}

/// Watches the Pods that ask, and those that are asked.
async fn ask_kubernetes(
    config: &Config,
    observer: &ObserverHandle,
    upstreams: &Upstreams,
    clock: Clock,
) -> anyhow::Result<()> {
    kubernetes::start(&config.kubernetes, own_addrs(&config.listen), observer, clock)
        .await
        .context("cannot watch the pods of the Kubernetes API")?;
    kubernetes::follow(&config.kubernetes, &config.services, upstreams).await;
    Ok(())
}

/// The addresses that programs of this node ask us from: the one that they ask
/// is its own.
fn own_addrs(listen: &[SocketAddr]) -> Vec<IpAddr> {
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let listen = listen.iter().map(SocketAddr::ip);
    listen
        .filter(|addr| !addr.is_unspecified())
        .chain(loopback)
        .collect()
}

/// Tells of the loops that the configuration makes, and looks for others.
fn look_for_loops(config: &Config, forwarder: &Forwarder, clock: Clock) {
    forwarder
        .loops()
        .configured(&config.loops.found, clock.now());
    let interval = config.loops.probe_interval;
    if !interval.is_zero() {
        let names = vec![config.observe.cluster_domain, dns::Name::IN_ADDR_ARPA];
        tokio::spawn(forwarder.clone().look_for_loops(names, interval, clock));
    }
}

/// Makes the accounts, with nothing in them but the search lists that the process before
/// had learned.
fn accounts(config: &Config, forwarder: &Forwarder, clock: Clock, lists: &[u8]) -> Observer {
    let zones: Vec<_> = config.zones.iter().map(|zone| zone.suffix).collect();
    let upstreams = forwarder.upstreams();
    let mut accounts = Observer::new(config.observe.clone(), &zones, upstreams.len(), clock.now());
    accounts.reload(&zones, &upstreams);
    let lists = accounts.take_learned(lists);
    if lists > 0 {
        tracing::info!(lists, "the search lists that the process before had learned are known");
    }
    accounts
}

/// Starts the thread that keeps the accounts; it ends once the last is true.
fn account(
    recorders: &Recorders,
    accounts: Observer,
    clock: Clock,
) -> anyhow::Result<(ObserverHandle, JoinHandle<()>, Arc<AtomicBool>)> {
    let stop = Arc::default();
    let (observer, thread) = ObserverHandle::start(recorders, accounts, clock, Arc::clone(&stop))
        .context("cannot start the observer")?;
    Ok((observer, thread, stop))
}

/// Adds up the memory that is taken at most, and logs it.
fn budget(config: &Config, descriptors: Descriptors) -> Budget {
    let budget = budget::of(config, descriptors.tcp);
    budget.log();
    budget
}

/// Logs what was found, once.
fn announce(config: &Config) {
    let (bytes, workers) = (config.cache.bytes, config.workers);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        cache_bytes = bytes,
        workers,
        metrics = %config.metrics,
        admin = %config.admin,
        "starting"
    );
    for zone in &config.zones {
        let transport = if zone.tls.is_some() { "tls" } else { zone.transport.label() };
        tracing::info!(suffix = %zone.suffix, upstreams = ?zone.upstreams, transport, "forwarding");
    }
}

/// How often threads are looked at: what has ended is silent until then.
const LOOK: Duration = Duration::from_millis(250);

/// With [`LAST_WRITES`] and the threads' own 300 ms still under 5 s.
const DRAIN: Duration = Duration::from_millis(4300);

const LAST_WRITES: Duration = Duration::from_millis(200);
