//! The names that a pod's stub resolver tries for one name.

use dns::Name;
use stub::{Library, Options, Outcome, ResolvConf, expand};

use crate::workload::Walk;

/// What decides the names of a walk.
#[derive(Clone, Debug)]
pub(crate) struct SearchPath {
    pub(crate) family: Library,
    pub(crate) conf: ResolvConf,
}

impl SearchPath {
    /// A pod's resolv.conf with this search list and `ndots`.
    pub(crate) fn new(family: Library, search: Vec<String>, ndots: u8) -> Self {
        let options = Options { ndots, ..Options::default() };
        Self { family, conf: ResolvConf { nameservers: Vec::new(), search, options } }
    }

    /// Returns all names that are tried when none has an address; a lookup
    /// ends at the first that has.
    ///
    /// # Errors
    ///
    /// When the library would not look the name up at all.
    pub(crate) fn walk(&self, name: &str) -> Result<Walk, String> {
        let asked = expand(self.family, &self.conf, name, |_| Outcome::NxDomain);
        if asked.is_empty() {
            return Err(format!("{name:?} is a name that no stub resolver looks up"));
        }
        asked
            .iter()
            .map(|name| Name::from_text(name).map_err(|error| format!("{name:?}: {error}")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_name_walks_the_whole_search_list() {
        let search = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"];
        let search = search.map(str::to_owned).to_vec();
        let path = SearchPath::new(Library::Glibc, search, 5);
        let names: Vec<_> = path
            .walk("www.example.com")
            .unwrap()
            .iter()
            .map(Name::to_string)
            .collect();
        assert_eq!(
            names,
            [
                "www.example.com.default.svc.cluster.local.",
                "www.example.com.svc.cluster.local.",
                "www.example.com.cluster.local.",
                "www.example.com."
            ]
        );
        assert_eq!(path.walk("www.example.com.").unwrap().len(), 1);
        assert!(path.walk("a..b").is_err());
    }
}
