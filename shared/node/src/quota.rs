//! How often the CPU quota of a pod held it back (cgroups(7), `cpu.stat`).

use std::path::{Path, PathBuf};

/// The cgroups of one pod that have a quota: its own and those of its containers.
#[derive(Clone, Debug, Default)]
pub struct Quota {
    files: Vec<PathBuf>,
}

/// Periods of the quota of a group since it was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Periods {
    /// Those in which something ran.
    pub all: u64,
    /// Those in which the quota was used up.
    pub throttled: u64,
}

impl Quota {
    /// Finds the groups of a pod below `root`, by the uid of the pod: `pod<uid>`, or with
    /// systemd `kubepods-<class>-pod<uid>.slice` with `_` for `-`. Both versions of cgroups
    /// have a file `cpu.stat` in each; that of one without a quota has no periods.
    #[must_use]
    pub fn find(root: &Path, uid: &str) -> Self {
        let names = [format!("pod{uid}"), format!("pod{}.slice", uid.replace('-', "_"))];
        let mut files = Vec::new();
        // Folders to look into, with their depth, and whether they are the pod's.
        let mut open = vec![(root.to_owned(), 0, false)];
        let mut looked = 0;
        while let Some((folder, depth, is_of_pod)) = open.pop() {
            looked += 1;
            if is_of_pod {
                files.push(folder.join("cpu.stat"));
            }
            if depth >= DEEPEST || looked >= MOST {
                continue;
            }
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if is_folder {
                    let is_pod = names.iter().any(|pod| name.ends_with(pod.as_str()));
                    open.push((entry.path(), depth + 1, is_of_pod || is_pod));
                }
            }
        }
        files.retain(|file| file.exists());
        files.sort();
        Self { files }
    }

    /// Whether no group was found: the pod is of another node, or the groups are not seen.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The periods of each group now.
    #[must_use]
    pub fn read(&self) -> Vec<Periods> {
        let read = |file: &PathBuf| std::fs::read_to_string(file).unwrap_or_default();
        self.files
            .iter()
            .map(|file| Periods::parse(&read(file)))
            .collect()
    }
}

impl Periods {
    /// Parses a `cpu.stat`.
    #[must_use]
    pub fn parse(stat: &str) -> Self {
        let count = |name: &str| {
            let mut lines = stat.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            value.unwrap_or_default()
        };
        Self { all: count("nr_periods "), throttled: count("nr_throttled ") }
    }

    /// What was added since `before`; nothing where the container was started anew.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            all: self.all.saturating_sub(before.all),
            throttled: self.throttled.saturating_sub(before.throttled),
        }
    }
}

/// Controller, classes of the kubelet, pod, container, with room for one level above them.
const DEEPEST: u32 = 8;

/// Folders that are looked into: those of some hundreds of pods with each controller.
const MOST: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_a_pod_are_found_by_its_uid() {
        let dir = tempfile::tempdir().unwrap();
        let uid = "0a1b-22";
        let groups = [
            "cpu/kubepods/burstable/pod0a1b-22/c1",
            "cpu/kubepods/burstable/pod9999-22/c2",
            "kubepods.slice/kubepods-pod0a1b_22.slice/cri-c3.scope",
        ];
        for group in groups {
            let group = dir.path().join(group);
            std::fs::create_dir_all(&group).unwrap();
            let stat = "nr_periods 40\nnr_throttled 12\nthrottled_time 5\n";
            std::fs::write(group.join("cpu.stat"), stat).unwrap();
        }
        let quota = Quota::find(dir.path(), uid);
        assert!(!quota.is_empty());
        assert_eq!(quota.read(), [Periods { all: 40, throttled: 12 }; 2]);
        assert!(Quota::find(dir.path(), "0a1b-23").is_empty());
        assert!(Quota::find(&dir.path().join("none"), uid).is_empty());
    }

    #[test]
    fn periods_are_those_since_an_earlier_reading() {
        let of = |text| Periods::parse(text);
        let v2 = of("usage_usec 9\nnr_periods 10\nnr_throttled 4\nthrottled_usec 7\n");
        assert_eq!(v2, Periods { all: 10, throttled: 4 });
        assert_eq!(v2.since(Periods { all: 4, throttled: 1 }), Periods { all: 6, throttled: 3 });
        assert_eq!(v2.since(Periods { all: 90, throttled: 9 }), Periods::default());
        assert_eq!(of("usage_usec 9\n"), Periods::default());
    }
}
