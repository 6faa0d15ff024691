//! Why a filter cannot be meant.

/// Why a filter cannot be meant.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// Nobody.
    #[error(
        "{0:?} is no address, no range such as 10.0.0.0/8, and neither NAMESPACE/POD nor \
         NAMESPACE/KIND/NAME"
    )]
    Client(String),
    /// A pod or workload, where clients are addresses alone.
    #[error("{0}: this proxy knows clients by their addresses alone, as it asks no Kubernetes API")]
    Nameless(String),
    /// A pod or workload that is not there.
    #[error("{who} is no pod or workload that this proxy knows (the Kubernetes API: {state})")]
    Unknown {
        /// Who.
        who: String,
        /// How it stands with who would name it.
        state: &'static str,
    },
    /// No name, and no `*` in it.
    #[error("{0:?} is not a domain name")]
    Name(String),
    /// No response code.
    #[error("{0:?} is not a response code such as SERVFAIL")]
    Rcode(String),
    /// No type.
    #[error("{0:?} is not a record type such as AAAA")]
    Type(String),
}
