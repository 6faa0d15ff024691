//! The kernel's log: which connection tables it calls full.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

/// How often the log calls tables full, by the inode of their network namespace; `None`
/// where the kernel does not name it.
pub type FullTables = BTreeMap<Option<u64>, u64>;

/// Reads the lines that call a connection table full, from a moment on, which is counted
/// from the start of the machine.
///
/// # Errors
///
/// Those of the system: in a container there is no `/dev/kmsg`, or no right to read it.
pub fn full_tables(from: Duration) -> io::Result<FullTables> {
    let mut log = File::options()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(LOG)
        .map_err(|error| io::Error::new(error.kind(), format!("{LOG}: {error}")))?;
    let mut full = FullTables::new();
    let mut record = vec![0; RECORD];
    loop {
        match log.read(&mut record) {
            Ok(0) => break,
            Ok(len) => {
                let text = String::from_utf8_lossy(record.get(..len).unwrap_or_default());
                if let Some(netns) = called_full(&text, from) {
                    *full.entry(netns).or_default() += 1;
                }
            }
            // The end of what there is.
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            // Records that were overwritten while we read: go on with the oldest there is.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(error) => return Err(error),
        }
    }
    Ok(full)
}

/// Whether a record, `PRIORITY,NUMBER,MICROSECONDS,…;TEXT`, of `from` or later calls a
/// table full, and of which namespace.
fn called_full(record: &str, from: Duration) -> Option<Option<u64>> {
    let (head, text) = record.split_once(';')?;
    let at = head.split(',').nth(2)?.parse().ok()?;
    if Duration::from_micros(at) < from || !text.contains("nf_conntrack: table full") {
        return None;
    }
    let netns = text.split_once("in netns ").map(|(_, rest)| rest);
    let digits = |rest: &str| {
        rest.split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    Some(netns.and_then(digits))
}

const LOG: &str = "/dev/kmsg";

/// `O_NONBLOCK` of Linux on all processors but MIPS, SPARC, Alpha and PA-RISC.
const O_NONBLOCK: i32 = 0o4000;

/// Longer than a record may be (Linux `CONSOLE_EXT_LOG_MAX`).
const RECORD: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_tables_are_told_by_their_namespace_and_time() {
        let of = |text| called_full(text, Duration::from_secs(10));
        let line = "4,1187,50662845231,-;nf_conntrack: nf_conntrack: table full in netns \
                    4026532177, dropping packet\n";
        assert_eq!(of(line), Some(Some(4_026_532_177)));
        // Linux 6.1.
        let old = "4,9,50662845231,-;nf_conntrack: nf_conntrack: table full, dropping packet\n";
        assert_eq!(of(old), Some(None));
        let before = "4,9,9999999,-;nf_conntrack: nf_conntrack: table full, dropping packet\n";
        assert_eq!(of(before), None);
        assert_eq!(of("6,1,50662845231,-;port0: left promiscuous mode\n"), None);
        assert_eq!(of("garbage"), None);
    }
}
