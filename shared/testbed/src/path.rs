//! Where programs are: in PATH.

use std::path::PathBuf;

/// Returns what is missing of `programs`: the first that is not in PATH.
pub(crate) fn missing_program(programs: &[&str]) -> Option<String> {
    let missing = programs
        .iter()
        .find(|program| find_program(program).is_none());
    missing.map(|program| format!("{program} is not in PATH"))
}

/// Finds a program the way a shell does.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_the_path() {
        assert!(find_program("sh").is_some());
        assert_eq!(
            missing_program(&["sh", "no-such-program"]).unwrap(),
            "no-such-program is not in PATH"
        );
    }
}
