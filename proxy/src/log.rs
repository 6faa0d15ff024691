//! Log lines on their way out: a bounded queue, and a thread of its own.
//!
//! Standard error is a pipe that another program reads. When that program hangs, the
//! pipe is full after 64 KiB, and a thread that writes to it waits for ever; the
//! upstream thread would answer no more. So every thread leaves its lines here and
//! goes on. What does not fit is counted and reported when the pipe drains.
//!
//! `tracing-appender` has the same queue, but brings five crates and keeps 128,000
//! lines, which is more memory than a small cache; and it reports nothing.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// The way to the log, for all threads.
#[derive(Clone, Debug)]
pub struct Log {
    queue: SyncSender<Entry>,
    lost: Arc<Lost>,
}

/// What waits in the queue.
#[derive(Debug)]
enum Entry {
    Line(Box<[u8]>),
    /// Tells that all before it was written.
    Mark(SyncSender<()>),
}

/// Lines that did not fit.
#[derive(Debug, Default)]
struct Lost {
    all: AtomicU64,
    unreported: AtomicU64,
}

impl Log {
    /// Starts the thread that writes to `out`. It calls `report` with the number of
    /// lines lost since the last call, as soon as the queue is empty again.
    ///
    /// # Errors
    ///
    /// When there is no thread left.
    pub fn start(out: impl Write + Send + 'static, report: fn(u64)) -> io::Result<Self> {
        let (queue, entries) = sync_channel(LINES);
        let lost = Arc::<Lost>::default();
        let log = Self { queue, lost: Arc::clone(&lost) };
        let thread = Builder::new().name("log".to_owned());
        thread.spawn(move || write_all(&entries, out, &lost, report))?;
        Ok(log)
    }

    /// Waits until what was logged so far is written, at most for `patience`: a
    /// pipe that nothing reads must not hold up the end of the process.
    pub fn flush(&self, patience: Duration) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(Entry::Mark(done)).is_ok() {
            written.recv_timeout(patience).ok();
        }
    }

    /// Returns how many lines were lost since the start.
    pub fn lost(&self) -> u64 {
        self.lost.all.load(Ordering::Relaxed)
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter { log: self }
    }
}

/// Takes one line, by one write.
#[derive(Debug)]
pub struct LineWriter<'a> {
    log: &'a Log,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.log.queue.try_send(Entry::Line(line.into())).is_err() {
            self.log.lost.all.fetch_add(1, Ordering::Relaxed);
            self.log.lost.unreported.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes until all handles of the log are gone, which is with the process.
fn write_all(entries: &Receiver<Entry>, mut out: impl Write, lost: &Lost, report: fn(u64)) {
    loop {
        let entry = match entries.try_recv() {
            Ok(entry) => entry,
            Err(_) => {
                // The report is a line of the log like any other, and has room now.
                let unreported = lost.unreported.swap(0, Ordering::Relaxed);
                if unreported > 0 {
                    report(unreported);
                }
                let Ok(entry) = entries.recv() else { return };
                entry
            }
        };
        match entry {
            // There is nowhere to report that the log cannot be written.
            Entry::Line(line) => out.write_all(&line).unwrap_or_default(),
            Entry::Mark(done) => done.send(()).unwrap_or_default(),
        }
    }
}

/// Lines that wait: some 200 KiB, and more than a process logs in an hour of trouble.
const LINES: usize = 1024;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Writes only as fast as the test lets it.
    struct Slow {
        turn: Receiver<()>,
        written: Sender<String>,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.turn.recv().unwrap_or_default();
            let line_text = String::from_utf8_lossy(line).into_owned();
            self.written.send(line_text).unwrap_or_default();
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    static REPORTED: AtomicU64 = AtomicU64::new(0);

    #[test]
    fn a_log_that_nothing_reads_takes_lines_and_counts_those_lost() {
        let (let_go, turn) = channel();
        let (written, lines) = channel();
        let report = |lost| {
            REPORTED.fetch_add(lost, Ordering::Relaxed);
        };
        let log = Log::start(Slow { turn, written }, report).unwrap();
        let count = LINES + 500;
        for n in 0..count {
            let line = format!("line {n}\n");
            log.make_writer().write_all(line.as_bytes()).unwrap();
        }
        log.flush(Duration::ZERO);
        let lost = usize::try_from(log.lost()).unwrap();
        // One more than the queue holds may be in the hands of the thread.
        assert!((count - LINES - 1..=count - LINES).contains(&lost), "{lost}");
        drop(let_go);
        let seen: Vec<_> = (0..count - lost).map(|_| lines.recv().unwrap()).collect();
        assert_eq!(seen[..2], ["line 0\n", "line 1\n"]);
        log.flush(Duration::from_secs(10));
        assert_eq!(REPORTED.load(Ordering::Relaxed), log.lost());
    }
}
