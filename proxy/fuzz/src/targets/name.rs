//! Names, in wire form and as text.

use dns::{Name, skip_name, wire};

use super::{Target, outcome, size};

pub(super) const NAME: Target =
    Target { name: "name", feed: name, folders: &["name"], words: &[], longest: 512 };

pub(super) const TEXT: Target = Target {
    name: "text",
    feed: text,
    folders: &["text"],
    words: &[b"\\.", b"\\065", b"\\999", b"..", "é".as_bytes()],
    longest: 1_024,
};

/// A name at the start: parsed, it has one wire form, and one text that is read back as
/// the same name.
fn name(octets: &[u8]) -> u64 {
    let (name, end) = match Name::parse(octets, 0) {
        Ok(parsed) => parsed,
        Err(error) => return outcome(error.to_string()),
    };
    assert_eq!(skip_name(octets, 0), Ok(end));
    assert!(name.as_wire().len() <= Name::MAX_LEN);
    assert_eq!(Name::from_wire(name.as_wire()).unwrap().as_wire(), name.as_wire());
    let text = Name::from_text(&name.to_string()).unwrap();
    assert_eq!(text.as_wire(), name.as_wire());
    assert!(name.is_within(&Name::ROOT) && name.is_within(&name.folded()));
    let labels = name.labels().count();
    assert_eq!(usize::from(wire::dots(name.as_wire())) + 1, labels.max(1));
    outcome((size(labels), size(end), size(name.as_wire().len())))
}

/// Text of a name: what is accepted is written and read back as the same name.
fn text(octets: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(octets) else { return 0 };
    match Name::from_text(text) {
        Ok(name) => {
            assert_eq!(Name::from_text(&name.to_string()).unwrap().as_wire(), name.as_wire());
            outcome((size(name.labels().count()), size(name.as_wire().len())))
        }
        Err(error) => outcome(error.to_string()),
    }
}
