//! What upstreams are asked more than once for each question.

/// What an upstream was asked more, or was not yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RetryKind {
    /// A copy of a question, to see how an upstream is.
    Check,
    /// A second upstream was asked early.
    Hedge,
    /// It was above the budget, and waited.
    Held,
    /// It was sent.
    Sent,
}

impl RetryKind {
    /// All, in the order of their index.
    pub const ALL: &[Self] = &[Self::Check, Self::Hedge, Self::Held, Self::Sent];

    /// The place in a table of counters.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Hedge => "hedge",
            Self::Held => "held",
            Self::Sent => "sent",
        }
    }
}
