//! Links in the pages lead somewhere, and the index has every page.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::{Source, prove, root};

/// The pages of the repository: those at the top and all below docs/.
fn pages() -> Vec<Source> {
    let mut found = Vec::new();
    for dir in ["", "docs", "docs/decisions"] {
        for entry in fs::read_dir(root().join(dir)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let relative = path.strip_prefix(root()).unwrap().to_str().unwrap();
                found.push(Source::new(relative, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 10, "only {} pages: the walk is broken", found.len());
    found
}

/// The targets of the links of a page, without those outside of the repository.
fn links(text: &str) -> Vec<&str> {
    let outside = |target: &str| target.contains("://") || target.starts_with("mailto:");
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(')')?.0));
    targets.filter(|target| !outside(target)).collect()
}

/// The anchor of a heading, as renderers of Markdown make it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn has_anchor(text: &str, wanted: &str) -> bool {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| anchor(line.trim_start_matches('#')) == wanted)
}

fn leads_somewhere(page: &Source) -> Vec<String> {
    let dead = |target: &&str| {
        let (file, place) = target.split_once('#').unwrap_or((target, ""));
        let path = if file.is_empty() { page.path.clone().into() } else { beside(page, file) };
        let text = if path == Path::new(&page.path) {
            Some(page.text.clone())
        } else {
            fs::read_to_string(root().join(&path)).ok()
        };
        let there = text.is_some() || root().join(&path).exists();
        let found = place.is_empty() || text.is_some_and(|text| has_anchor(&text, place));
        !(there && found)
    };
    let dead = links(&page.text).into_iter().filter(dead);
    dead.map(|target| format!("{}: nothing at {target}", page.path))
        .collect()
}

/// The path of `file` from the root, seen from the folder of a page.
fn beside(page: &Source, file: &str) -> PathBuf {
    let mut path = PathBuf::from(&page.path);
    path.pop();
    for part in Path::new(file).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            part => path.push(part),
        }
    }
    path
}

#[test]
fn every_link_leads_somewhere() {
    for page in pages() {
        let dead = leads_somewhere(&page);
        assert!(dead.is_empty(), "{}", dead.join("\n"));
    }
    let page = |text: &str| Source::new("docs/metrics.md", text);
    let good = page("# A `b`, c\n[a](api.md), [b](../README.md) [c](#a-b-c) [d](https://a.test/x)");
    for bad in ["[a](nowhere.md)", "[a](api.md#nowhere)", "[a](#nowhere)", "[a](README)"] {
        prove(leads_somewhere, &page(bad), &good);
    }
}

/// A page that the index does not name is found by nobody.
#[test]
fn the_index_has_every_page() {
    let index = fs::read_to_string(root().join("docs/README.md")).unwrap();
    let index = Source::new("docs/README.md", &index);
    let named: BTreeSet<_> = links(&index.text)
        .into_iter()
        .map(|target| beside(&index, target.split('#').next().unwrap()))
        .collect();
    let all = pages().into_iter().map(|page| PathBuf::from(page.path));
    let missing: Vec<_> = all
        .filter(|path| *path != Path::new(&index.path) && !named.contains(path))
        .collect();
    assert!(missing.is_empty(), "docs/README.md lacks {missing:?}");
}

/// The code spans of a page outside of its blocks, each with what stands before
/// it.
fn spans(text: &str) -> Vec<(&str, &str)> {
    let outside = text.split("```").step_by(2);
    let pairs = outside.flat_map(|text| {
        let parts: Vec<_> = text.split('`').collect();
        parts.as_chunks::<2>().0.to_vec()
    });
    pairs.map(|[before, span]| (before, span)).collect()
}

/// Complains about paths that do not exist, and about names in a span right
/// behind that of a file, or behind a comma, that the file does not define.
fn points_at_code(page: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut file: Option<(&str, String)> = None;
    for (before, span) in spans(&page.text) {
        let follows = matches!(before, " " | ", ") && is_name(span);
        if let Some((path, text)) = file.as_ref().filter(|_| follows) {
            if !defines(text, span) {
                complaints.push(format!("{}: no {span} in {path}", page.path));
            }
            continue;
        }
        file = None;
        if !is_path(span) {
            continue;
        }
        let path = root().join(span);
        match fs::read_to_string(&path) {
            Ok(text) => file = Some((span, text)),
            Err(_) if path.is_dir() => {}
            Err(_) => complaints.push(format!("{}: nothing at {span}", page.path)),
        }
    }
    complaints
}

/// Parts in capitals stand for something else.
fn is_path(span: &str) -> bool {
    let tops = ["proxy/", "loadgen/", "shared/", "benches/", "docs/", "deploy/"];
    let stands_for = |part: &str| !part.is_empty() && part.chars().all(char::is_uppercase);
    tops.iter().any(|top| span.starts_with(top)) && !span.split('/').any(stands_for)
}

fn is_name(span: &str) -> bool {
    span.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn defines(text: &str, name: &str) -> bool {
    let kinds = ["fn", "struct", "enum", "const", "trait", "type"];
    kinds
        .iter()
        .any(|kind| crate::scan::has_word(text, name) && text.contains(&format!("{kind} {name}")))
}

#[test]
fn every_page_points_at_code_that_is_there() {
    let complaints: Vec<_> = pages().iter().flat_map(points_at_code).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    let page = |text: &str| Source::new("ARCHITECTURE.md", text);
    let good = page("see `shared/xtask/tests/tidy/docs.rs` `anchor`, `beside`; `nothing`, `docs/`");
    for bad in ["`proxy/nowhere.rs`", "`shared/xtask/tests/tidy/docs.rs` `nothing`", "`proxy/x`"] {
        prove(points_at_code, &page(bad), &good);
    }
}

/// docs/top.md has screens that the tests of `top` draw.
#[test]
fn the_screens_of_top_are_those_of_its_tests() {
    let page = fs::read_to_string(root().join("docs/top.md")).unwrap();
    for name in ["list-80x24.txt", "list-160x50.txt"] {
        let path = root()
            .join("proxy/console/src/top/tests/screens")
            .join(name);
        let screen = fs::read_to_string(path).unwrap();
        let block = format!("```text\n{}\n```", screen.trim_end());
        assert!(page.contains(&block), "paste {name} into docs/top.md");
    }
}
