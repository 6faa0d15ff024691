//! Names in wire form and lower case: their labels and dots, and what is below
//! a zone.

pub(crate) use dns::wire::dots;

/// Writes where each label of a name in wire form begins, the root's left out,
/// and returns how many there are.
pub(crate) fn label_starts(qname: &[u8], starts: &mut [u8; MAX_LABELS]) -> usize {
    let (mut at, mut count) = (0_usize, 0);
    while let Some(length @ 1..) = qname.get(at)
        && let Some(start) = starts.get_mut(count)
    {
        *start = u8::try_from(at).unwrap_or(u8::MAX);
        at += usize::from(*length) + 1;
        count += 1;
    }
    count
}

/// Says whether a name is a zone's own or below it, both in wire form and lower
/// case.
pub(crate) fn ends_with(name: &[u8], zone: &[u8]) -> bool {
    let mut rest = name;
    loop {
        if rest.len() <= zone.len() {
            return rest == zone;
        }
        let Some((length, tail)) = rest.split_first() else { return false };
        rest = tail.get(usize::from(*length)..).unwrap_or_default();
    }
}

/// Says whether a name ends like those of the public Internet: no company has a host
/// called `api.example.com` below a domain of its own.
pub(crate) fn is_public(name: &[u8]) -> bool {
    let mut starts = [0; MAX_LABELS];
    let labels = label_starts(name, &mut starts);
    let last = labels.checked_sub(1).and_then(|last| starts.get(last));
    let last = last.and_then(|start| name.get(usize::from(*start) + 1..name.len() - 1));
    last.is_some_and(|last| PUBLIC.contains(&last))
}

/// Top-level domains that no company uses inside: the generic ones that are old and usual.
const PUBLIC: [&[u8]; 10] =
    [b"com", b"net", b"org", b"edu", b"gov", b"mil", b"int", b"io", b"info", b"biz"];

/// 255 octets of one-letter labels (RFC 1035, section 2.3.4).
pub(crate) const MAX_LABELS: usize = 127;

#[cfg(test)]
mod tests {
    use dns::Name;

    use super::*;

    #[test]
    fn a_zone_holds_whole_labels_only() {
        let wire = |text: &str| Name::from_text(text).unwrap().as_wire().to_vec();
        for (name, zone, holds) in [
            ("a.cluster.local", "cluster.local", true),
            ("cluster.local", "cluster.local", true),
            ("acluster.local", "cluster.local", false),
            ("local", "cluster.local", false),
            ("a.example", ".", true),
            (".", ".", true),
        ] {
            assert_eq!(ends_with(&wire(name), &wire(zone)), holds, "{name} in {zone}");
        }
        assert!(!ends_with(&[], &wire(".")));
    }

    #[test]
    fn the_last_label_tells_public_names() {
        let public = |text: &str| is_public(Name::from_text(text).unwrap().as_wire());
        assert!(public("api.example.com") && public("registry.k8s.io"));
        assert!(!public("db.prod") && !public("com.prod") && !public("."));
    }

    #[test]
    fn dots_are_counted_in_the_wire_form() {
        for (name, expected) in [(".", 0), ("a", 0), ("a.b", 1), (r"a\.b.c", 1), ("a.b.c.d.e", 4)] {
            assert_eq!(dots(Name::from_text(name).unwrap().as_wire()), expected, "{name}");
        }
        assert_eq!(dots(b"\x05ab"), 0);
    }
}
