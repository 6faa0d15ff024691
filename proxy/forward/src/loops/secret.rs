//! What only this process can write: keyed hashes in the names of probes and in the
//! marks of queries. A number of the process would do for a loop, but zones that are
//! asked see it, and could send it back.

use std::hash::{BuildHasher as _, RandomState};

use dns::{Name, Rtype};

/// Keys that no other process has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secret {
    /// `SipHash` with random keys: made so that hashes tell nothing about others.
    keys: RandomState,
}

impl Secret {
    /// Returns what is in the name of the probe with this random number below `name`.
    pub(crate) fn of_probe(&self, nonce: u64, name: &Name) -> u64 {
        self.keys.hash_one((PROBE, nonce, name.folded().as_wire()))
    }

    /// Returns the mark of a question.
    pub(crate) fn of_question(&self, qname: &Name, qtype: Rtype) -> u64 {
        self.keys
            .hash_one((QUESTION, qname.folded().as_wire(), qtype.0))
    }
}

/// Keeps the two kinds apart.
const PROBE: u8 = 1;
const QUESTION: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_one_question_and_one_process() {
        let secret = Secret::default();
        let name = |text: &str| Name::from_text(text).unwrap();
        let mark = secret.of_question(&name("web.test."), Rtype::A);
        assert_eq!(mark, secret.of_question(&name("WEB.test."), Rtype::A));
        assert_ne!(mark, secret.of_question(&name("web.test."), Rtype::AAAA));
        assert_ne!(mark, secret.of_question(&name("web2.test."), Rtype::A));
        assert_ne!(mark, Secret::default().of_question(&name("web.test."), Rtype::A));
        assert_ne!(secret.of_probe(1, &name("test.")), secret.of_probe(2, &name("test.")));
    }
}
