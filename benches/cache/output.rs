//! Where the results go.

#[expect(clippy::print_stdout, reason = "the results, for a person or a file")]
pub(crate) fn print_line(line: &str) {
    println!("{line}");
}
