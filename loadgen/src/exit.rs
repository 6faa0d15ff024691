//! Exit codes: one meaning each, for scripts and CI.

/// How a run, or the attempt at one, ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// All expectations were met.
    Passed,
    /// The system failed us, such as no socket or no report file.
    RunError,
    /// An expectation was not met, or there was no answer at all.
    Failed,
    /// The run is no measurement of the server: we were late, or shed load.
    Invalid,
    /// The situation did not occur that the scenario is about.
    NotReproduced,
    /// The stop file, the lease, the guard or a stop condition ended it; what was measured so far was reported.
    Halted,
    /// Something that a load left in the kernel could not be removed.
    NotClean,
    /// The command line is wrong.
    Usage,
    /// The guard refused the target.
    Refused,
    /// The scenario file is wrong.
    Scenario,
    /// A signal ended it; what was measured so far was reported.
    Signal(u8),
}

impl Exit {
    /// Returns the exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::RunError => 1,
            Self::Failed => 2,
            Self::Invalid => 3,
            Self::NotReproduced => 4,
            Self::Halted => 5,
            Self::NotClean => 6,
            Self::Usage => 64,
            Self::Refused => 77,
            Self::Scenario => 78,
            // As a shell reports it.
            Self::Signal(signal) => 128_u8.saturating_add(signal),
        }
    }

    /// Returns the one that counts when both apply: our own fault hides what
    /// is wrong with the server, and both hide success. A server that met what was
    /// expected in a situation that did not occur has shown nothing.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let rank = |exit: Self| match exit {
            Self::Passed => 0,
            Self::RunError => 1,
            Self::Failed => 2,
            Self::NotReproduced => 3,
            Self::Invalid => 4,
            _ => 5,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_wins() {
        assert_eq!(Exit::Failed.worse(Exit::Invalid), Exit::Invalid);
        assert_eq!(Exit::Invalid.worse(Exit::Failed), Exit::Invalid);
        assert_eq!(Exit::Failed.worse(Exit::NotReproduced).code(), 4);
        assert_eq!(Exit::NotReproduced.worse(Exit::Invalid).code(), 3);
        assert_eq!(Exit::Passed.worse(Exit::Failed), Exit::Failed);
        assert_eq!(Exit::Invalid.worse(Exit::Signal(2)).code(), 130);
    }
}
