//! Entries of the connection table that this program made, and takes back.
//!
//! A flow is known by its numbers alone: who sent, and from which port. So a few words
//! in a file are enough to find all of them again, also for another process.

use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use netlink::conntrack::{self, Tuple};
use netlink::{Message, Netlink};

/// Flows that were made: each address sends from each port to one peer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Flows {
    /// The network namespace they are in, as `/proc/self/ns/net` shows it.
    pub netns: String,
    /// Where they go.
    pub peer: SocketAddrV4,
    /// The first address.
    pub first: Ipv4Addr,
    /// The ports of each address.
    pub ports: Vec<u16>,
    /// How many flows there can be.
    pub count: u32,
}

impl Flows {
    /// Returns the address and port of the n-th flow.
    pub fn source(&self, n: u32) -> SocketAddrV4 {
        let ports = u32::try_from(self.ports.len()).unwrap_or(1).max(1);
        let address = Ipv4Addr::from_bits(self.first.to_bits().wrapping_add(n / ports));
        let port = self.ports.get((n % ports) as usize).copied();
        SocketAddrV4::new(address, port.unwrap_or(0))
    }

    /// Removes all entries of these flows that there are; an entry that is not there is
    /// none.
    ///
    /// # Errors
    ///
    /// When the kernel does not let this process, which needs `CAP_NET_ADMIN`.
    pub fn remove(&self) -> io::Result<()> {
        if netns() != self.netns {
            let reason = format!("the flows are in another network namespace, {}", self.netns);
            return Err(io::Error::other(reason));
        }
        let mut netlink = Netlink::netfilter()?;
        let mut first = 0;
        while first < self.count {
            let next = self.count.min(first + BATCH);
            let messages: Vec<_> = (first..next).map(|n| self.delete(n)).collect();
            // An entry that is not there is an error too.
            let errors = netlink.attempt("remove flows", &messages)?;
            if errors.contains(&EPERM) {
                return Err(io::Error::from_raw_os_error(EPERM));
            }
            first = next;
        }
        Ok(())
    }

    /// The message that removes the n-th flow.
    fn delete(&self, n: u32) -> Message {
        let (source, target) = (self.source(n).into(), self.peer.into());
        conntrack::delete(Tuple { protocol: UDP, source, target })
    }
}

/// A number of the connection table of this network namespace: `count` or `max`; `None`
/// where there is no table.
pub(super) fn number(name: &str) -> Option<u32> {
    let path = format!("/proc/sys/net/netfilter/nf_conntrack_{name}");
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The network namespace of this process.
pub fn netns() -> String {
    fs::read_link("/proc/self/ns/net")
        .map(|link| link.display().to_string())
        .unwrap_or_default()
}

/// Whether a process or a mount of this host has the network namespace.
pub fn exists(netns: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut links = processes.map(|process| fs::read_link(process.path().join("ns/net")));
    // A namespace with a name is a mount whose root is the namespace (proc_pid_mountinfo(5)).
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    links.any(|link| link.is_ok_and(|link| link == Path::new(netns)))
        || mounts
            .lines()
            .any(|mount| mount.split(' ').nth(3) == Some(netns))
}

impl fmt::Display for Flows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        let Self { netns, peer, first, count, .. } = self;
        write!(f, "flows {netns} {peer} {first} {count} {}", ports.join(","))
    }
}

impl FromStr for Flows {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let wrong = || format!("{line:?} is no line of a journal");
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["flows", netns, peer, first, count, ports] = words[..] else { return Err(wrong()) };
        let ports: Result<Vec<u16>, _> = ports.split(',').map(str::parse).collect();
        Ok(Self {
            netns: netns.to_owned(),
            peer: peer.parse().map_err(|_| wrong())?,
            first: first.parse().map_err(|_| wrong())?,
            count: count.parse().map_err(|_| wrong())?,
            ports: ports.map_err(|_| wrong())?,
        })
    }
}

/// What this process has made in the kernel, written before it is made. The file goes
/// with the last of it.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
}

