//! What the code cites, docs/dns-behaviour.md explains: each RFC that the
//! proxy's source names has its line there.

use std::collections::BTreeSet;

use crate::{Source, root, sources};

/// The numbers of all RFCs that a text names.
fn cited(text: &str) -> BTreeSet<u32> {
    let numbers = text.match_indices("RFC ").filter_map(|(at, name)| {
        let rest = &text[at + name.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse().ok()
    });
    numbers.collect()
}

/// The proxy and the messages it reads; not what it shows to people, nor the
/// table of types, where each has the RFC that defined it.
fn is_behavior(source: &Source) -> bool {
    let path = &source.path;
    let serves = path.starts_with("proxy/") && !path.starts_with("proxy/console/");
    serves && path.contains("/src/")
        || path.starts_with("shared/dns/src/") && path != "shared/dns/src/codes.rs"
}

#[test]
fn every_rfc_that_the_code_cites_is_explained() {
    let page = std::fs::read_to_string(root().join("docs/dns-behaviour.md")).unwrap();
    let explained = cited(&page);
    for source in sources().iter().filter(|source| is_behavior(source)) {
        let missing: Vec<_> = cited(&source.text)
            .difference(&explained)
            .copied()
            .collect();
        assert!(missing.is_empty(), "{}: docs/dns-behaviour.md lacks RFC {missing:?}", source.path);
    }
    assert!(explained.contains(&8482));
}

#[test]
fn numbers_are_found_in_any_text() {
    assert_eq!(cited("RFC 1035, section 4; (RFC 8482). RFC x"), [1035, 8482].into());
}
