//! A run while it lasts, as Prometheus reads it. The figures are a second old at most, and
//! those of several senders add up.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::recorder::LATENCY_BOUNDS;
use crate::snapshot::Snapshot;

/// The page, served until the program ends.
#[derive(Clone, Debug)]
pub struct LiveMetrics {
    /// Where it listens.
    pub addr: SocketAddr,
    latest: Arc<Mutex<Snapshot>>,
}

impl LiveMetrics {
    /// Listens for readers, who are served one after the other.
    ///
    /// # Errors
    ///
    /// When the address cannot be had.
    pub fn serve(addr: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(addr)
            .map_err(|error| io::Error::new(error.kind(), format!("--metrics {addr}: {error}")))?;
        let addr = listener.local_addr()?;
        let latest = Arc::new(Mutex::new(Snapshot::default()));
        let shown = Arc::clone(&latest);
        thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                for reader in listener.incoming().flatten() {
                    let snapshot = *shown.lock().unwrap_or_else(PoisonError::into_inner);
                    // A reader who is gone has no page.
                    answer(reader, &page(&snapshot)).unwrap_or_default();
                }
            })?;
        Ok(Self { addr, latest })
    }

    /// Shows what was counted so far.
    pub fn show(&self, snapshot: &Snapshot) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = *snapshot;
    }
}

/// Whatever is asked for, this is the page.
fn answer(mut reader: TcpStream, page: &str) -> io::Result<()> {
    reader.set_read_timeout(Some(PATIENCE))?;
    reader.set_write_timeout(Some(PATIENCE))?;
    // The request has to be read to its end, however many pieces it comes in, or closing
    // would reset the connection.
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") && request.len() < MAX_REQUEST {
        match reader.read(&mut piece)? {
            0 => break,
            len => request.extend(piece.get(..len).unwrap_or_default()),
        }
    }
    write!(
        reader,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{page}",
        page.len()
    )
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds as seconds, for people")]
fn page(snapshot: &Snapshot) -> String {
    let mut text = "# HELP fivedots_loadgen_queries_total Queries that were due, were sent, were \
                    answered in time, and were lost, refused or late.\n\
                    # TYPE fivedots_loadgen_queries_total counter\n"
        .to_owned();
    let counts = &snapshot.counts;
    for (state, count) in [
        ("due", counts.due),
        ("sent", counts.sent),
        ("answered", counts.answered),
        ("unanswered", snapshot.unanswered()),
    ] {
        writeln!(text, "fivedots_loadgen_queries_total{{state=\"{state}\"}} {count}")
            .unwrap_or_default();
    }
    text.push_str(
        "# HELP fivedots_loadgen_latency_seconds From the moment a query was due to its answer.\n\
         # TYPE fivedots_loadgen_latency_seconds histogram\n",
    );
    let mut sum = 0;
    let bounds = LATENCY_BOUNDS.map(|bound| (bound as f64 / 1e9).to_string());
    let bounds = bounds.into_iter().chain(["+Inf".to_owned()]);
    for (bound, count) in bounds.zip(snapshot.latency) {
        sum += count;
        writeln!(text, "fivedots_loadgen_latency_seconds_bucket{{le=\"{bound}\"}} {sum}")
            .unwrap_or_default();
    }
    let seconds = snapshot.latency_sum as f64 / 1e9;
    writeln!(
        text,
        "fivedots_loadgen_latency_seconds_sum {seconds}\nfivedots_loadgen_latency_seconds_count {sum}"
    )
    .unwrap_or_default();
    text
}

/// More than any reader of figures sends.
const MAX_REQUEST: usize = 16 << 10;
/// For a reader that says nothing; as long as Prometheus waits.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up_to_the_count() {
        let mut snapshot = Snapshot::default();
        snapshot.counts.lost = 1;
        snapshot.latency[3] = 5;
        snapshot.latency[15] = 2;
        snapshot.latency_sum = 1_500_000_000;
        let page = page(&snapshot);
        for line in [
            "fivedots_loadgen_queries_total{state=\"unanswered\"} 1",
            "fivedots_loadgen_latency_seconds_bucket{le=\"0.0005\"} 0",
            "fivedots_loadgen_latency_seconds_bucket{le=\"0.001\"} 5",
            "fivedots_loadgen_latency_seconds_bucket{le=\"+Inf\"} 7",
            "fivedots_loadgen_latency_seconds_sum 1.5",
            "fivedots_loadgen_latency_seconds_count 7",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}:\n{page}");
        }
    }

    #[test]
    fn a_reader_gets_the_latest_figures() {
        let live = LiveMetrics::serve("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut snapshot = Snapshot::default();
        snapshot.counts.sent = 2;
        live.show(&snapshot);
        let page = testbed::http::try_get(live.addr, "/metrics").unwrap();
        assert_eq!(page.status, 200);
        assert!(page.body.contains("state=\"sent\"} 2"), "{}", page.body);
    }
}
