//! What a lookup was, seen from its end.

use super::candidate::Candidate;
use crate::lookup::outcome::{End, Step};
use crate::lookup::search::Search;
use crate::wire::{dots, ends_with};

/// What the ends of lookups depend on.
#[derive(Clone, Copy)]
pub(crate) struct LookupRules<'a> {
    /// The cluster's domain in wire form and lower case.
    pub(crate) cluster_domain: &'a [u8],
    pub(crate) search: &'a Search,
}

impl LookupRules<'_> {
    /// Says how the lookup of `base` ended if it was found; `otherwise` if not.
    pub(super) fn end(
        &self,
        base: &[u8],
        searched: bool,
        found: Option<Step>,
        otherwise: End,
    ) -> End {
        let is_of_cluster = self.is_of_cluster(base);
        match found {
            None if otherwise == End::Failed => End::Failed,
            _ if is_of_cluster && searched => End::FqdnNoDot,
            Some(Step::Absolute) if !is_of_cluster => End::External,
            Some(_) => End::Cluster,
            None => otherwise,
        }
    }

    /// Says whether a wildcard answered for another name.
    pub(super) fn is_captured(&self, base: &[u8], found: Option<Step>) -> bool {
        match found {
            Some(Step::Suffix(place)) if dots(base) > 0 => {
                let domain = self.search.domains.get(usize::from(place));
                domain.is_some_and(|domain| !ends_with(domain, self.cluster_domain))
            }
            _ => false,
        }
    }

    fn is_of_cluster(&self, base: &[u8]) -> bool {
        base != self.cluster_domain && ends_with(base, self.cluster_domain)
    }

    /// Says how the lookup of `base` ended that found it with its first query.
    pub(crate) fn found(&self, base: &[u8], candidate: &Candidate) -> Ending {
        let at = Some(candidate.at);
        let searched = candidate.at != Step::Absolute;
        Ending {
            at: candidate.at,
            end: self.end(base, searched, at, End::Failed),
            partial: candidate.is_partial(),
            captured: self.is_captured(base, at),
        }
    }
}

/// How a lookup ended that found its name with its first query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) at: Step,
    /// See [`Lookup`](super::super::Lookup), as the next two.
    pub(crate) end: End,
    pub(crate) partial: bool,
    pub(crate) captured: bool,
}
