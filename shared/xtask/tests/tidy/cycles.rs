//! No circle of files: what two files need of each other belongs into a third,
//! below both. So each file can be read, and tested, after those it stands on.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::Crate;
use crate::sources;

/// Circles that are still there: the ends of their files' paths, and the reason.
/// It may only get shorter: a file in none of them any more must go from here.
const KNOWN: [(&[&str], &str); 0] = [];

/// The sets of files that use each other, directly or not, each sorted.
fn circles<'a>(uses: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<Vec<&'a str>> {
    let reached = |from: &'a str| {
        let (mut reached, mut unread) = (BTreeSet::new(), vec![from]);
        while let Some(file) = unread.pop() {
            let next = uses.get(file).into_iter().flatten();
            unread.extend(next.filter(|file| reached.insert(**file)));
        }
        reached
    };
    let reached: BTreeMap<_, _> = uses.keys().map(|file| (*file, reached(file))).collect();
    let is_mutual = |a: &str, b: &str| reached[a].contains(b) && reached[b].contains(a);
    let around = |file| {
        uses.keys()
            .copied()
            .filter(|other| is_mutual(file, other))
            .collect()
    };
    uses.keys()
        .map(|file| around(file))
        .filter(|circle: &Vec<_>| !circle.is_empty())
        .collect()
}

/// Complaints about circles that are not known, and known ones that are gone.
fn judge(uses: &BTreeMap<&str, BTreeSet<&str>>, known: &[&[&str]]) -> Vec<String> {
    let circles = circles(uses);
    let is_known = |circle: &[&str]| {
        known.iter().any(|known| {
            circle
                .iter()
                .all(|file| known.iter().any(|end| file.ends_with(end)))
        })
    };
    let new = circles
        .iter()
        .filter(|circle| !is_known(circle))
        .map(|circle| {
            let arrows = circle.iter().flat_map(|file| {
                let next = uses[file].iter().filter(|other| circle.contains(other));
                next.map(move |other| format!("    {file} uses {other}\n"))
            });
            format!("a circle of files:\n{}", arrows.collect::<String>())
        });
    let listed = known.iter().flat_map(|known| *known);
    let gone = listed
        .filter(|end| !circles.iter().flatten().any(|file| file.ends_with(*end)))
        .map(|end| format!("{end} is in no circle; take it from the list in {}", file!()));
    new.chain(gone).collect()
}

/// Every library and program of ours; what stands in tests/ is none.
fn is_root(path: &str) -> bool {
    (path.ends_with("/lib.rs") || path.ends_with("/main.rs")) && !path.contains("/tests/")
}

#[test]
fn no_circle_of_files() {
    let roots: Vec<_> = sources()
        .iter()
        .map(|source| source.path.as_str())
        .filter(|path| is_root(path))
        .collect();
    let texts: BTreeMap<_, _> = sources()
        .iter()
        .map(|source| (source.path.as_str(), &source.text))
        .collect();
    let text = |file: &str| texts.get(file).map(|text| (*text).clone());
    let crates: Vec<_> = roots.iter().map(|file| Crate::read(file, &text)).collect();
    let uses: BTreeMap<_, _> = crates.iter().flat_map(Crate::uses).collect();
    assert!(uses.len() > 200, "only {} files are reached from {roots:?}", uses.len());
    let complaints = judge(&uses, &KNOWN.map(|(files, _)| files));
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn a_circle_is_seen_and_a_known_one_only_gets_smaller() {
    let judged = |house: &str, known: &[&[&str]]| {
        let text = |file: &str| match file {
            "a/src/lib.rs" => Some("mod house; mod door; mod key;".to_owned()),
            "a/src/house.rs" => Some(house.to_owned()),
            "a/src/door.rs" => Some("use crate::key::Key; pub struct Door;".to_owned()),
            "a/src/key.rs" => Some("use super::house::House; pub struct Key;".to_owned()),
            _ => None,
        };
        judge(&Crate::read("a/src/lib.rs", &text).uses(), known)
    };
    let (good, bad) = ("pub struct House;", "use crate::door::Door; pub struct House(Door);");
    let circle = ["a/src/door.rs", "a/src/house.rs", "a/src/key.rs"];
    assert_eq!(judged(good, &[]), Vec::<String>::new());
    let complaints = judged(bad, &[]);
    assert_eq!(complaints.len(), 1);
    for arrow in
        ["door.rs uses a/src/key.rs", "house.rs uses a/src/door.rs", "key.rs uses a/src/house.rs"]
    {
        assert!(complaints[0].contains(arrow), "{complaints:?}");
    }
    assert_eq!(judged(bad, &[&circle]), Vec::<String>::new());
    assert_eq!(judged(bad, &[&circle[..2]]).len(), 1);
    assert_eq!(judged(good, &[&circle]).len(), 3);
}
