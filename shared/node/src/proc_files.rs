//! Where the kernel's files are.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

/// The folder of the kernel's files, `/proc` but in tests.
///
/// Those of the network are of the namespace of the process that reads them: for the
/// node's own it has to be in the node's, as a pod on the host network is.
#[derive(Clone, Debug)]
pub struct Proc {
    root: PathBuf,
}

impl Proc {
    /// Those below `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Those of the system, with the path.
    pub fn read(&self, path: impl AsRef<Path>) -> io::Result<String> {
        let path = self.root.join(path);
        std::fs::read_to_string(&path).map_err(|error| with_path(&path, &error))
    }

    /// Reads a file line by line, for those of many megabytes.
    ///
    /// # Errors
    ///
    /// Those of the system, with the path.
    pub fn each_line(&self, path: impl AsRef<Path>, mut look: impl FnMut(&str)) -> io::Result<()> {
        let path = self.root.join(path);
        let mut read = || {
            let mut file = BufReader::new(File::open(&path)?);
            let mut line = String::new();
            while file.read_line(&mut line)? > 0 {
                look(&line);
                line.clear();
            }
            Ok(())
        };
        read().map_err(|error| with_path(&path, &error))
    }

    /// Reads a file with one number.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and for what is no number.
    pub fn number(&self, path: impl AsRef<Path>) -> io::Result<u64> {
        let path = path.as_ref();
        let text = self.read(path)?;
        let not_a_number = || {
            let what = format!("{}: {:?} is no number", path.display(), text.trim());
            io::Error::new(io::ErrorKind::InvalidData, what)
        };
        text.trim().parse().map_err(|_| not_a_number())
    }

    /// Says whether this process is in the network namespace of the first one: the
    /// host's, where it sees the host's processes.
    ///
    /// # Errors
    ///
    /// Those of the system, such as the lack of a right to look.
    pub fn is_of_first_process(&self) -> io::Result<bool> {
        let of = |process: &str| std::fs::read_link(self.root.join(process).join("ns/net"));
        Ok(of("self")? == of("1")?)
    }
}

fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl Default for Proc {
    fn default() -> Self {
        Self::at("/proc")
    }
}
