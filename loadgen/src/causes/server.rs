//! What a CoreDNS counts of itself, read as Prometheus reads it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::evidence::Seen;

/// The figures of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    asked: f64,
    hits: f64,
    misses: f64,
    servfail: f64,
    cpu_seconds: f64,
    memory: f64,
    /// When the process started, in seconds since 1970.
    started: f64,
}

impl Figures {
    /// Reads them from a server.
    pub(super) fn read(addr: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // HTTP/1.0: the page ends with the connection, in one piece.
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {addr}\r\n\r\n")?;
        let mut page = Vec::new();
        stream.take(MAX_PAGE).read_to_end(&mut page)?;
        Ok(Self::parse(&String::from_utf8_lossy(&page)))
    }

    fn parse(page: &str) -> Self {
        let mut figures = Self::default();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let name = series.split('{').next().unwrap_or_default();
            match name {
                "coredns_dns_requests_total" => figures.asked += value,
                "coredns_cache_hits_total" => figures.hits += value,
                "coredns_cache_misses_total" => figures.misses += value,
                "coredns_dns_responses_total" if series.contains("rcode=\"SERVFAIL\"") => {
                    figures.servfail += value;
                }
                "process_cpu_seconds_total" => figures.cpu_seconds = value,
                "process_resident_memory_bytes" => figures.memory = value,
                "process_start_time_seconds" => figures.started = value,
                _ => {}
            }
        }
        figures
    }

    /// Returns what came since `before`: all, where it is another process.
    pub(super) fn since(self, before: Self) -> [(Seen, f64); 7] {
        let is_new = self.started > before.started + SAME_START;
        let base = if is_new { Self::default() } else { before };
        let grown = |now: f64, before: f64| (now - before).max(0.0);
        [
            (Seen::ServerAsked, grown(self.asked, base.asked)),
            (Seen::ServerHits, grown(self.hits, base.hits)),
            (Seen::ServerMisses, grown(self.misses, base.misses)),
            (Seen::ServerServfail, grown(self.servfail, base.servfail)),
            (Seen::ServerRestarts, f64::from(u8::from(is_new))),
            (Seen::ServerCpuSeconds, grown(self.cpu_seconds, base.cpu_seconds)),
            (Seen::ServerMemory, self.memory),
        ]
    }
}

/// Within the same machine; a server without CPU shows nothing.
const PATIENCE: Duration = Duration::from_millis(300);
/// More than CoreDNS has in a cluster of thousands of zones.
const MAX_PAGE: u64 = 4 << 20;
/// Seconds by which the start of one process may differ between two readings.
const SAME_START: f64 = 0.005;

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "HTTP/1.0 200 OK\r\n\r\n# HELP coredns_dns_requests_total x\n\
        coredns_dns_requests_total{family=\"1\",type=\"A\"} 10\n\
        coredns_dns_requests_total{family=\"1\",type=\"AAAA\"} 5\n\
        coredns_dns_responses_total{rcode=\"NOERROR\"} 12\n\
        coredns_dns_responses_total{rcode=\"SERVFAIL\"} 3\n\
        coredns_cache_hits_total{type=\"success\"} 4\ncoredns_cache_misses_total{} 11\n\
        process_cpu_seconds_total 1.5\nprocess_start_time_seconds 1.7e+09\n";

    fn value(figures: [(Seen, f64); 7], seen: Seen) -> f64 {
        figures
            .into_iter()
            .find(|(name, _)| *name == seen)
            .unwrap()
            .1
    }

    #[test]
    fn series_are_added_up_and_their_growth_counts() {
        let first = Figures::parse(PAGE);
        let later = PAGE
            .replace("\"A\"} 10", "\"A\"} 30")
            .replace("total 1.5", "total 2.5");
        let grown = Figures::parse(&later).since(first);
        assert!((value(grown, Seen::ServerAsked) - 20.0).abs() < 1e-9);
        assert!((value(grown, Seen::ServerCpuSeconds) - 1.0).abs() < 1e-9);
        assert!(value(grown, Seen::ServerRestarts).abs() < 1e-9);
    }

    #[test]
    fn another_process_counts_from_zero() {
        let first = Figures::parse(PAGE);
        let new = PAGE
            .replace("1.7e+09", "1.7000001e+09")
            .replace("\"A\"} 10", "\"A\"} 2");
        let grown = Figures::parse(&new).since(first);
        assert!((value(grown, Seen::ServerRestarts) - 1.0).abs() < 1e-9);
        assert!((value(grown, Seen::ServerAsked) - 7.0).abs() < 1e-9);
    }
}
