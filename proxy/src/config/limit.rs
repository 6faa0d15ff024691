//! The memory limit of this process, from its cgroup.

use std::path::{Path, PathBuf};

/// The smallest limit on the way from this process's cgroup to the root, in
/// octets; `None` when nothing limits it.
pub(super) fn memory_limit() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    smallest(&text, |path| std::fs::read_to_string(path).ok())
}

/// Both versions of cgroups may be mounted; whatever limits us, counts.
fn smallest(cgroup: &str, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let files = cgroup.lines().filter_map(limit_file);
    files
        .flat_map(|(mount, group, file)| upwards(mount, group).map(move |dir| dir.join(file)))
        .filter_map(|path| read(&path)?.trim().parse().ok())
        // Version 1 writes "no limit" as a number near 2^63.
        .filter(|limit| *limit < NO_LIMIT)
        .min()
}

/// The mount point, the group and the limit's file, of a line such as
/// `0::/kubepods/pod1` (version 2) or `4:memory:/kubepods/pod1` (version 1).
fn limit_file(line: &str) -> Option<(&'static str, &str, &'static str)> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, group) = (fields.next()?, fields.next()?);
    if controllers.is_empty() {
        return Some(("/sys/fs/cgroup", group, "memory.max"));
    }
    let is_memory = controllers.split(',').any(|name| name == "memory");
    is_memory.then_some(("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"))
}

/// The group's directory and those above it. In a container the group's own
/// path is often not there, but then the mount is the group.
fn upwards(mount: &'static str, group: &str) -> impl Iterator<Item = PathBuf> {
    let dir = Path::new(mount).join(group.trim_start_matches('/'));
    std::iter::successors(Some(dir), |dir| dir.parent().map(Path::to_owned))
        .take_while(move |dir| dir.starts_with(mount))
}

const NO_LIMIT: u64 = 1 << 60;

#[cfg(test)]
mod tests {
    use super::*;

    /// One machine: its cgroup line, one limit file, and what follows.
    type Case = (&'static str, &'static str, &'static str, Option<u64>);

    #[test]
    fn the_smallest_limit_above_us_counts() {
        let cases: [Case; 6] = [
            ("0::/a/b", "/sys/fs/cgroup/a/b/memory.max", "1000\n", Some(1000)),
            ("0::/a/b", "/sys/fs/cgroup/a/memory.max", "1000\n", Some(1000)),
            ("0::/a/b", "/sys/fs/cgroup/memory.max", "1000\n", Some(1000)),
            ("0::/a/b", "/sys/fs/cgroup/a/memory.max", "max\n", None),
            ("4:cpu,memory:/x", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "7\n", Some(7)),
            (
                "4:memory:/x",
                "/sys/fs/cgroup/memory/x/memory.limit_in_bytes",
                "9223372036854771712\n",
                None,
            ),
        ];
        for (cgroup, file, content, limit) in cases {
            let read = |path: &Path| (path == Path::new(file)).then(|| content.to_owned());
            assert_eq!(smallest(cgroup, read), limit, "{cgroup} {file}");
        }
        assert_eq!(smallest("", |_| Some("1".to_owned())), None);
    }
}
