//! The observer's thread, and its accounts for everybody who reads them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dns::Name;
use resolver::{Clock, Moment};

use crate::accounts::{Identity, WatchStatus};
use crate::beat::Beat;
use crate::intake::{Batch, Merge, Recorders};
use crate::observer::Observer;
use crate::tap::Taps;

/// The accounts, shared between the thread that keeps them and those who read.
#[derive(Clone, Debug)]
pub struct ObserverHandle {
    observer: Arc<Mutex<Observer>>,
    taps: Taps,
    beat: Arc<Beat>,
}

impl ObserverHandle {
    /// Starts the observer on all rings that `recorders` has handed out. It ends
    /// soon after `stop` is set, with nothing left in them.
    ///
    /// # Errors
    ///
    /// When there is no thread left.
    pub fn start(
        recorders: &Recorders,
        observer: Observer,
        clock: Clock,
        stop: Arc<AtomicBool>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let observer = Arc::new(Mutex::new(observer));
        let handle = Self { observer, taps: Taps::default(), beat: Arc::default() };
        let merge = Merge::new(recorders.take_readers());
        let observer = handle.clone();
        let running = ObserverThread { observer, merge, batch: Batch::default(), clock };
        let thread = thread::Builder::new().name("observer".to_owned());
        Ok((handle, thread.spawn(move || running.run(&stop))?))
    }

    /// Says who is behind some addresses from now on; `None` if nobody is known.
    pub fn identify(&self, named: impl IntoIterator<Item = (IpAddr, Option<Arc<Identity>>)>) {
        let mut observer = self.lock();
        for (addr, identity) in named {
            observer.identify(addr, identity);
        }
    }

    /// Accounts for these forward zones and upstreams from now on. Accounts
    /// of zones that stay, and of all upstreams, go on.
    pub fn reload(&self, zones: &[Name], upstreams: &[SocketAddr]) {
        self.lock().reload(zones, upstreams);
    }

    /// Returns the rounds of the thread.
    pub const fn beat(&self) -> &Arc<Beat> {
        &self.beat
    }

    /// Returns those who listen to what is accounted for.
    pub const fn taps(&self) -> &Taps {
        &self.taps
    }

    /// Sets the state of the watch that maps addresses to pods.
    pub fn set_watch(&self, watch: WatchStatus) {
        self.lock().set_watch(watch);
    }

    /// Reads the accounts. They stand still meanwhile, and records wait in
    /// their rings: `read` takes what it needs and renders it later.
    pub fn read<T>(&self, read: impl FnOnce(&Observer) -> T) -> T {
        read(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Observer> {
        self.observer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the thread has.
struct ObserverThread {
    observer: ObserverHandle,
    merge: Merge,
    batch: Batch,
    clock: Clock,
}

impl ObserverThread {
    fn run(mut self, stop: &AtomicBool) {
        // Asked first: what was left before the stop is taken after it.
        while !stop.load(Ordering::Relaxed) {
            let now = self.clock.now();
            self.observer.beat.note(now);
            let until = self.merge.look(now);
            self.take_until(until);
            let took = self.clock.now().saturating_since(now);
            thread::park_timeout(PAUSE.saturating_sub(took));
        }
        self.merge.look(self.clock.now());
        self.take_until(Moment::from_micros(u64::MAX));
    }

    /// Takes what was answered before `until`, a batch at a time, so that readers
    /// can take the lock between two.
    fn take_until(&mut self, until: Moment) {
        let Self { observer: handle, merge, batch, clock } = self;
        let now = clock.now();
        handle.lock().advance(now);
        let mut audience = handle.taps.audience();
        loop {
            let mut observer = handle.lock();
            let mut taken = 0;
            while taken < RECORDS_PER_LOCK {
                merge.fill(batch, until);
                if batch.is_empty() {
                    let missed = merge.missed();
                    observer.missed = missed;
                    observer.settle(until.min(now));
                    if let Some(audience) = &mut audience {
                        audience.missed(missed);
                    }
                    return;
                }
                if let Some(audience) = &mut audience {
                    let own = &observer.config.own;
                    let events = batch.iter().filter(|event| !event.is_own_check(own));
                    events.for_each(|event| audience.offer(&event, &observer.names, now));
                }
                observer.take_all(batch);
                taken += batch.len();
            }
        }
    }
}

/// Records under one lock: some 100 us of work.
const RECORDS_PER_LOCK: usize = 512;

/// A ring of a mebibyte fills in 75 ms; an idle node is looked at 25 times a
/// second, which costs it less than a thousandth of a CPU.
const PAUSE: Duration = Duration::from_millis(40);
