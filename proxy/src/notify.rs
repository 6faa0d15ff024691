//! The side of systemd: that the process is ready, that it is alive, that it ends
//! (`sd_notify(3)`).
//!
//! The watchdog is fed from the beats of all threads: a process whose runtime still
//! turns but whose client threads hang is restarted as well.

use std::env;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::health::Health;

/// What started us and waits for word, if it does.
#[derive(Debug)]
pub struct Supervisor {
    socket: UnixDatagram,
    to: SocketAddr,
    /// How long it waits for a sign of life.
    watchdog: Option<Duration>,
    was_ready: bool,
}

impl Supervisor {
    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. None where nothing
    /// waits: outside of a unit.
    pub fn from_environment() -> Option<Self> {
        let to = address(&env::var_os("NOTIFY_SOCKET")?)?;
        let [usec, pid] = ["WATCHDOG_USEC", "WATCHDOG_PID"].map(|name| env::var(name).ok());
        let ours = pid.is_none_or(|pid| pid == std::process::id().to_string());
        let usec = usec.filter(|_| ours).and_then(|usec| usec.parse().ok());
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket, to, watchdog: usec.map(Duration::from_micros), was_ready: false })
    }

    /// Reports readiness once, then life for as long as every thread makes its rounds,
    /// and last the end.
    pub async fn attend(mut self, health: Arc<Health>) {
        let interval = self
            .watchdog
            .map_or(LOOK, |watchdog| (watchdog / FEEDS).min(LOOK));
        while self.report(&health) {
            sleep(interval).await;
        }
    }

    /// Reports what there is to report; false if that was the last.
    fn report(&mut self, health: &Health) -> bool {
        if health.is_draining() {
            return !self.send("STOPPING=1\nSTATUS=draining");
        }
        if !self.was_ready && health.reasons().is_empty() {
            self.was_ready = self.send("READY=1\nSTATUS=serving");
        }
        match health.hanging() {
            None if self.watchdog.is_some() => self.send("WATCHDOG=1"),
            None => true,
            Some(threads) => self.send(&format!("STATUS=hangs: {}", threads.replace('\n', "; "))),
        };
        true
    }

    /// Returns whether it arrived: the queue of the socket may be full, and then the
    /// next look sends again what is needed once.
    fn send(&self, text: &str) -> bool {
        self.socket.send_to_addr(text.as_bytes(), &self.to).is_ok()
    }
}

/// A path, or a name in the abstract space behind an `@`.
fn address(text: &OsStr) -> Option<SocketAddr> {
    match text.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name).ok(),
        None => SocketAddr::from_pathname(text).ok(),
    }
}

/// Between two looks; the start of a unit waits no longer than that.
const LOOK: Duration = Duration::from_millis(100);

/// Signs of life for each that is needed: a busy machine may delay one.
const FEEDS: u32 = 4;

#[cfg(test)]
mod tests {
    use std::iter;
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::heartbeat::Heartbeats;
    use resolver::Clock;

    fn supervisor(path: &Path, watchdog: Option<Duration>) -> Supervisor {
        let socket = UnixDatagram::unbound().unwrap();
        socket.set_nonblocking(true).unwrap();
        let to = SocketAddr::from_pathname(path).unwrap();
        Supervisor { socket, to, watchdog, was_ready: false }
    }

    /// Sends until there is no room; returns how often there was.
    fn fill(supervisor: &Supervisor) -> usize {
        let sent = iter::repeat_with(|| supervisor.send("full"));
        sent.take_while(|sent| *sent).count()
    }

    #[test]
    fn both_kinds_of_addresses_are_understood() {
        let path = address(OsStr::new("/run/systemd/notify")).unwrap();
        assert_eq!(path.as_pathname().unwrap().to_str(), Some("/run/systemd/notify"));
        let name = address(OsStr::new("@notify")).unwrap();
        assert_eq!(name.as_abstract_name(), Some(&b"notify"[..]));
    }

    #[test]
    fn readiness_is_reported_once_it_is_there_and_life_while_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        systemd.set_nonblocking(true).unwrap();
        let said = || {
            let mut buffer = [0; 256];
            let next = || systemd.recv(&mut buffer).map(|len| buffer[..len].to_vec());
            let all = iter::repeat_with(next).map_while(Result::ok);
            all.map(|text| String::from_utf8(text).unwrap())
                .collect::<Vec<_>>()
        };
        let mut supervisor = supervisor(&path, Some(Duration::from_secs(20)));
        let (starting, health) = (Health::new(1), Health::new(0));
        assert!(supervisor.report(&starting));
        assert_eq!(said(), ["WATCHDOG=1"]);
        assert!(supervisor.report(&health) && supervisor.report(&health));
        assert_eq!(said(), ["READY=1\nSTATUS=serving", "WATCHDOG=1", "WATCHDOG=1"]);
        let mut beats = Heartbeats::new(Clock::counting(|| {
            // A minute between two looks.
            static MINUTES: AtomicU64 = AtomicU64::new(0);
            Duration::from_secs(60 * MINUTES.fetch_add(1, Ordering::Relaxed))
        }));
        beats.add("client-0", Arc::default());
        health.watch(beats);
        assert!(supervisor.report(&health));
        assert!(said()[0].starts_with("STATUS=hangs: client-0: 0 rounds"), "and no sign of life");
        health.drain();
        assert!(!supervisor.report(&health));
        assert_eq!(said(), ["STOPPING=1\nSTATUS=draining"]);
    }

    #[test]
    fn readiness_and_the_end_are_reported_again_until_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let mut supervisor = supervisor(&path, None);
        let next = || {
            let mut buffer = [0; 64];
            let len = systemd.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..len].to_vec()).unwrap()
        };
        let filled = fill(&supervisor);
        let health = Health::new(0);
        assert!(supervisor.report(&health));
        assert!((0..filled).all(|_| next() == "full"));
        assert!(supervisor.report(&health));
        assert_eq!(next(), "READY=1\nSTATUS=serving");
        let filled = fill(&supervisor);
        health.drain();
        assert!(supervisor.report(&health));
        assert!((0..filled).all(|_| next() == "full"));
        assert!(!supervisor.report(&health));
        assert_eq!(next(), "STOPPING=1\nSTATUS=draining");
    }
}
