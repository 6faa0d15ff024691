//! Which part of a load is sent from here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::plan::Share;

/// Reads `I/N`, or `job/N` with the index that Kubernetes gives the Pods of an
/// Indexed Job.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse(text: &str, job_index: Option<&str>) -> Result<Share, String> {
    let wrong = |reason: &str| format!("--shard {text:?}: {reason}");
    let (index, of) = text
        .split_once('/')
        .ok_or_else(|| wrong("write I/N or job/N"))?;
    let of: u32 = of.parse().map_err(|_| wrong("N is no number"))?;
    let index = match (index, job_index) {
        ("job", Some(index)) => index,
        ("job", None) => return Err(wrong("there is no JOB_COMPLETION_INDEX")),
        (index, _) => index,
    };
    let thread: u32 = index.parse().map_err(|_| wrong("I is no number"))?;
    if !(1..=MAX_SHARDS).contains(&of) {
        return Err(wrong("N must be 1 to 1000"));
    }
    if thread >= of {
        return Err(wrong("I counts from 0 and must be below N"));
    }
    Ok(Share { thread, of })
}

/// Returns the start of a run in seconds since 1970, if it can be one at `now`.
///
/// # Errors
///
/// When it is too far away: a slip of the finger, or another unit.
pub fn start_at(seconds: u64, now: SystemTime, length: Duration) -> Result<SystemTime, String> {
    let at = UNIX_EPOCH + Duration::from_secs(seconds.min(u64::from(u32::MAX)));
    let ahead = at.duration_since(now).unwrap_or_default();
    let behind = now.duration_since(at).unwrap_or_default();
    if ahead > MAX_AHEAD {
        return Err(format!(
            "--start-at {seconds} is {} s ahead, more than an hour",
            ahead.as_secs()
        ));
    }
    if behind >= length {
        let reason = format!("--start-at {seconds} is {} s ago: all is over", behind.as_secs());
        return Err(reason);
    }
    Ok(at)
}

/// More Pods do not start together.
const MAX_SHARDS: u32 = 1_000;
/// Nobody waits longer for a start in common.
const MAX_AHEAD: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_a_part_of_the_whole() {
        let shard = parse("2/4", None).unwrap();
        assert_eq!((shard.thread, shard.of), (2, 4));
        assert_eq!(parse("job/4", Some("3")).unwrap().thread, 3);
        for (bad, reason) in [
            ("4/4", "below N"),
            ("1", "write I/N"),
            ("x/4", "I is no number"),
            ("0/0", "N must be"),
            ("job/4", "no JOB_COMPLETION_INDEX"),
        ] {
            let error = parse(bad, None).unwrap_err();
            assert!(error.contains(reason) && error.contains(bad), "{error}");
        }
    }

    #[test]
    fn a_start_is_near() {
        let now = UNIX_EPOCH + Duration::from_secs(10_000);
        let minute = Duration::from_secs(60);
        assert!(start_at(10_030, now, minute).is_ok());
        assert!(start_at(9_970, now, minute).is_ok(), "half of it is left");
        assert!(
            start_at(9_940, now, minute)
                .unwrap_err()
                .contains("60 s ago")
        );
        assert!(
            start_at(13_601, now, minute)
                .unwrap_err()
                .contains("3601 s ahead")
        );
        assert!(start_at(u64::MAX, now, minute).is_err());
    }
}
