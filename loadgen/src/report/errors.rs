//! Errors of the system by name, with their counts.

use std::collections::BTreeMap;

use crate::recorder::Icmp;

/// Returns the name of an error number, such as `EPERM`.
pub(super) fn name(errno: i32) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == errno);
    known.map_or_else(|| format!("errno {errno}"), |(_, name)| (*name).to_owned())
}

/// Returns all of them in one line, such as `EPERM (5), ENOBUFS (1)`.
pub(super) fn list(errors: &BTreeMap<i32, u64>) -> String {
    let each = errors
        .iter()
        .map(|(errno, count)| format!("{} ({count})", name(*errno)));
    each.collect::<Vec<_>>().join(", ")
}

/// Returns the counts by name.
pub(super) fn by_name(errors: &BTreeMap<i32, u64>) -> BTreeMap<String, u64> {
    errors
        .iter()
        .map(|(errno, count)| (name(*errno), *count))
        .collect()
}

/// Returns the counts of ICMP messages by what they report.
pub(super) fn icmp_by_name(messages: &BTreeMap<Icmp, u64>) -> BTreeMap<String, u64> {
    let mut named = BTreeMap::new();
    for (icmp, count) in messages {
        *named.entry(icmp.meaning().to_owned()).or_default() += count;
    }
    named
}

/// Linux's numbers of those that a socket of ours can bring.
const NAMES: [(i32, &str); 25] = [
    (1, "EPERM"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (22, "EINVAL"),
    (23, "ENFILE"),
    (24, "EMFILE"),
    (32, "EPIPE"),
    (71, "EPROTO"),
    (89, "EDESTADDRREQ"),
    (90, "EMSGSIZE"),
    (92, "ENOPROTOOPT"),
    (98, "EADDRINUSE"),
    (99, "EADDRNOTAVAIL"),
    (100, "ENETDOWN"),
    (101, "ENETUNREACH"),
    (103, "ECONNABORTED"),
    (104, "ECONNRESET"),
    (105, "ENOBUFS"),
    (106, "EISCONN"),
    (107, "ENOTCONN"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (112, "EHOSTDOWN"),
    (113, "EHOSTUNREACH"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_called_by_their_names() {
        let errors = BTreeMap::from([(1, 5), (105, 1), (4000, 2)]);
        assert_eq!(list(&errors), "EPERM (5), ENOBUFS (1), errno 4000 (2)");
        let unreachable = |kind, code| Icmp { is_v6: false, kind, code };
        let icmp = BTreeMap::from([(unreachable(3, 13), 2), (unreachable(3, 9), 1)]);
        let prohibited = ("administratively prohibited".to_owned(), 3);
        assert_eq!(icmp_by_name(&icmp), BTreeMap::from([prohibited]));
    }
}
