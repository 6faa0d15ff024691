//! The limit of open descriptors (`RLIMIT_NOFILE`), and calls that met it.

use std::io;

use crate::sys;

/// Raises the soft limit of open descriptors to the hard one, which every process
/// may; returns it. Service managers keep the soft one at 1,024 for programs that
/// use select(2).
///
/// # Errors
///
/// The system's error; then the limit is what it was.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let (soft, hard) = sys::descriptor_limit()?;
    if soft < hard {
        sys::set_descriptor_limit(hard, hard)?;
    }
    Ok(hard)
}

/// Says whether a call failed because this process (`EMFILE`) or the machine
/// (`ENFILE`) has no descriptor left.
pub fn is_descriptor_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Says whether a call failed for lack of memory, so that the next may succeed:
/// `ENOMEM`, `ENOBUFS`.
pub fn is_memory_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOMEM | libc::ENOBUFS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let limit = raise_descriptor_limit().unwrap();
        assert_eq!(sys::descriptor_limit().unwrap(), (limit, limit));
        let text = std::fs::read_to_string("/proc/self/limits").unwrap();
        let line = text.lines().find(|line| line.starts_with("Max open files"));
        assert!(line.unwrap().matches(&limit.to_string()).count() == 2, "{text}");
    }

    #[test]
    fn shortages_are_told_from_other_errors() {
        let of = io::Error::from_raw_os_error;
        assert!(is_descriptor_shortage(&of(libc::EMFILE)));
        assert!(!is_descriptor_shortage(&of(libc::EBADF)));
        assert!(is_memory_shortage(&of(libc::ENOBUFS)) && is_memory_shortage(&of(libc::ENOMEM)));
        assert!(!is_memory_shortage(&io::ErrorKind::WouldBlock.into()));
    }
}
