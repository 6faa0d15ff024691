//! Which file of a crate uses which, from the paths in its code.
//!
//! A path is followed through re-exports to the file that has the item: who
//! takes `Record` from a face uses the file of `Record`, not the face.

use std::collections::{BTreeMap, BTreeSet};

use crate::scan::{split, tokens, without_test_items};

/// One program or library: its modules by their paths from the root.
pub(crate) struct Crate {
    modules: BTreeMap<Vec<String>, Module>,
}

#[derive(Default)]
struct Module {
    file: String,
    children: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths of two words and more outside of imports.
    paths: BTreeSet<Vec<String>>,
    /// All words outside of imports.
    words: BTreeSet<String>,
}

/// One name that `use` brings.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Import {
    is_public: bool,
    /// As it is called here; `*` for all there are.
    name: String,
    path: Vec<String>,
}

impl Crate {
    /// Reads the modules below the file `root`, by their `mod` declarations.
    /// Test modules are no part of it.
    pub(crate) fn read(root: &str, text: &dyn Fn(&str) -> Option<String>) -> Self {
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut modules = BTreeMap::new();
        let mut unread = vec![(Vec::new(), root.to_owned())];
        while let Some((path, file)) = unread.pop() {
            let Some(text) = text(&file) else { continue };
            let module = Module::read(file, &without_test_items(&split(&text).code));
            for child in &module.children {
                let path = [path.clone(), vec![child.clone()]].concat();
                let file = format!("{folder}/{}.rs", path.join("/"));
                unread.push((path, file));
            }
            modules.insert(path, module);
        }
        Self { modules }
    }

    /// The files that each file uses.
    ///
    /// A parent declares its children and hands out what they have; neither is a
    /// use. It uses what it names in code of its own. What a child takes from the
    /// files that it is a part of is no use either: it sees their private parts,
    /// and none is read without the other.
    pub(crate) fn uses(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let uses = self.modules.iter().map(|(path, module)| {
            let imported = module.imports.iter().filter_map(|import| {
                let (holder, file) = self.holder(path, &import.path, DEPTH)?;
                let is_face = import.is_public && holder.starts_with(path);
                (!is_face || module.words.contains(&import.name)).then_some((holder, file))
            });
            let named = module.paths.iter();
            let named = named.filter_map(|named| self.holder(path, named, DEPTH));
            let others = imported.chain(named);
            let others = others.filter(|(holder, _)| !path.starts_with(holder));
            (module.file.as_str(), others.map(|(_, file)| file).collect())
        });
        uses.collect()
    }

    /// The module, and its file, with the item at the end of `words`, as named in
    /// the module `from`; `None` if that is a module itself, or not ours.
    fn holder(&self, from: &[String], words: &[String], depth: u8) -> Option<(&[String], &str)> {
        let (mut path, mut at) = self.modules.get_key_value(from)?;
        let depth = depth.checked_sub(1)?;
        for (index, word) in words.iter().enumerate() {
            let below = [path.as_slice(), std::slice::from_ref(word)].concat();
            let next = match word.as_str() {
                "self" => path.as_slice(),
                "crate" => &[],
                "super" => path.split_last()?.1,
                _ if at.children.contains(word) => &below,
                _ => {
                    let rest = &words[index + 1..];
                    return self.item(path, word, rest, depth).or_else(|| {
                        // The first word may be another crate, or a type here.
                        (index > 0).then_some((path.as_slice(), at.file.as_str()))
                    });
                }
            };
            (path, at) = self.modules.get_key_value(next)?;
        }
        None
    }

    /// Follows the name `word` through what its module imports.
    fn item(
        &self,
        path: &[String],
        word: &str,
        rest: &[String],
        depth: u8,
    ) -> Option<(&[String], &str)> {
        let imports = &self.modules.get(path)?.imports;
        let named = imports.iter().find(|import| import.name == word);
        if let Some(import) = named.filter(|import| import.path[0] != word) {
            return self.holder(path, &[&import.path, rest].concat(), depth);
        }
        let all = imports.iter().filter(|import| import.name == "*");
        all.filter_map(|import| {
            let open = &import.path[..import.path.len() - 1];
            let wanted = [open, &[word.to_owned()], rest].concat();
            let (holder, file) = self.holder(path, &wanted, depth)?;
            let defines = self.modules.get(holder)?.words.contains(word);
            defines.then_some((holder, file))
        })
        .next()
    }
}

