//! Where the kernel's files are.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

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

    /// The time since the machine was started, as the kernel's log counts it.
    ///
    /// # Errors
    ///
    /// As [`number`](Self::number).
    pub fn uptime(&self) -> io::Result<Duration> {
        let text = self.read("uptime")?;
        let seconds = text.split_whitespace().next().unwrap_or_default();
        let seconds = seconds.parse().ok().map(Duration::try_from_secs_f64);
        let no_number = || io::Error::new(io::ErrorKind::InvalidData, format!("uptime: {text:?}"));
        seconds.and_then(Result::ok).ok_or_else(no_number)
    }

    /// The inode of this process's own network namespace.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn own_network(&self) -> io::Result<Option<u64>> {
        Ok(inode(&std::fs::read_link(self.root.join("self/ns/net"))?))
    }

    /// A process of a container in a network namespace: its name and its cgroup. None
    /// where none is seen, as from a pod that does not see the processes of others.
    #[must_use]
    pub fn container_of_network(&self, netns: u64) -> Option<String> {
        let processes = std::fs::read_dir(&self.root).ok()?.flatten();
        let all = processes.filter_map(|entry| {
            let id = entry.file_name().into_string().ok()?;
            let is_number = id.bytes().all(|octet| octet.is_ascii_digit());
            is_number.then_some(id)
        });
        let of = |id: &String| std::fs::read_link(self.root.join(id).join("ns/net")).ok();
        let mut inside = all.filter(|id| of(id).is_some_and(|link| inode(&link) == Some(netns)));
        inside.find_map(|id| {
            let groups = self.read(format!("{id}/cgroup")).ok()?;
            let group = container(&groups)?;
            let name = self.read(format!("{id}/comm")).unwrap_or_default();
            Some(format!("{} of {group}", name.trim()))
        })
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

/// Of a link as `net:[4026531840]`.
fn inode(link: &Path) -> Option<u64> {
    let text = link.to_str()?.strip_prefix("net:[")?;
    text.strip_suffix(']')?.parse().ok()
}

/// The first group of a process that is a pod's or another container's: `HIERARCHY:PARTS:PATH`
/// a line (cgroups(7)).
fn container(groups: &str) -> Option<&str> {
    let mut paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.find(|path| RUNTIMES.iter().any(|part| path.contains(part)))
}

/// What the paths of container's groups have, whoever makes them.
const RUNTIMES: [&str; 5] = ["/pod", "kubepods", "docker", "containerd", "libpod"];

fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl Default for Proc {
    fn default() -> Self {
        Self::at("/proc")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_known_by_a_process_in_it() {
        let proc = Proc::default();
        assert!(proc.own_network().unwrap().is_some());
        assert_eq!(proc.container_of_network(1), None);
        let groups = "4:cpu:/x/kubepods/besteffort/pod0a-1/c9\n0::/\n";
        assert_eq!(container(groups), Some("/x/kubepods/besteffort/pod0a-1/c9"));
        assert_eq!(container("1:cpu:/user.slice\n0::/\n"), None);
        assert_eq!(inode(Path::new("pid:[7]")), None);
    }
}
