//! What is forwarded where, and within which bounds.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::TlsServer;
use dns::Name;
use observe::Transport;
use resolver::CacheConfig;

/// What to forward where, and within which bounds.
#[derive(Clone, Debug)]
pub struct ForwardConfig {
    /// Zones; the longest suffix that holds a name wins.
    pub zones: Vec<ForwardZone>,
    /// The longest that a client waits, from its query's arrival. Under the
    /// five seconds after which glibc asks again.
    pub deadline: Duration,
    /// Questions that may be in flight.
    pub max_inflight: usize,
    /// Clients that may wait for one question.
    pub max_waiters: usize,
    /// Questions a second that each client may have asked upstream; none for any.
    pub client_rate: Option<NonZeroU32>,
    /// How what upstreams say is kept.
    pub cache: CacheConfig,
    /// Queries to upstreams in the cluster carry our mark.
    pub hop_option: bool,
    /// `SO_MARK` of what is sent to pods, for rules that exempt it from connection
    /// tracking.
    pub pod_mark: Option<u32>,
}

/// Names that are forwarded to the same upstreams.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ForwardZone {
    /// The zone's own name; the root takes everything.
    pub suffix: Name,
    /// 1 to 32 servers; with pods, the last to be asked.
    pub upstreams: Vec<SocketAddr>,
    /// The pods behind `upstreams`, where they are known.
    pub pods: ZonePods,
    /// Over what the first try goes. UDP turns to TCP when it has to.
    pub transport: Transport,
    /// Who they have to prove to be, where connections are under TLS. Then `transport` is
    /// TCP, and nothing is asked over UDP.
    pub tls: Option<TlsServer>,
    /// Whether they stand in this cluster and may see our mark.
    pub cluster: bool,
}

/// The pods of a Service, which are asked before its own address.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ZonePods {
    /// Those that share the questions.
    pub ready: Vec<SocketAddr>,
    /// Asked in this order when none of the others is well.
    pub others: Vec<SocketAddr>,
}

impl ForwardZone {
    /// The zone of all names, asked over UDP, outside the cluster.
    pub fn root(upstreams: Vec<SocketAddr>) -> Self {
        let (suffix, transport) = (Name::ROOT, Transport::Udp);
        let pods = ZonePods::default();
        Self { suffix, upstreams, pods, transport, tls: None, cluster: false }
    }
}

impl ForwardConfig {
    /// The bounds where the configuration has none, for these zones.
    pub fn of(zones: Vec<ForwardZone>, cache: CacheConfig) -> Self {
        Self {
            zones,
            deadline: Self::DEADLINE,
            max_inflight: Self::MAX_INFLIGHT,
            max_waiters: Self::MAX_WAITERS,
            client_rate: None,
            cache,
            hop_option: false,
            pod_mark: None,
        }
    }

    /// The longest that a client waits, if nothing else was said.
    pub const DEADLINE: Duration = Duration::from_secs(4);

    /// Questions in flight if nothing else was said: some 10 MiB, and at an
    /// upstream that is silent for the whole deadline 2,000 misses a second.
    pub const MAX_INFLIGHT: usize = 8192;

    /// Clients per question if nothing else was said: ten times the pods that
    /// a node holds.
    pub const MAX_WAITERS: usize = 1024;
}