impl Module {
    fn read(file: String, code: &str) -> Self {
        let mut module = Self { file, ..Self::default() };
        let tokens = tokens(code);
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let end = |at: usize| tokens[at..].iter().position(|token| *token == ";");
            let before = &tokens[..at];
            match (*token, tokens.get(at + 1..at + 3)) {
                ("mod", Some([name, ";"])) => {
                    module.children.insert((*name).to_owned());
                    at += 3;
                }
                ("use", Some(_))
                    if !before
                        .last()
                        .is_some_and(|last| *last == ">" || *last == "+") =>
                {
                    let length = end(at).unwrap_or(0).max(1);
                    let is_public = before
                        .last()
                        .is_some_and(|last| *last == "pub" || *last == ")");
                    let mut tree = &tokens[at + 1..at + length];
                    read_tree(&mut tree, &[], is_public, &mut module.imports);
                    at += length;
                }
                _ => at += module.read_path(&tokens[at..]),
            }
        }
        module
    }

    /// Reads a path, or one token that is none; returns how many tokens.
    fn read_path(&mut self, tokens: &[&str]) -> usize {
        let mut path = Vec::new();
        while let Some(word) = tokens.get(path.len() * 2).filter(|token| is_word(token)) {
            self.words.insert((*word).to_owned());
            path.push((*word).to_owned());
            if tokens.get(path.len() * 2 - 1) != Some(&"::") {
                break;
            }
        }
        let length = (path.len() * 2).saturating_sub(1).max(1);
        // In `a::{b, c}` or `Vec::<u8>` it ends with the two colons.
        let open = tokens.get(length) == Some(&"::") || path.len() > 1;
        if open {
            self.paths.insert(path);
        }
        length
    }
}

/// Reads what follows `use`, as `a::{self, b::C as D}`.
fn read_tree(tokens: &mut &[&str], prefix: &[String], is_public: bool, imports: &mut Vec<Import>) {
    let mut path = prefix.to_vec();
    while let Some((first, rest)) = tokens.split_first() {
        match *first {
            "," | "}" => break,
            "{" => {
                *tokens = rest;
                while tokens.first().is_some_and(|token| *token != "}") {
                    read_tree(tokens, &path, is_public, imports);
                    *tokens = tokens.strip_prefix(&[","]).unwrap_or(tokens);
                }
                *tokens = tokens.get(1..).unwrap_or_default();
                return;
            }
            "as" => {
                let name = rest.first().copied().unwrap_or_default().to_owned();
                imports.push(Import { is_public, name, path });
                *tokens = rest.get(1..).unwrap_or_default();
                return;
            }
            "::" => {}
            "self" if !path.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        *tokens = rest;
    }
    if let Some(name) = path.last().cloned() {
        imports.push(Import { is_public, name, path });
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Re-exports of re-exports; more would be a circle of them.
const DEPTH: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(files: &[(&str, &str)]) -> Vec<String> {
        let text = |wanted: &str| {
            let found = files.iter().find(|(file, _)| *file == wanted);
            found.map(|(_, text)| (*text).to_owned())
        };
        let house = Crate::read("a/src/lib.rs", &text);
        let uses = house.uses();
        let pairs = uses.iter().flat_map(|(file, others)| {
            let short = |file: &str| {
                file.trim_start_matches("a/src/")
                    .trim_end_matches(".rs")
                    .to_owned()
            };
            others
                .iter()
                .map(move |other| format!("{} -> {}", short(file), short(other)))
        });
        pairs.collect()
    }

    #[test]
    fn trees_of_imports_are_read() {
        let mut imports = Vec::new();
        let tokens = tokens("crate::{a, b::{self, C as D}, e::*}");
        read_tree(&mut tokens.as_slice(), &[], true, &mut imports);
        let shown: Vec<_> = imports
            .iter()
            .map(|import| format!("{}={}", import.name, import.path.join("::")))
            .collect();
        assert_eq!(shown, ["a=crate::a", "b=crate::b", "D=crate::b::C", "*=crate::e::*"]);
    }

    #[test]
    fn a_face_is_no_use_and_is_seen_through() {
        let face = ("a/src/lib.rs", "mod room; mod guest; pub use room::Table;");
        let room = ("a/src/room.rs", "mod table; pub(crate) use table::Table;");
        let table = ("a/src/room/table.rs", "pub struct Table;");
        let guest = ("a/src/guest.rs", "use crate::room; use crate::room::Table;");
        assert_eq!(uses(&[face, room, table, guest]), ["guest -> room/table"]);
        let guest = ("a/src/guest.rs", "use crate::room; fn f() { room::Table; }");
        assert_eq!(uses(&[face, room, table, guest]), ["guest -> room/table"]);
        // Who takes all there is uses the face.
        let guest = ("a/src/guest.rs", "use super::room::*; fn f() -> Table {}");
        assert_eq!(uses(&[face, room, table, guest]), ["guest -> room"]);
    }

    #[test]
    fn a_parent_uses_what_its_own_code_names() {
        let table = ("a/src/room/table.rs", "pub struct Table; // crate::room\n");
        for room in [
            "mod table; use table::Table;",
            "mod table; fn f() { table::lay(); }",
            "mod table; pub use table::Table; fn f(on: Table) {}",
        ] {
            let files = [("a/src/lib.rs", "mod room;"), ("a/src/room.rs", room), table];
            assert_eq!(uses(&files), ["room -> room/table"], "{room}");
        }
    }

    #[test]
    fn tests_and_other_crates_are_no_use() {
        let root = "mod b; use std::fmt; fn f() { b::c(); fmt::write(); Self::b::c(); }";
        let leaf =
            "#[cfg(test)] mod tests { use crate::f; }\n#[cfg(test)]\nuse crate::f;\nfn c() {}";
        assert_eq!(uses(&[("a/src/lib.rs", root), ("a/src/b.rs", leaf)]), ["lib -> b"]);
    }
}