impl Journal {
    /// Writes down what is about to be made.
    ///
    /// # Errors
    ///
    /// Without a journal nothing must be made.
    pub fn write(folder: &Path, flows: &Flows) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(std::process::id().to_string());
        fs::write(&path, format!("{flows}\n"))?;
        Ok(Self { path })
    }

    /// All of it is gone again.
    pub fn done(self) {
        // It is then cleaned up once more, which does no harm.
        fs::remove_file(&self.path).unwrap_or_default();
    }
}

/// Removes what processes have left in the kernel that run no more; returns a line for
/// each. A connection table ends with its network namespace, so of one that `exists` no
/// more only the journal is removed.
///
/// # Errors
///
/// The lines of what is still there.
pub fn clean_up(folder: &Path, exists: impl Fn(&str) -> bool) -> Result<Vec<String>, Vec<String>> {
    let mut done = Vec::new();
    let mut left = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let pid = path
            .file_name()
            .and_then(|name| name.to_str()?.parse::<u32>().ok());
        let Some(pid) = pid.filter(|pid| !Path::new("/proc").join(pid.to_string()).exists()) else {
            continue;
        };
        let flows = fs::read_to_string(&path)
            .map_err(|error| error.to_string())
            .and_then(|text| text.trim().parse::<Flows>());
        let removed = flows.and_then(|flows| match exists(&flows.netns) {
            true => flows.remove().map_err(|error| error.to_string()),
            false => Ok(()),
        });
        match removed {
            Ok(()) => {
                fs::remove_file(&path).unwrap_or_default();
                done.push(format!("flows of process {pid} are gone"));
            }
            Err(error) => left.push(format!("{}: {error}", path.display())),
        }
    }
    if left.is_empty() { Ok(done) } else { Err(left) }
}

/// Where journals are.
pub const JOURNALS: &str = "/run/fivedots-loadgen";

/// `IPPROTO_UDP`.
const UDP: u8 = 17;
/// errno(3).
const EPERM: i32 = 1;
/// Requests that are composed at a time.
const BATCH: u32 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn flows() -> Flows {
        Flows {
            netns: "net:[4026531840]".to_owned(),
            peer: "127.63.0.1:5399".parse().unwrap(),
            first: "127.64.0.254".parse().unwrap(),
            ports: vec![4000, 4001],
            count: 6,
        }
    }

    #[test]
    fn a_journal_has_all_that_finds_the_flows() {
        assert_eq!(flows().to_string().parse(), Ok(flows()));
        assert!("flows a b".parse::<Flows>().is_err());
        let sources: Vec<_> = (0..5).map(|n| flows().source(n).to_string()).collect();
        let [one, two, three] = ["127.64.0.254", "127.64.0.255", "127.64.1.0"];
        let expected = [(one, 4000), (one, 4001), (two, 4000), (two, 4001), (three, 4000)];
        assert_eq!(sources, expected.map(|(address, port)| format!("{address}:{port}")));
    }

    #[test]
    fn only_what_dead_processes_left_is_cleaned_up() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::write(folder.path(), &flows()).unwrap();
        assert_eq!(clean_up(folder.path(), |_| true), Ok(Vec::new()));
        assert!(journal.path.exists());
        // Of a process that cannot be, in a namespace that is not this one.
        let left_behind = folder.path().join(u32::MAX.to_string());
        fs::rename(&journal.path, &left_behind).unwrap();
        let left = clean_up(folder.path(), |_| true).unwrap_err();
        assert!(left[0].contains("another network namespace"), "{left:?}");
        assert!(left_behind.exists());
        // Its table went with the namespace.
        assert_eq!(clean_up(folder.path(), |_| false).unwrap().len(), 1);
        assert!(!left_behind.exists());
    }

    #[test]
    fn the_namespace_of_this_process_exists_and_no_other_of_that_name() {
        assert!(exists(&netns()));
        assert!(!exists("net:[1]"));
    }
}
