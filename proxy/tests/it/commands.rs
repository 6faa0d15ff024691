//! The commands in the pages are commands that the program takes.

use std::path::Path;

use clap::Parser as _;
use proxy::cli::Cli;

/// The `fivedots` commands of a page, without the path of the program.
fn commands(page: &str) -> Vec<&str> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("$ "));
    lines
        .filter_map(|line| {
            let (program, _) = line.split_once(' ')?;
            (program.rsplit('/').next() == Some("fivedots")).then_some(line)
        })
        .collect()
}

/// The words of a command, as a shell makes them of single quotes; a comment is none.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in command.chars() {
        match c {
            '\'' => quoted = !quoted,
            '#' if !quoted && words.last().is_some_and(String::is_empty) => break,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |dir: &Path| {
        std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    let all = read(root).chain(read(&root.join("docs")));
    all.filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

#[test]
fn every_documented_command_is_one() {
    let pages = pages();
    let all: Vec<_> = pages.iter().flat_map(|page| commands(page)).collect();
    assert!(all.len() > 10, "{all:?}");
    for command in all {
        if let Err(error) = Cli::try_parse_from(words(command)) {
            panic!("{command}: {error}");
        }
    }
    assert_eq!(words("a 'b c'  d  # e"), ["a", "b c", "d"]);
}
