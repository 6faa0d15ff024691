//! The corpus, replayed: every input that a fuzzer or a person found worth
//! keeping, as it is, cut at each octet, and with each octet changed.

use std::path::PathBuf;

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let files = std::fs::read_dir(folder.join(target)).unwrap();
    let inputs: Vec<_> = files
        .map(|file| file.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    assert!(!inputs.is_empty(), "no corpus of {target}");
    inputs
}

fn replay(target: &str, feed: fn(&[u8])) {
    for (path, octets) in corpus(target) {
        println!("{}", path.display());
        feed(&octets);
        for cut in 0..octets.len() {
            feed(&octets[..cut]);
            for change in [0x01, 0x20, 0x80, 0xff] {
                let mut changed = octets.clone();
                changed[cut] ^= change;
                feed(&changed);
            }
        }
    }
}

#[test]
fn names_hold() {
    replay("name", super::name);
}

#[test]
fn texts_hold() {
    replay("text", super::text);
}

#[test]
fn messages_hold() {
    replay("message", super::message);
}

/// A corpus in which nothing is a name or a message would hold whatever the
/// code does.
#[test]
fn each_corpus_reaches_past_the_first_check() {
    let names = corpus("name");
    assert!(
        names
            .iter()
            .any(|(_, octets)| crate::Name::parse(octets, 0).is_ok())
    );
    let composed = corpus("message").into_iter().filter(|(_, octets)| {
        let header = crate::Header::parse(octets).unwrap();
        let question = crate::Question::parse(octets);
        question.is_ok_and(|question| super::recompose(octets, &header, &question).is_ok())
    });
    assert!(composed.count() >= 3);
}
