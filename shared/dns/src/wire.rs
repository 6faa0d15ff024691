//! Names in wire form that are part of something else: questions, records,
//! tables. They are slices, so that nothing is copied to look at them.
//!
//! All functions also take what is no name: they stop where it ends.

/// Iterates over the labels of a name, the root's left out.
pub fn labels(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let (length, tail) = rest.split_first()?;
        let (label, tail) = tail.split_at_checked(usize::from(*length))?;
        rest = tail;
        (!label.is_empty()).then_some(label)
    })
}

/// Returns how many dots a name has as text, without the last one: one less
/// than its labels, and none in the root.
///
/// This is what `ndots` is compared with (resolv.conf(5)).
pub fn dots(name: &[u8]) -> u8 {
    let labels = labels(name).count();
    u8::try_from(labels.saturating_sub(1)).unwrap_or(u8::MAX)
}

/// Returns whether `name` is `zone` or below it, whatever the case. Both end with
/// the root label, or neither does.
pub fn is_within(name: &[u8], zone: &[u8]) -> bool {
    let mut rest = name;
    // Only the tail of the zone's length can be the zone; it must begin where a
    // label does.
    while rest.len() > zone.len() {
        let Some((length, tail)) = rest.split_first() else { return false };
        let Some(tail) = tail.get(usize::from(*length)..) else { return false };
        rest = tail;
    }
    rest.eq_ignore_ascii_case(zone)
}

/// Returns eight octets of a name with ASCII letters in lower case (RFC 4343).
///
/// Length octets are below 64, so none of them is a letter. By arithmetic on
/// one word: octet by octet the same takes eight comparisons, and names are
/// folded for every query that is recorded.
pub const fn folded_word(octets: [u8; 8]) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(octets);
    // Without their highest bits, so that no sum reaches into the next octet.
    let low = word & (0x7f * ONES);
    let from_a = low + (0x80 - b'A' as u64) * ONES;
    let beyond_z = low + (0x7f - b'Z' as u64) * ONES;
    let upper = (from_a ^ beyond_z) & !word & (0x80 * ONES);
    (word | (upper >> 2)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Name;

    fn wire(text: &str) -> Vec<u8> {
        Name::from_text(text).unwrap().as_wire().to_vec()
    }

    #[test]
    fn dots_are_those_of_the_text() {
        for (text, count) in [(".", 0), ("web", 0), ("web.shop", 1), ("a.b.c.d.e.f", 5)] {
            assert_eq!(dots(&wire(text)), count, "{text}");
        }
        assert_eq!(dots(b"\x03a.b"), 0, "a dot in a label is none");
        assert_eq!(dots(b"\x01a\x01b"), 1, "without the root label");
        assert_eq!(dots(b"\x01a\x09b"), 0, "cut short");
        assert_eq!(dots(b""), 0);
    }

    #[test]
    fn a_zone_holds_whole_labels_only() {
        for (name, zone, holds) in [
            ("web.shop.svc.cluster.local", "cluster.local", true),
            ("CLUSTER.local", "cluster.LOCAL", true),
            ("mycluster.local", "cluster.local", false),
            ("local", "cluster.local", false),
            ("cluster.local.example", "cluster.local", false),
            ("web", ".", true),
            (".", ".", true),
            (".", "web", false),
        ] {
            assert_eq!(is_within(&wire(name), &wire(zone)), holds, "{name} in {zone}");
            let [name, zone] = [name, zone].map(|text| Name::from_text(text).unwrap());
            assert_eq!(name.is_within(&zone), holds, "{name} in {zone}");
        }
        assert!(is_within(b"\x01a\x01b", b"\x01b"), "without the root label");
        assert!(!is_within(b"\x01a\x09b", b""), "cut short");
        assert!(!is_within(b"\x02ab\0", b"\x01b\0"), "inside a label");
    }

    #[test]
    fn letters_alone_are_folded() {
        for octet in 0..=u8::MAX {
            let octets = [octet, 0xff, octet, 0, b'Z', octet, 0x7f, octet];
            let folded = octets.map(|octet| octet.to_ascii_lowercase());
            assert_eq!(folded_word(octets), folded, "{octet}");
        }
    }
}
