//! The incidents, and what makes each.

use crate::world::{POD_A, POD_B, PROXY, UPSTREAM};

/// A name that exists, whole.
const GOOD: &str = "kubernetes.default.svc.cluster.local.";

/// What is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Incident {
    None,
    UpstreamSilent,
    UpstreamServfail,
    UpstreamRefuses,
    CorednsToUpstream,
    OnePodDead,
    AllPodsDead,
    StaleRules,
    NoEndpoints,
    TcpDropped,
    Loop,
    ConntrackFull,
    NamesInVain,
    OneWorkload,
    Typos,
}

impl Incident {
    /// The Corefile of the server behind CoreDNS; none where it is silent.
    pub(crate) const fn upstream(self) -> Option<&'static str> {
        match self {
            Self::UpstreamSilent => None,
            Self::UpstreamServfail => {
                Some(".:53 {\nbind {ip}\ntemplate ANY ANY . {\nrcode SERVFAIL\n}\n}\n")
            }
            Self::UpstreamRefuses => {
                Some(".:53 {\nbind {ip}\ntemplate ANY ANY . {\nrcode REFUSED\n}\n}\n")
            }
            _ => Some(".:53 {\nbind {ip}\ntemplate ANY ANY . {\nrcode NXDOMAIN\n}\n}\n"),
        }
    }

    /// The addresses at which a CoreDNS pod runs.
    pub(crate) const fn pods(self) -> &'static [&'static str] {
        match self {
            Self::OnePodDead => &[POD_A],
            Self::AllPodsDead | Self::NoEndpoints => &[],
            _ => &[POD_A, POD_B],
        }
    }

    /// Whether a proxy runs on the node.
    pub(crate) const fn has_proxy(self) -> bool {
        matches!(self, Self::Loop | Self::NamesInVain | Self::OneWorkload | Self::Typos)
    }

    /// What clients of the proxy look up, each from its own address: how often, and which
    /// name, where `N` is another number each time.
    pub(crate) const fn lookups(self) -> &'static [(&'static str, u16, &'static str)] {
        match self {
            Self::Loop => &[("127.0.0.2", 1, "web.example.com")],
            Self::NamesInVain => &[("127.0.0.2", 150, "databse.shop"), ("127.0.0.3", 150, GOOD)],
            // A few of each are no storm of one.
            Self::Typos => &[
                ("127.0.0.2", 20, "databse.shop"),
                ("127.0.0.2", 150, GOOD),
                ("127.0.0.3", 20, "chekout.shop"),
                ("127.0.0.3", 150, GOOD),
            ],
            Self::OneWorkload => {
                &[("127.0.0.2", 150, "hN.broken.example"), ("127.0.0.3", 150, GOOD)]
            }
            _ => &[],
        }
    }

    /// To whom CoreDNS forwards.
    pub(crate) const fn forwards_to(self) -> &'static str {
        match self {
            Self::Loop => PROXY,
            _ => UPSTREAM,
        }
    }

    /// The rules of the node for the ClusterIP, as kube-proxy would make them.
    pub(crate) fn service(self) -> String {
        let second = if self == Self::StaleRules { "10.90.0.77" } else { POD_B };
        let to = format!("dnat to numgen inc mod 2 map {{ 0 : {POD_A}, 1 : {second} }}");
        let action = if self == Self::NoEndpoints { "reject".to_owned() } else { to };
        let (kind, hook) = match self {
            Self::NoEndpoints => ("filter", "output priority 0"),
            _ => ("nat", "output priority -100"),
        };
        format!(
            "table ip service {{\n chain output {{\n type {kind} hook {hook};\n \
             ip daddr 10.96.0.10 udp dport 53 {action}\n ip daddr 10.96.0.10 tcp dport 53 {action}\n }}\n}}\n"
        )
    }

    /// Rules of each CoreDNS pod's host.
    pub(crate) fn of_pods(self) -> Option<String> {
        let rule = match self {
            Self::CorednsToUpstream => format!("hook output priority 0;\nip daddr {UPSTREAM} drop"),
            Self::TcpDropped => "hook input priority 0;\ntcp dport 53 drop".to_owned(),
            _ => return None,
        };
        Some(format!("table inet pod {{\nchain pod {{\ntype filter {rule}\n}}\n}}\n"))
    }
}
