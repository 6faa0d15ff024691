//! Requests to the admin listener, which runs in this process: the real routes behind
//! a real socket.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use console::{AdminAddr, AdminListener, AdminState, Pseudonyms, Settings};
use forward::{ForwardConfig, ForwardZone, Forwarder};
use observe::{ObserveConfig, Observer, ObserverHandle, Recorders};
use resolver::{Cache, CacheConfig, Clock};

use super::{Target, outcome, size};

pub(super) const HTTP: Target = Target {
    name: "http",
    feed: http,
    folders: &["http"],
    words: &[
        b"/api/v1/",
        b"clients",
        b"workloads",
        b"summary",
        b"lookups",
        b"failures",
        b"loops",
        b"cache",
        b"upstreams",
        b"?",
        b"&",
        b"limit=",
        b"order=",
        b"redact=",
        b"window=",
        b"advice=",
        b"true",
        b"names",
        b"18446744073709551615",
        b"-1",
        b"%",
        b"%00",
        b"%ff",
        b"/",
    ],
    longest: 2_048,
};

/// A path and a query, as they stand in the first line of a request: there is a
/// response, and it does not put the blame on the server.
fn http(octets: &[u8]) -> u64 {
    // `tap` has no end.
    if octets.windows(3).any(|part| part == b"tap") || octets.contains(&b'\n') {
        return 0;
    }
    let request =
        [b"GET /", octets, b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"].concat();
    // A listener that waits too long for a request ends the connection; on a machine
    // with too much to do that is no finding.
    let response = (1..ATTEMPTS).find_map(|_| ask(&request).ok());
    let response = response.unwrap_or_else(|| ask(&request).unwrap());
    let status = response.get(9..12).unwrap_or_default();
    assert!(matches!(status.first(), Some(b'2'..=b'4')), "{:?}", status.escape_ascii());
    outcome((status, size(response.len())))
}

fn ask(request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(listener())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    Ok(response)
}

/// Connections on which a request is tried.
const ATTEMPTS: usize = 3;

/// The address of the listener, which runs until the process ends.
fn listener() -> SocketAddr {
    static LISTENER: OnceLock<SocketAddr> = OnceLock::new();
    *LISTENER.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let state = state(runtime.handle());
        let wanted = AdminAddr::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = runtime.block_on(AdminListener::bind(&wanted)).unwrap();
        let AdminAddr::Tcp(addr) = listener.addr(&wanted).unwrap() else { return LOST };
        runtime.spawn(listener.serve(state, PLACES));
        // It would stop what runs on it.
        std::mem::forget(runtime);
        addr
    })
}

/// A proxy that no client has asked.
fn state(runtime: &tokio::runtime::Handle) -> AdminState {
    let (clock, config) = (Clock::start(), ObserveConfig::default());
    let recorders = Recorders::new(config.buffer_octets);
    let cache_config = CacheConfig { bytes: 1 << 20, ..CacheConfig::default() };
    let cache = Arc::new(Cache::new(&cache_config));
    let forward = ForwardConfig::of(vec![ForwardZone::root(vec![LOST])], cache_config);
    let (forwarder, _) = Forwarder::start(&forward, &cache, clock, &recorders, runtime).unwrap();
    let observer = Observer::new(config, &[], 1, clock.now());
    let stop = Arc::new(AtomicBool::new(false));
    let (observer, _) = ObserverHandle::start(&recorders, observer, clock, stop).unwrap();
    let pseudonyms = Pseudonyms::default();
    let settings = Settings::default();
    AdminState {
        settings,
        cache,
        forwarder,
        observer,
        clock,
        pseudonyms,
        verdicts: console::Verdicts::default(),
    }
}

/// Where nothing listens.
const LOST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

/// Pages take milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections at a time: the driver has one.
const PLACES: usize = 8;
