//! Names: text, wire, compression, and what must be refused.

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

#[test]
fn text_becomes_wire_and_text_again() {
    for (text, wire, shown) in [
        (".", &b"\0"[..], "."),
        ("a.Bc", b"\x01a\x02Bc\0", "a.Bc."),
        ("a.bc.", b"\x01a\x02bc\0", "a.bc."),
        (r"a\.b.c", b"\x03a.b\x01c\0", r"a\.b.c."),
        (r"\000\255x", b"\x03\0\xffx\0", r"\000\255x."),
    ] {
        assert_eq!(name(text).as_wire(), wire, "{text}");
        assert_eq!(name(text).to_string(), shown);
        assert_eq!(Name::from_wire(wire).unwrap().as_wire(), wire);
    }
}

#[test]
fn text_that_is_no_name_is_refused() {
    let long = format!("{}.", "x".repeat(64));
    let longest = "x.".repeat(128);
    for (text, error) in [
        ("", NameError::EmptyLabel),
        ("a..b", NameError::EmptyLabel),
        (".a", NameError::EmptyLabel),
        (r"a\", NameError::Escape),
        (r"\25", NameError::Escape),
        (r"\256", NameError::Escape),
        (&long, NameError::LongLabel),
        (&longest, NameError::LongName),
    ] {
        assert_eq!(Name::from_text(text).unwrap_err(), error, "{text}");
    }
    assert!(Name::from_text(&"x.".repeat(127)).is_ok());
}

#[test]
fn pointers_lead_backwards_or_nowhere() {
    let message = b"\x01b\0\x01a\xc0\0rest";
    let (parsed, end) = Name::parse(message, 3).unwrap();
    assert_eq!((parsed, end), (name("a.b"), 7));
    assert_eq!(skip_name(message, 3), Ok(7));
    for (octets, error) in [
        (&b"\xc0\0"[..], NameError::Pointer),
        (b"\xc0\x02\0", NameError::Pointer),
        (b"\x01a\xc0\0", NameError::LongName),
        (b"\x40a\0", NameError::LabelType),
        (b"\x03ab", NameError::Short),
        (b"\xc0", NameError::Short),
        (b"", NameError::Short),
    ] {
        assert_eq!(Name::parse(octets, 0).unwrap_err(), error, "{octets:?}");
    }
    assert_eq!(Name::from_wire(b"\x01a\0\0").unwrap_err(), NameError::Pointer);
}

#[test]
fn a_chain_of_pointers_has_an_end() {
    let mut message = vec![0_u8];
    for hop in 0..200_u16 {
        let target = if hop == 0 { 0 } else { hop * 2 - 1 };
        message.extend((0xc000 | target).to_be_bytes());
    }
    assert!(Name::parse(&message, 126 * 2 + 1).is_ok());
    assert_eq!(Name::parse(&message, 127 * 2 + 1).unwrap_err(), NameError::Pointer);
}

#[test]
fn a_zone_holds_whole_labels_in_any_case() {
    assert!(name("a.Cluster.Local").is_within(&name("cluster.local")));
    assert!(name("cluster.local").is_within(&name("cluster.local")));
    assert!(name("anything").is_within(&Name::ROOT));
    assert!(!name("mycluster.local").is_within(&name("cluster.local")));
    assert!(!name("local").is_within(&name("cluster.local")));
    assert_eq!(name("A.b").folded().as_wire(), b"\x01a\x01b\0");
    assert_eq!(name("A.b"), name("a.B"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_octets_parse_or_fail_but_never_panic(octets: Vec<u8>, at in 0_usize..64) {
        let parsed = Name::parse(&octets, at);
        if let Ok((name, end)) = parsed {
            prop_assert_eq!(skip_name(&octets, at), Ok(end));
            let shown = Name::from_text(&name.to_string()).unwrap();
            prop_assert_eq!(shown.as_wire(), name.as_wire());
        }
    }
}
