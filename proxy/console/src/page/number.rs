//! Numbers as people read them.

/// A count with a comma between thousands.
pub(super) fn count(n: u64) -> String {
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

/// Counts for each of so many seconds.
pub(super) fn rate(n: u64, seconds: u64) -> String {
    let per_second = ratio(n, seconds);
    if per_second == 0.0 {
        return "0".to_owned();
    }
    if per_second < 0.1 {
        return "< 0.1".to_owned();
    }
    if per_second < 9.95 {
        return format!("{per_second:.1}");
    }
    count(rounded(per_second))
}

/// A share of 0 to 1 in percent.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let (low, high) = (percent > 0.0 && percent < 0.1, percent < 100.0 && percent > 99.9);
    match (low, high) {
        (true, _) => "< 0.1 %".to_owned(),
        (_, true) => "> 99.9 %".to_owned(),
        _ if percent < 9.95 && percent > 0.0 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

/// A part of a whole, 0 to 1; nothing of nothing is 0.
#[expect(clippy::cast_precision_loss, reason = "a ratio to look at")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Octets in units of 1024.
#[expect(clippy::cast_precision_loss, reason = "three digits of it")]
pub(super) fn octets(n: usize) -> String {
    match n {
        0 => "0".to_owned(),
        _ if n < KIB => format!("{n} B"),
        _ if n < KIB * KIB => format!("{:.1} KiB", n as f64 / KIB as f64),
        _ => format!("{:.1} MiB", n as f64 / (KIB * KIB) as f64),
    }
}

/// Milliseconds, if there are any.
pub(super) fn millis(ms: Option<f64>) -> String {
    match ms {
        None => "-".to_owned(),
        Some(ms) if ms < 10.0 => format!("{ms:.1} ms"),
        Some(ms) => format!("{ms:.0} ms"),
    }
}

/// Seconds as the two largest units.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// A label of the API as words.
pub(super) fn words(label: &str) -> String {
    label.replace('_', " ")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_never_hide_what_is_there() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(rate(0, 10), "0");
        assert_eq!(rate(1, 60), "< 0.1");
        assert_eq!(rate(25, 10), "2.5");
        assert_eq!(rate(99_960, 10), "9,996");
        assert_eq!(rate(5, 0), "0");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.000_01), "< 0.1 %");
        assert_eq!(percent(0.999_99), "> 99.9 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.0449), "4.5 %");
        assert_eq!(percent(0.625), "62 %");
        assert_eq!([0, 1023, 1536, 64 << 20].map(octets), ["0", "1023 B", "1.5 KiB", "64.0 MiB"]);
        assert_eq!([None, Some(0.25), Some(64.0)].map(millis), ["-", "0.2 ms", "64 ms"]);
        assert_eq!([59, 61, 7265, 90_000].map(span), ["59 s", "1 min 1 s", "2 h 1 min", "1 d 1 h"]);
        assert_eq!(words("cached_failure"), "cached failure");
    }
}
