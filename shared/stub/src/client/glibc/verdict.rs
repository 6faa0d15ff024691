//! What glibc makes of the answers to a name, and of all names.

use crate::Outcome;
use crate::client::{Ending, Reply};
use crate::client::{NOERROR, NXDOMAIN, SERVFAIL};

/// What the names so far have brought (`res_h_errno` and what goes before it).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Verdict {
    last: Option<Outcome>,
    /// Of the name as it is, asked first.
    saved: Option<Outcome>,
    had_no_data: bool,
    had_servfail: bool,
}

impl Verdict {
    /// Notes how a name turned out.
    pub(super) const fn take(&mut self, outcome: Outcome, is_as_is: bool, is_first: bool) {
        self.last = Some(outcome);
        if is_as_is && is_first {
            self.saved = Some(outcome);
        } else if !is_as_is {
            self.had_no_data |= matches!(outcome, Outcome::NoData);
            self.had_servfail |= matches!(outcome, Outcome::ServFail);
        }
    }

    /// How the whole lookup ends.
    pub(super) fn ending(self) -> Ending {
        let Some(last) = self.last else { return Ending::Failed };
        let error = match (last, self.saved) {
            (Outcome::Answer, _) => return Ending::Resolved,
            // No server: the search ends at once.
            (Outcome::Unreachable, _) => last,
            (_, Some(saved)) => saved,
            _ if self.had_no_data => Outcome::NoData,
            _ if self.had_servfail => Outcome::ServFail,
            _ => last,
        };
        match error {
            Outcome::NoData | Outcome::NxDomain => Ending::Denied,
            _ => Ending::Failed,
        }
    }
}

/// `__res_context_query`: one of two answers stands for a missing other.
pub(super) fn judge(first: Option<Reply>, second: Option<Reply>) -> Outcome {
    let Some(one) = first.or(second) else { return Outcome::Timeout };
    let other = second.unwrap_or(one);
    let has_answers = |reply: &Reply| reply.rcode == NOERROR && reply.answers > 0;
    if has_answers(&one) || has_answers(&other) {
        return Outcome::Answer;
    }
    match if one.rcode == NOERROR { other.rcode } else { one.rcode } {
        NXDOMAIN => Outcome::NxDomain,
        SERVFAIL => Outcome::ServFail,
        NOERROR => Outcome::NoData,
        _ => Outcome::Refused,
    }
}
