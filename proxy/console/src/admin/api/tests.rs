//! Which thread answers.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::task::Poll;

use forward::{ForwardConfig, ForwardZone, Forwarder};
use observe::{ObserveConfig, Observer, ObserverHandle, Recorders};
use resolver::{Cache, CacheConfig, Clock};
use tokio::runtime::{Builder, Handle};
use tokio::task::spawn_blocking;

use super::*;
use crate::admin::Settings;
use crate::redact::Pseudonyms;

/// A proxy that no client has asked yet. Its threads end with the process.
fn state(runtime: &Handle) -> AdminState {
    let (clock, config) = (Clock::start(), ObserveConfig::default());
    let recorders = Recorders::new(config.buffer_octets);
    let cache = Arc::new(Cache::new(&CacheConfig::default()));
    let zone = ForwardZone::root(vec!["127.0.0.1:53".parse().unwrap()]);
    let forward = ForwardConfig::of(vec![zone], CacheConfig::default());
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
        verdicts: crate::verdicts::Verdicts::default(),
    }
}

/// Asks for a page while every thread for blocking work is taken: it may not
/// be made on the runtime's own thread instead.
async fn waits_for_a_blocking_thread(page: impl Future<Output = Response>) -> StatusCode {
    let (release, released) = mpsc::channel::<()>();
    // The runtime of the test has one.
    let other = spawn_blocking(move || released.recv());
    let mut page = pin!(page);
    let first = std::future::poll_fn(|context| Poll::Ready(page.as_mut().poll(context)));
    assert!(first.await.is_pending(), "the page was made on the runtime's thread");
    drop(release);
    let status = page.await.status();
    other.await.unwrap().unwrap_err();
    status
}

#[test]
fn no_page_is_made_on_the_thread_of_dns_over_tcp() {
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let state = || State(state(runtime.handle()));
        let params = || Query(ListParams::default());
        let ok = waits_for_a_blocking_thread(workloads(state(), params())).await;
        assert_eq!(ok, StatusCode::OK);
        let ok = waits_for_a_blocking_thread(summary(state(), params())).await;
        assert_eq!(ok, StatusCode::OK);

        let params =
            || ClientParams { kind: None, namespace: None, name: None, redact: Redact::default() };
        let page = client(state(), Path("10.0.0.1".parse().unwrap()), Query(params()));
        assert_eq!(waits_for_a_blocking_thread(page).await, StatusCode::NOT_FOUND);

        let path = Path(["shop", "Deployment", "checkout"].map(str::to_owned).into());
        let page = workload(state(), path, Query(WorkloadParams::default()));
        assert_eq!(waits_for_a_blocking_thread(page).await, StatusCode::NOT_FOUND);
    });
}
