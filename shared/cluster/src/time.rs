//! Time stamps of the API.

/// Reads `2026-11-28T05:45:17Z` as seconds since 1970. Kubernetes writes whole
/// seconds in UTC (`metav1.Time`), so nothing else is understood.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let octets: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let number = |from: usize, to: usize| {
        let digits = octets.get(from..to)?;
        let is_number = digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| {
            digits
                .iter()
                .fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'))
        })
    };
    let signs = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if !signs.iter().all(|(at, sign)| octets.get(*at) == Some(sign)) {
        return None;
    }
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    Some(((days * 24 + number(11, 13)?) * 60 + number(14, 16)?) * 60 + number(17, 19)?)
}

/// Days from 1970-01-01, by counting years from March: the leap day is then the
/// last of a year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months = (month + 9) % 12;
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (months * 153 + 2) / 5 + day - 1 - FROM_YEAR_0
}

/// From 0000-03-01 to 1970-01-01.
const FROM_YEAR_0: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_are_seconds() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T23:59:59Z", Some(951_868_799)),
            ("2026-11-28T05:45:17Z", Some(1_795_844_717)),
            ("2026-11-28T05:45:17+00:00", None),
            ("2026-11-28 05:45:17Z", None),
            ("2026-11-2xT05:45:17Z", None),
            ("", None),
        ] {
            assert_eq!(parse(text), seconds, "{text}");
        }
    }
}
