//! The incidents, and what makes each.

use crate::world::{OTHER, POD_A, POD_B, POD_C, PROXY, RESOLVER_2, RESOLVER_3, UPSTREAM};

/// A name that exists, whole.
const GOOD: &str = "kubernetes.default.svc.cluster.local.";

/// What is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Incident {
    /// Nothing.
    None,
    /// Nothing: clients ask for much.
    Busy,
    /// Nothing: kube-proxy has had nothing to write for an hour.
    KubeProxyIdle,
    /// Nothing: each client mistypes a few names.
    Typos,
    UpstreamSilent,
    UpstreamServfail,
    UpstreamRefuses,
    /// What is over ten queries a second it drops.
    UpstreamDrops,
    /// What is over ten queries a second it refuses.
    UpstreamLimits,
    CorednsToUpstream,
    OnePodDead,
    OnePodSick,
    /// What one pod answers is dropped at the node.
    RepliesOfPodDropped,
    AllPodsDead,
    /// Their hosts are there, and no process.
    AllPodsKilled,
    NotSynced,
    StaleRules,
    StaleOneOfThree,
    /// The rules are right, and a client keeps an entry of old ones.
    StaleFlows,
    NoEndpoints,
    TcpDropped,
    /// Through the proxy of the node.
    Loop,
    LoopOfOne,
    LoopOfTwo,
    LoopOfFour,
    ConntrackFull,
    ConntrackFullOfUdp,
    /// Nothing: entries without a reply make room for others.
    ConntrackEvicts,
    /// In the namespace of a pod, which is its own.
    ConntrackOfPod,
    /// What the proxy answers one client is dropped half of the time.
    RepliesDropped,
    SocketOverflow,
    NamesInVain,
    OneWorkload,
    /// A storm of one client's search list, and CoreDNS with little CPU.
    Storm,
}

impl Incident {
    /// The Corefile of the server behind CoreDNS; none where it is silent.
    pub(crate) fn upstream(self) -> Option<String> {
        let answers = |rcode: &str| format!("template ANY ANY . {{\nrcode {rcode}\n}}\n");
        let block = |of: &str| format!(".:53 {{\nbind {{ip}}\n{of}}}\n");
        let refuses = format!(".:5353 {{\nbind {{ip}}\n{}}}\n", answers("REFUSED"));
        match self {
            Self::UpstreamSilent => None,
            Self::UpstreamServfail => Some(block(&answers("SERVFAIL"))),
            Self::UpstreamRefuses => Some(block(&answers("REFUSED"))),
            Self::UpstreamLimits => Some(block(&answers("NXDOMAIN")) + &refuses),
            Self::LoopOfTwo => Some(block(&forward(&format!("{POD_A} {POD_B}")))),
            Self::LoopOfFour => Some(block(&forward(RESOLVER_2))),
            Self::Storm | Self::Busy => {
                let exists =
                    "template IN A example.org {\nanswer \"{{ .Name }} 60 IN A 192.0.2.7\"\n}\n";
                Some(block(&(exists.to_owned() + &answers("NXDOMAIN"))))
            }
            _ => Some(block(&answers("NXDOMAIN"))),
        }
    }

