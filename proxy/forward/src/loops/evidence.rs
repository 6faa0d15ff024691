//! What shows a loop.

/// What showed a loop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Evidence {
    /// The configuration of this node leads back to us.
    Config,
    /// A query carried the mark of this process in its options.
    HopOption,
    /// A question came again while it was in flight, and a probe sent after it
    /// came back too.
    InFlight,
    /// A query came out of a socket by which we ask an upstream.
    OwnSource,
    /// A probe, sent to one upstream only, came back.
    Probe,
    /// As `InFlight`, from the address of an upstream.
    UpstreamAsks,
}

impl Evidence {
    /// All, in the order of their index.
    pub const ALL: &[Self] = &[
        Self::Config,
        Self::HopOption,
        Self::InFlight,
        Self::OwnSource,
        Self::Probe,
        Self::UpstreamAsks,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The place in [`Evidence::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The metric label, and the name in the API.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::HopOption => "hop_option",
            Self::InFlight => "in_flight",
            Self::OwnSource => "own_source",
            Self::Probe => "probe",
            Self::UpstreamAsks => "upstream_asks",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_evidence_has_its_place() {
        for (index, evidence) in Evidence::ALL.iter().enumerate() {
            assert_eq!(evidence.index(), index);
        }
    }
}
