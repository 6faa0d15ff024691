//! Numbers as people read them. What is there is never shown as zero.

/// A count with a comma between thousands.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of things, each `one` of `more`.
pub(crate) fn many(n: u64, one: &str, more: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { more })
}

/// A count in at most six characters, up to 10^12.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn short_count(n: u64) -> String {
    match n {
        0..10_000 => n.to_string(),
        10_000..1_000_000 => format!("{:.1}k", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}M", n as f64 / 1e6),
        _ => format!("{:.1}G", n as f64 / 1e9),
    }
}

/// How many of `n` there were in each of so many seconds.
pub(crate) fn rate(n: u64, seconds: u64) -> String {
    rate_with(n, seconds, count)
}

/// A rate in at most six characters.
pub(crate) fn short_rate(n: u64, seconds: u64) -> String {
    rate_with(n, seconds, short_count).replace(' ', "")
}

fn rate_with(n: u64, seconds: u64, count: fn(u64) -> String) -> String {
    let per_second = ratio(n, seconds);
    match per_second {
        0.0 => "0".to_owned(),
        ..0.1 => "< 0.1".to_owned(),
        ..9.95 => format!("{per_second:.1}"),
        _ => count(rounded(per_second)),
    }
}

/// A share of 0 to 1 in percent.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        0.0..0.1 => "< 0.1 %".to_owned(),
        0.0..9.95 => format!("{percent:.1} %"),
        99.9..100.0 => "> 99.9 %".to_owned(),
        _ => format!("{percent:.0} %"),
    }
}

/// A share in at most four characters.
pub(crate) fn short_percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0%".to_owned(),
        0.0..1.0 => "<1%".to_owned(),
        0.0..9.95 => format!("{percent:.1}%"),
        99.0..100.0 => ">99%".to_owned(),
        _ => format!("{percent:.0}%"),
    }
}

/// A part of a whole, 0 to 1; nothing of nothing is 0.
#[expect(clippy::cast_precision_loss, reason = "a ratio to look at")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Octets in units of 1024.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn octets(n: usize) -> String {
    match n {
        0 => "0".to_owned(),
        _ if n < KIB => format!("{n} B"),
        _ if n < KIB * KIB => format!("{:.1} KiB", n as f64 / KIB as f64),
        _ => format!("{:.1} MiB", n as f64 / (KIB * KIB) as f64),
    }
}

/// Milliseconds, if there are any.
pub(crate) fn millis(ms: Option<f64>) -> String {
    match ms {
        None => "-".to_owned(),
        Some(ms) if ms < 1.0 => format!("{ms:.2} ms"),
        Some(ms) if ms < 10.0 => format!("{ms:.1} ms"),
        Some(ms) => format!("{ms:.0} ms"),
    }
}

/// Seconds in at most two units, such as `2 h 5 min`.
pub(crate) fn span(seconds: u64) -> String {
    for (large, name, small, small_name) in UNITS {
        if seconds >= large {
            let (count, rest) = (seconds / large, seconds % large / small);
            return match rest {
                0 => format!("{count} {name}"),
                _ => format!("{count} {name} {rest} {small_name}"),
            };
        }
    }
    format!("{seconds} s")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate of counts: positive, and far below 2^53"
)]
fn rounded(value: f64) -> u64 {
    value.round() as u64
}

const KIB: usize = 1024;

/// Each unit with the next smaller one, both with their seconds.
const UNITS: [(u64, &str, u64, &str); 3] =
    [(86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_full() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let rates = [(0, 10), (1, 60), (25, 10), (99_960, 10), (5, 0)];
        let shown = rates.map(|(n, seconds)| rate(n, seconds));
        assert_eq!(shown, ["0", "< 0.1", "2.5", "9,996", "0"]);
        let shares = [0.0, 0.000_01, 0.0449, 0.625, 0.999_99, 1.0, -0.05];
        let shown = ["0 %", "< 0.1 %", "4.5 %", "62 %", "> 99.9 %", "100 %", "-5 %"];
        assert_eq!(shares.map(percent), shown);
        assert_eq!([0, 1023, 1536, 64 << 20].map(octets), ["0", "1023 B", "1.5 KiB", "64.0 MiB"]);
        assert_eq!([None, Some(0.25), Some(64.0)].map(millis), ["-", "0.25 ms", "64 ms"]);
    }

    #[test]
    fn numbers_in_short_fit_their_cells() {
        let counts = [0, 9999, 12_345, 4_500_000];
        assert_eq!(counts.map(short_count), ["0", "9999", "12.3k", "4.5M"]);
        let rates = [(0, 1), (1, 60), (324, 100), (8124, 10), (20_134, 1)];
        let shown = rates.map(|(n, seconds)| short_rate(n, seconds));
        assert_eq!(shown, ["0", "<0.1", "3.2", "812", "20.1k"]);
        let shares = [0.0, 0.000_4, 0.028, 0.714, 0.995, 1.0];
        assert_eq!(shares.map(short_percent), ["0%", "<1%", "2.8%", "71%", ">99%", "100%"]);
    }

    #[test]
    fn spans_have_at_most_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min 59 s"),
            (3605, "1 h"),
            (7265, "2 h 1 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