    /// More resolvers, each with whom it forwards to.
    pub(crate) const fn resolvers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::LoopOfFour => &[(RESOLVER_2, RESOLVER_3), (RESOLVER_3, POD_A)],
            _ => &[],
        }
    }

    /// The addresses of CoreDNS pods.
    pub(crate) const fn all_pods(self) -> &'static [&'static str] {
        match self {
            Self::StaleOneOfThree => &[POD_A, POD_B, POD_C],
            _ => &[POD_A, POD_B],
        }
    }

    /// Those at which one runs.
    pub(crate) const fn pods(self) -> &'static [&'static str] {
        match self {
            Self::OnePodDead => &[POD_A],
            Self::AllPodsDead | Self::AllPodsKilled | Self::NoEndpoints => &[],
            _ => self.all_pods(),
        }
    }

    /// Whether what comes to a pod that does not run is dropped, as where its node is
    /// gone, and not refused.
    pub(crate) const fn drops(self) -> bool {
        !matches!(self, Self::AllPodsKilled)
    }

    /// Whether a proxy runs on the node.
    pub(crate) const fn has_proxy(self) -> bool {
        !self.lookups().is_empty() || matches!(self, Self::RepliesDropped)
    }

    /// What clients of the proxy look up, each from its own address: how often, and which
    /// name, where `N` is another number each time. All of them at once.
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
            Self::RepliesDropped => &[("127.0.0.3", 150, GOOD)],
            Self::Busy => &[
                ("127.0.0.2", 2_000, GOOD),
                ("127.0.0.3", 2_000, "kubernetes.default"),
                ("127.0.0.4", 300, "hN.example.org"),
                ("127.0.0.5", 300, "hN.example.org."),
            ],
            Self::Storm => &STORM,
            _ => &[],
        }
    }

    /// To whom CoreDNS forwards.
    pub(crate) const fn forwards_to(self) -> &'static str {
        match self {
            Self::Loop => PROXY,
            Self::LoopOfOne => "{ip}",
            _ => UPSTREAM,
        }
    }

    /// The rules of the node for the ClusterIP, as kube-proxy would make them.
    pub(crate) fn service(self) -> String {
        let backends: &[&str] = match self {
            Self::StaleRules => &[POD_A, OTHER],
            Self::StaleOneOfThree => &[POD_A, POD_B, OTHER],
            // Of the time before.
            Self::StaleFlows => &[OTHER],
            _ => &[POD_A, POD_B],
        };
        match self {
            Self::NoEndpoints => rules("filter", "output priority 0", "reject"),
            _ => lead_to(backends),
        }
    }

    /// Rules of a CoreDNS pod's host.
    pub(crate) fn of_pod(self, addr: &str) -> Option<String> {
        let rule = match self {
            Self::CorednsToUpstream => format!("hook output priority 0;\nip daddr {UPSTREAM} drop"),
            Self::TcpDropped => "hook input priority 0;\ntcp dport 53 drop".to_owned(),
            Self::OnePodSick if addr == POD_B => {
                "hook input priority 0;\nudp dport 53 numgen inc mod 4 < 3 drop".to_owned()
            }
            _ => return None,
        };
        Some(filter(&rule))
    }

    /// Rules of the upstream's host.
    pub(crate) fn of_upstream(self) -> Option<String> {
        let over = "udp dport 53 limit rate over 10/second burst 1 packets";
        match self {
            Self::UpstreamDrops => Some(filter(&format!("hook input priority 0;\n{over} drop"))),
            Self::UpstreamLimits => Some(format!(
                "table ip incident {{\nchain in {{\ntype nat hook prerouting priority -100;\n\
                 {over} redirect to :5353\n}}\n}}\n"
            )),
            _ => None,
        }
    }

    /// Rules of the node beside those of the Service.
    pub(crate) fn of_node(self) -> Option<String> {
        let rule = match self {
            Self::RepliesOfPodDropped => format!("ip saddr {POD_B} udp sport 53 drop"),
            // Past the proxy's send, which would notice.
            Self::RepliesDropped => {
                "ip daddr 127.0.0.2 udp sport 53 numgen inc mod 2 < 1 drop".to_owned()
            }
            _ => return None,
        };
        Some(filter(&format!("hook input priority 0;\n{rule}")))
    }
}

/// The rules of a Service with these endpoints, each for the same share of flows.
pub(crate) fn lead_to(backends: &[&str]) -> String {
    let map: Vec<_> = (0..)
        .zip(backends)
        .map(|(n, to): (usize, _)| format!("{n} : {to}"))
        .collect();
    let to = format!("dnat to numgen inc mod {} map {{ {} }}", backends.len(), map.join(", "));
    rules("nat", "output priority -100", &to)
}

pub(crate) fn forward(to: &str) -> String {
    format!("forward . {to} {{\nmax_concurrent 1000\n}}\n")
}

fn rules(kind: &str, hook: &str, action: &str) -> String {
    format!(
        "table ip service {{\n chain output {{\n type {kind} hook {hook};\n \
         ip daddr 10.96.0.10 udp dport 53 {action}\n ip daddr 10.96.0.10 tcp dport 53 {action}\n }}\n}}\n"
    )
}

fn filter(rule: &str) -> String {
    format!("table inet incident {{\nchain incident {{\ntype filter {rule}\n}}\n}}\n")
}

/// Sixteen threads of one program, beside a client that asks for little.
const STORM: [(&str, u16, &str); 17] = {
    let mut rows = [("127.0.0.2", 40, "hN.example.org"); 17];
    rows[16] = ("127.0.0.3", 20, GOOD);
    rows
};
