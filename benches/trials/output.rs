//! Standard output is the report; progress and errors go to standard error.

#[expect(clippy::print_stdout, reason = "the report, for a person or a file")]
pub(crate) fn print_line(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "progress and errors, for a person")]
pub(crate) fn print_progress(line: &str) {
    eprintln!("{line}");
}
