//! Tells code from comments and from the insides of strings, so that a rule's
//! own words, in a string, do not break the rule.

/// A file's text twice, each with the other part blanked, lines kept.
pub(crate) struct Split {
    pub(crate) code: String,
    pub(crate) comments: String,
}

/// Splits Rust source. Strings are blanked in both.
pub(crate) fn split(text: &str) -> Split {
    let mut split = Split { code: String::new(), comments: String::new() };
    let mut rest = text;
    while !rest.is_empty() {
        let (kind, length) = next(rest, &split.code);
        let (token, after) = rest.split_at(length);
        split
            .code
            .push_str(&if kind == Kind::Code { token.to_owned() } else { blank(token) });
        let comment = kind == Kind::Comment;
        split
            .comments
            .push_str(&if comment { token.to_owned() } else { blank(token) });
        rest = after;
    }
    split
}

/// The part before the first `#[cfg(test)]`, where by house style the tests
/// begin; the rest is test code.
pub(crate) fn without_tests(code: &str) -> (&str, &str) {
    code.split_at(code.find("#[cfg(test)]").unwrap_or(code.len()))
}

/// The code without each item under `#[cfg(test)]`.
pub(crate) fn without_test_items(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some((before, item)) = rest.split_once("#[cfg(test)]") {
        kept.push_str(before);
        rest = &item[item_end(item)..];
    }
    kept + rest
}

/// Where an item ends: at its semicolon, or at the brace that closes its body.
fn item_end(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

/// Words, `::` and single signs; blanks are between them.
pub(crate) fn tokens(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        found.push(token);
        rest = after.trim_start();
    }
    found
}

/// Whether `code` holds `word` with no letter, digit or `_` beside it.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        ![before, after].into_iter().flatten().any(is_word)
    })
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Code,
    Comment,
    Text,
}

/// The kind and length of the next piece.
fn next(rest: &str, before: &str) -> (Kind, usize) {
    let end = |mark: &str| rest.find(mark).unwrap_or(rest.len());
    if rest.starts_with("//") {
        return (Kind::Comment, end("\n"));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, (end("*/") + 2).min(rest.len()));
    }
    if let Some(length) = raw_string(rest).filter(|_| !before.ends_with(is_word)) {
        return (Kind::Text, length);
    }
    match rest.chars().next() {
        Some('"') => (Kind::Text, quoted(rest, '"')),
        Some('\'') if is_char_literal(rest) => (Kind::Text, quoted(rest, '\'')),
        first => (Kind::Code, first.map_or(1, char::len_utf8)),
    }
}

/// `r"…"`, `r#"…"#`; the `b` of `br"…"` counts as code before it.
fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let open = 1 + hashes + 1;
    after[hashes..].starts_with('"').then_some(())?;
    let close = format!("\"{}", "#".repeat(hashes));
    rest[open..].find(&close).map(|at| open + at + close.len())
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `'a'` and `'\n'`, not the lifetime `'a`.
fn is_char_literal(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    let first = chars.next();
    first == Some('\\') || chars.next() == Some('\'')
}

fn blank(token: &str) -> String {
    token
        .chars()
        .map(|c| if c == '\n' { '\n' } else { ' ' })
        .collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn code_comments_and_strings_are_told_apart() {
    let text = "let a = \"s // \\\" t\"; // c \"d\"\nlet b: &'a str = r#\"x\"y\"#; /* e */ '\"'";
    let Split { code, comments } = split(text);
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeeze(&code), "let a = ; let b: &'a str = ;");
    assert_eq!(squeeze(&comments), "// c \"d\" /* e */");
    assert_eq!(code.lines().count(), 2);
}

#[test]
fn a_word_ends_where_its_letters_end() {
    assert!(has_word("unsafe {", "unsafe"));
    assert!(!has_word("forbid(unsafe_code)", "unsafe"));
    assert!(!has_word("notunsafe", "unsafe"));
}

#[test]
fn items_under_test_are_taken_out() {
    let code = "a;\n#[cfg(test)]\nmod t;\nb;\n#[cfg(test)]\nmod u { fn c() { d; } }\ne;";
    let kept = without_test_items(code);
    assert_eq!(tokens(&kept), ["a", ";", "b", ";", "e", ";"]);
    assert_eq!(
        tokens("a::b_1<'c>(d:e)"),
        ["a", "::", "b_1", "<", "'", "c", ">", "(", "d", ":", "e", ")"]
    );
}
