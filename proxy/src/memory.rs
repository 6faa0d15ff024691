//! The most memory that this process takes, part by part, beside the limit of its
//! cgroup.
//!
//! Each part is bounded by itself, so the sum is a bound as well: a client that fills
//! all of them does not have the process killed. The allocator and pages of files come
//! on top, for which the program's own part has room.

/// What may be taken, and how much there is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Budget {
    /// Octets that the cgroup has; none where it sets no limit.
    pub limit: Option<u64>,
    /// Octets of each part at most.
    pub parts: [Part; 6],
}

/// One part of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part {
    /// The metric label.
    pub label: &'static str,
    /// Octets.
    pub most: usize,
    /// The key that bounds it, if one does.
    pub key: Option<&'static str>,
}

impl Budget {
    /// Returns the sum of all parts, in octets.
    pub fn total(&self) -> usize {
        self.parts.iter().map(|part| part.most).sum()
    }

    /// Logs it; as a warning where it is more than there is, with the keys that make it
    /// less, the largest part first.
    pub fn log(&self) {
        let (total_mib, parts) = (mib(self.total()), self.show());
        let limit = self
            .limit
            .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        match limit {
            Some(limit) if self.total() > limit => {
                let limit_mib = mib(limit);
                let mut sorted = self.parts;
                sorted.sort_by_key(|part| std::cmp::Reverse(part.most));
                let keys: Vec<_> = sorted.iter().filter_map(|part| part.key).collect();
                let keys = keys.join(", ");
                tracing::warn!(
                    total_mib,
                    limit_mib,
                    parts,
                    keys,
                    "under a flood this process may need more memory than its cgroup has"
                );
            }
            limit => {
                let limit_mib = limit.map(mib);
                tracing::info!(total_mib, limit_mib, parts, "memory at most");
            }
        }
    }

    /// Writes the parts in a line.
    pub fn show(&self) -> String {
        let part = |part: &Part| format!("{} {} MiB", part.label, mib(part.most));
        self.parts.iter().map(part).collect::<Vec<_>>().join(", ")
    }
}

const fn mib(octets: usize) -> usize {
    octets.div_ceil(1 << 20)
}
