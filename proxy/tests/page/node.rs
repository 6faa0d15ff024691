//! A proxy in this process, whose clients are named by the test: outside of it
//! that takes an API server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use console::admin::{self, AdminAddr, AdminListener, AdminState};
use console::redact::Pseudonyms;
use dns::Name;
use forward::{ForwardConfig, ForwardZone, Forwarder, Transport};
use observe::{Identity, ObserveConfig, Observer, ObserverHandle, Recorders, SearchRule};
use proxy::serve::{Service, UdpWorker, bind_udp};
use resolver::{Cache, CacheConfig, Clock, KeyHasher, Resolver};
use testbed::port;
use tokio::runtime::Runtime;

/// A running proxy of one client thread; its threads end with the test.
pub(crate) struct Node {
    pub(crate) admin: SocketAddr,
    ledger: ObserverHandle,
    stop: Arc<AtomicBool>,
    _runtime: Runtime,
}

impl Node {
    /// Starts one with a forward zone for each suffix.
    pub(crate) fn start(listen: SocketAddr, zones: &[(&str, SocketAddr)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (clock, stop) = (Clock::start(), Arc::new(AtomicBool::new(false)));
        let observe = observe_config();
        let books = Recorders::new(observe.ring_octets);
        let cache = Arc::new(Cache::new(&CacheConfig::default()));
        let config = forward_config(zones);
        let (forwarder, _) =
            Forwarder::start(&config, &cache, clock, &books, runtime.handle()).unwrap();
        let resolver = Resolver::new(Arc::clone(&cache), KeyHasher::default(), true);
        let service = Service { resolver: Arc::new(resolver), forwarder: forwarder.clone(), clock };
        for socket in bind_udp(listen, 1).unwrap() {
            let worker = UdpWorker::new(socket, service.clone(), books.open(), Arc::clone(&stop));
            std::thread::spawn(move || worker.run());
        }
        let suffixes: Vec<_> = config.zones.iter().map(|zone| zone.suffix).collect();
        let upstreams = forwarder.upstreams().len();
        let observer = Observer::new(observe, &suffixes, upstreams, clock.now());
        let (ledger, _) =
            ObserverHandle::start(&books, observer, clock, Arc::clone(&stop)).unwrap();
        let state = AdminState {
            config: "".into(),
            cache,
            forwarder,
            ledger: ledger.clone(),
            clock,
            pseudonyms: Pseudonyms::default(),
        };
        let admin = port::free(Ipv4Addr::LOCALHOST).unwrap();
        let listener = runtime
            .block_on(AdminListener::bind(&AdminAddr::Tcp(admin)))
            .unwrap();
        runtime.spawn(listener.serve(admin::routes(state)));
        Self { admin, ledger, stop, _runtime: runtime }
    }

    /// Says whose addresses these are.
    pub(crate) fn identify(&self, named: impl IntoIterator<Item = (IpAddr, Identity)>) {
        let named = named.into_iter();
        self.ledger
            .identify(named.map(|(addr, identity)| (addr, Some(Arc::new(identity)))));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn forward_config(zones: &[(&str, SocketAddr)]) -> ForwardConfig {
    let zone = |(suffix, upstream): &(&str, SocketAddr)| ForwardZone {
        suffix: Name::from_text(suffix).unwrap(),
        upstreams: vec![*upstream],
        transport: Transport::Udp,
        cluster: false,
    };
    ForwardConfig {
        zones: zones.iter().map(zone).collect(),
        deadline: ForwardConfig::DEADLINE,
        max_inflight: ForwardConfig::MAX_INFLIGHT,
        max_waiters: ForwardConfig::MAX_WAITERS,
        threads: 1,
        cache: CacheConfig::default(),
        hop_option: false,
    }
}

/// What the kubelet writes into the Pods of the namespace `shop`.
fn observe_config() -> ObserveConfig {
    let domains = crate::cluster::DOMAINS.map(|domain| Name::from_text(domain).unwrap());
    let rule =
        SearchRule { clients: "127.0.0.0/8".parse().unwrap(), domains: domains.into(), ndots: 5 };
    ObserveConfig { search: vec![rule], ..ObserveConfig::default() }
}
