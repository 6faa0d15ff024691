//! The observer's thread, and its accounts for everybody who reads them.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::moment::Clock;
use crate::observe::{Books, Identity, Observer, Reader, Teller};
use crate::tap::Taps;

/// The accounts, shared between the thread that keeps them and those who read.
#[derive(Clone, Debug)]
pub struct Ledger {
    observer: Arc<Mutex<Observer>>,
    taps: Taps,
}

impl Ledger {
    /// Starts the observer on all rings that `books` has handed out. It ends
    /// soon after `stop` is set, with nothing left in them.
    ///
    /// # Errors
    ///
    /// When there is no thread left.
    pub fn start(
        books: &Books,
        observer: Observer,
        clock: Clock,
        stop: Arc<AtomicBool>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let ledger = Self { observer: Arc::new(Mutex::new(observer)), taps: Taps::default() };
        let keeper = Keeper { ledger: ledger.clone(), readers: books.take_readers(), clock };
        let thread = thread::Builder::new().name("observer".to_owned());
        Ok((ledger, thread.spawn(move || keeper.run(&stop))?))
    }

    /// Says who is behind some addresses from now on; `None` if nobody is known.
    pub fn identify(&self, named: impl IntoIterator<Item = (IpAddr, Option<Arc<Identity>>)>) {
        let mut observer = self.lock();
        for (addr, identity) in named {
            observer.identify(addr, identity);
        }
    }

    /// Returns those who listen to what is accounted for.
    pub const fn taps(&self) -> &Taps {
        &self.taps
    }

    /// Says how it stands with whoever says who is behind an address.
    pub fn tell(&self, teller: Teller) {
        self.lock().teller = Some(teller);
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
struct Keeper {
    ledger: Ledger,
    readers: Vec<Reader>,
    clock: Clock,
}

/// What a look at all rings gave.
struct Round {
    /// Records.
    taken: usize,
    /// Says whether a ring may have more.
    more: bool,
}

impl Keeper {
    fn run(mut self, stop: &AtomicBool) {
        loop {
            // Asked first: what was left before the stop is taken after it.
            let stopping = stop.load(Ordering::Relaxed);
            let Round { taken, more } = self.round();
            if taken == 0 && stopping {
                return;
            }
            if !more && taken < BUSY {
                thread::park_timeout(PAUSE);
            }
        }
    }

    /// Takes what there is, a part at a time so that readers get their turn.
    fn round(&mut self) -> Round {
        let Self { ledger, readers, clock } = self;
        let (mut taken, mut more) = (0, false);
        let before = clock.now();
        let mut audience = ledger.taps.audience();
        for reader in readers.iter_mut() {
            let mut observer = ledger.lock();
            let part = match &mut audience {
                None => reader.drain(PART, |seen| observer.take(&seen)),
                Some(audience) => reader.drain(PART, |seen| {
                    audience.offer(&seen, &observer.names, before);
                    observer.take(&seen);
                }),
            };
            taken += part;
            more |= part == PART;
        }
        let missed = readers.iter().map(Reader::missed).sum();
        if let Some(audience) = &mut audience {
            audience.missed(missed);
        }
        let mut observer = ledger.lock();
        observer.missed = missed;
        observer.advance(clock.now());
        // What is left in a ring may come before what another one gave.
        if !more {
            observer.settle(before);
        }
        Round { taken, more }
    }
}

/// Records under one lock: some 100 us of work, and few enough to be in the
/// cache of the CPU still when they are looked at.
const PART: usize = 512;

/// With as many in a round the next one begins at once.
const BUSY: usize = 1024;

/// A ring of a mebibyte fills in 75 ms; an idle node is looked at 25 times a
/// second, which costs it less than a thousandth of a CPU.
const PAUSE: Duration = Duration::from_millis(40);
