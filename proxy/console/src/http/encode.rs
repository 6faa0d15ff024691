//! Values in the query of a URL.

use std::fmt::Write as _;

/// Percent-encodes a value for the query of a URL.
pub(crate) fn encoded(value: &str) -> String {
    let plain = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~".contains(octet);
    let mut text = String::new();
    for octet in value.bytes() {
        if plain(&octet) {
            text.push(char::from(octet));
        } else {
            // Writing to a String cannot fail.
            write!(text, "%{octet:02X}").unwrap_or_default();
        }
    }
    text
}
