//! A script that plays a cluster's CoreDNS and the Internet behind it.

use std::fmt::Write as _;
use std::time::Duration;

use crate::rule::Rule;
use crate::script::Script;
use crate::zone::{Flags, Zone};

/// The Services that exist, as `name.namespace`; all else below
/// `cluster.local.` is NXDOMAIN.
pub const SERVICES: [&str; 12] = [
    "kubernetes.default",
    "web.default",
    "api.default",
    "cart.shop",
    "checkout.shop",
    "catalog.shop",
    "payments.shop",
    "redis.shop",
    "postgres.data",
    "kafka.data",
    "prometheus.monitoring",
    "kube-dns.kube-system",
];

/// How long CoreDNS takes for a name of the cluster.
pub const CLUSTER_DELAY: Duration = Duration::from_micros(500);
/// How long an external name takes.
pub const EXTERNAL_DELAY: Duration = Duration::from_millis(20);

/// Plays CoreDNS and the Internet.
///
/// [`SERVICES`] have an A record of TTL 30, as kubeadm's Corefile gives, with
/// AA=1 and RA=0; the rest of `cluster.local.` is NXDOMAIN with a SOA. The
/// search domain a cloud adds (`internal.`) is NXDOMAIN too. Any other name has
/// an A record, [`crate::synthetic_address`], and no AAAA, with AA=0 and RA=1.
pub fn kubernetes() -> Script {
    let mut records = String::new();
    for (service, host) in SERVICES.iter().zip(1_u8..) {
        // Writing to a String cannot fail.
        writeln!(records, "{service}.svc 30 A 10.96.0.{host}").unwrap_or_default();
    }
    Script::new()
        .zone(Zone::new("cluster.local.").records(&records))
        .zone(
            Zone::new("internal.")
                .flags(Flags::RECURSIVE)
                .negative_ttl(60),
        )
        .zone(
            Zone::new(".")
                .flags(Flags::RECURSIVE)
                .negative_ttl(60)
                .synthesize(60),
        )
        .rule(Rule::on("cluster.local.").delay(CLUSTER_DELAY))
        .rule(Rule::any().delay(EXTERNAL_DELAY))
}
