//! SIGINT, SIGTERM and SIGHUP end a run early, with a report of what there is.

use std::io;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::sender::Stop;
use crate::tty;

/// Watches for these signals from now on; the first sets the returned value.
/// A second one ends the program at once.
///
/// # Errors
///
/// When the system gives no thread or no handler.
pub fn watch() -> io::Result<Stop> {
    let stop = Stop::default();
    let told = stop.clone();
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let [mut interrupt, mut terminate, mut hangup] = {
        let _guard = runtime.enter();
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        [interrupt?, terminate?, hangup?]
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                loop {
                    let number = tokio::select! {
                        _ = interrupt.recv() => SIGINT,
                        _ = terminate.recv() => SIGTERM,
                        _ = hangup.recv() => SIGHUP,
                    };
                    if told.signal().is_some() {
                        tty::give_back();
                        std::process::exit(i32::from(128 + number));
                    }
                    told.set(number);
                }
            });
        })?;
    Ok(stop)
}

/// Linux's numbers, for the exit code.
const SIGINT: u8 = 2;
const SIGTERM: u8 = 15;
const SIGHUP: u8 = 1;
