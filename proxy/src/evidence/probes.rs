//! The probes: to whom, for what, how many, how fast.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use diagnose::{Evidence, KnownName, Server, Service, Tries};
use tokio::task::JoinSet;
use tokio::time::interval;

use super::ask;
use super::asks::{Asks, Record, internal};
use super::cluster::Known;
use crate::cli::EvidenceArgs;

/// Whom to probe.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets {
    /// The DNS Service.
    pub(super) service: Option<SocketAddr>,
    /// Each CoreDNS pod.
    pub(super) coredns: Vec<SocketAddr>,
    /// Servers behind CoreDNS.
    pub(super) upstreams: Vec<SocketAddr>,
    /// Names that each CoreDNS pod has, if it follows the API.
    pub(super) names: Vec<Record>,
}

impl Targets {
    /// Those of the flags, then those of the Kubernetes API; without a Service, the servers
    /// that the proxy asks for names of the cluster, and for others.
    pub(super) fn of(
        args: &EvidenceArgs,
        known: &Known,
        [cluster, others]: [Vec<SocketAddr>; 2],
    ) -> Self {
        let targets = Self {
            service: args.service,
            coredns: args.coredns.clone(),
            upstreams: args.upstream.clone(),
            names: known.names.clone(),
        };
        if targets.service.is_some() || !targets.coredns.is_empty() || !targets.upstreams.is_empty()
        {
            return targets;
        }
        if known.service.is_some() || !known.pods.is_empty() {
            let coredns = known.pods.iter().map(|(addr, ..)| *addr).collect();
            let upstreams = known.upstreams.clone();
            return Self { service: known.service, coredns, upstreams, ..targets };
        }
        let mut cluster = cluster.into_iter();
        let service = cluster.next();
        Self { service, coredns: cluster.collect(), upstreams: others, ..targets }
    }

    /// Leaves out what would be too many packets; returns how many that are.
    pub(super) fn leave_out(&mut self) -> Option<String> {
        let cut = |servers: &mut Vec<SocketAddr>, most: usize| {
            let all = servers.len();
            servers.truncate(most);
            (all - servers.len(), all)
        };
        let (pods, all_pods) = cut(&mut self.coredns, MOST_PODS);
        let (upstreams, all_upstreams) = cut(&mut self.upstreams, MOST_UPSTREAMS);
        (pods + upstreams > 0).then(|| {
            format!(
                "{pods} of {all_pods} CoreDNS pods and {upstreams} of {all_upstreams} upstreams"
            )
        })
    }

    /// Everybody behind whom there is an upstream.
    fn through(&self) -> Vec<SocketAddr> {
        match self.coredns.is_empty() {
            true => self.service.into_iter().collect(),
            false => self.coredns.clone(),
        }
    }
}

/// What one server is asked.
#[derive(Clone, Debug)]
struct Plan {
    server: SocketAddr,
    udp: u32,
    tcp: u32,
    asks: Asks,
    pace: Duration,
}

/// Probes all of them side by side, each at its pace. Returns the ports from which the
/// Service was asked.
pub(super) async fn run(
    targets: &Targets,
    args: &EvidenceArgs,
    evidence: &mut Evidence,
) -> Vec<SocketAddr> {
    let always = internal(&args.cluster_domain);
    let internal = Asks::Internal(always, Vec::new());
    let known = Asks::Internal(always, targets.names.clone());
    let external = Asks::Fresh(args.external);
    let plan = |server: &SocketAddr, udp, tcp, asks: &Asks| Plan {
        server: *server,
        udp,
        tcp,
        asks: asks.clone(),
        pace: PACE,
    };
    let all = |servers: &[SocketAddr], udp, tcp, asks: &Asks| {
        servers
            .iter()
            .enumerate()
            .map(|(n, server)| plan(server, udp, if n < TCP_SERVERS { tcp } else { 0 }, asks))
            .collect::<Vec<_>>()
    };
    let service = targets.service.as_ref();
    let service: Vec<_> = service
        .map(|addr| plan(addr, flows(targets.coredns.len()), TCP, &internal))
        .into_iter()
        .collect();
    let pods = targets.coredns.len();
    let groups = [
        service,
        all(&targets.coredns, share(POD_BUDGET, pods, PODS), TCP, &known),
        all(&targets.upstreams, share(POD_BUDGET, targets.upstreams.len(), PODS), 0, &external),
        all(&targets.through(), share(THROUGH_BUDGET, pods, THROUGH), 0, &external),
    ];
    let [service, coredns, upstreams, through] = probe(groups).await;
    let servers = |probed: Vec<Probed>| {
        (!probed.is_empty()).then(|| probed.into_iter().map(Server::from).collect::<Vec<_>>())
    };
    (evidence.coredns, evidence.upstreams) = (servers(coredns), servers(upstreams));
    evidence.through = servers(through);
    ask_slowly(evidence.upstreams.iter_mut().flatten(), &external).await;
    let Some(Probed { server, udp, tcp, ports, .. }) = service.into_iter().next() else {
        return Vec::new();
    };
    evidence.service = Some(Service { addr: Some(server), udp, tcp, ..Service::default() });
    ports
}

/// Asks those that lost probes again, so slowly that no limit of their rate is met.
async fn ask_slowly(servers: impl Iterator<Item = &mut Server>, asks: &Asks) {
    let mut servers: Vec<_> = servers.filter(|server| server.udp.failed() > 0).collect();
    let plan = |server: &&mut Server| {
        let (server, asks) = (server.addr?, asks.clone());
        Some(Plan { server, udp: SLOW_ONES, tcp: 0, asks, pace: SLOW_PACE })
    };
    let plans = servers.iter().filter_map(plan).collect();
    let [probed] = probe([plans]).await;
    for (server, probed) in servers.iter_mut().zip(probed) {
        server.paced = probed.udp;
    }
}

/// What probes of one server met.
struct Probed {
    server: SocketAddr,
    udp: Tries,
    tcp: Tries,
    ports: Vec<SocketAddr>,
    known: Vec<KnownName>,
}

impl From<Probed> for Server {
    fn from(probed: Probed) -> Self {
        let Probed { server, udp, tcp, known, .. } = probed;
        let name = server.to_string();
        Self { name, addr: Some(server), udp, tcp, known, ..Self::default() }
    }
}

/// Probes groups of servers; the order within a group stays. Servers are probed side by
/// side, what one server is asked for comes one after the other.
async fn probe<const N: usize>(groups: [Vec<Plan>; N]) -> [Vec<Probed>; N] {
    let mut servers: BTreeMap<SocketAddr, Vec<(usize, usize, Plan)>> = BTreeMap::new();
    for (group, plans) in groups.into_iter().enumerate() {
        for (n, plan) in plans.into_iter().enumerate() {
            servers
                .entry(plan.server)
                .or_default()
                .push((group, n, plan));
        }
    }
    let mut set = JoinSet::new();
    for plans in servers.into_values() {
        set.spawn(async move {
            let mut done = Vec::new();
            for (group, n, plan) in plans {
                done.push((group, n, plan.run().await));
            }
            done
        });
    }
    let mut done: Vec<_> = set.join_all().await.into_iter().flatten().collect();
    done.sort_by_key(|(group, n, _)| (*group, *n));
    let mut groups = [const { Vec::new() }; N];
    for (group, _, probed) in done {
        if let Some(group) = groups.get_mut(group) {
            group.push(probed);
        }
    }
    groups
}

impl Plan {
    async fn run(self) -> Probed {
        let mut pace = interval(self.pace);
        let mut set = JoinSet::new();
        for number in 0..self.udp {
            pace.tick().await;
            let (server, (question, record)) = (self.server, self.asks.question(number));
            set.spawn(async move {
                let mut tries = Tries::default();
                let asked = ask::udp(server, &question, &mut tries).await;
                let known = record.and_then(|record| record.known(&asked.answer?));
                (tries, Tries::default(), asked.from, known)
            });
        }
        for _ in 0..self.tcp {
            pace.tick().await;
            let (server, (question, _)) = (self.server, self.asks.question(0));
            set.spawn(async move {
                let mut tries = Tries::default();
                ask::tcp(server, &question, &mut tries).await;
                (Tries::default(), tries, None, None)
            });
        }
        let mut probed = Probed {
            server: self.server,
            udp: Tries::default(),
            tcp: Tries::default(),
            ports: Vec::new(),
            known: Vec::new(),
        };
        for (udp, tcp, port, known) in set.join_all().await {
            probed.udp.add(&udp);
            probed.tcp.add(&tcp);
            probed.ports.extend(port);
            probed.known.extend(known);
        }
        // In no order of answers, so that the same evidence is the same.
        probed.known.sort_by(|one, other| one.name.cmp(&other.name));
        probed
    }
}

/// Between two probes of one server: fifty a second.
const PACE: Duration = Duration::from_millis(20);

/// The pace of those who lost probes: two a second, which no server limits.
const SLOW_PACE: Duration = Duration::from_millis(500);

/// Slow probes: all together take two seconds.
const SLOW_ONES: u32 = 4;

/// What each of so many servers gets of a budget: at most `most`, and at least what a
/// verdict of a server needs.
fn share(budget: u32, servers: usize, most: u32) -> u32 {
    let servers = u32::try_from(servers).unwrap_or(u32::MAX).max(1);
    (budget / servers).clamp(most.min(3), most)
}

/// Flows to a Service with so many endpoints: one that is dead is missed by all of them
/// once in a thousand runs, for up to seven.
fn flows(endpoints: usize) -> u32 {
    // ln 0.001 / ln(1 - 1/n) is a little less than 7 n.
    u32::try_from(endpoints * 7).map_or(MOST_FLOWS, |count| count.clamp(SERVICE, MOST_FLOWS))
}

/// Flows to the Service at least.
const SERVICE: u32 = 20;

/// With them a run is within 300 packets.
const MOST_FLOWS: u32 = 50;

/// Pods and upstreams that are probed at most, for the same.
const MOST_PODS: usize = 12;
const MOST_UPSTREAMS: usize = 4;

/// Pods that are asked over TCP as well: a connection is some five packets.
const TCP_SERVERS: usize = 4;

/// Probes of all pods together, of all upstreams, and through all pods.
const POD_BUDGET: u32 = 40;
const THROUGH_BUDGET: u32 = 20;

/// Probes of each pod and each upstream.
const PODS: u32 = 10;

/// Probes through each pod.
const THROUGH: u32 = 5;

/// Connections to each.
const TCP: u32 = 3;

#[cfg(test)]
mod tests {
    use console::api::{UpstreamPage, evidence};
    use dns::Name;
    use observe::{ObserveConfig, Observer};
    use resolver::Moment;

    use super::*;

    fn addr(n: u8) -> SocketAddr {
        ([10, 0, 0, n], 53).into()
    }

    fn args(flags: &[&str]) -> EvidenceArgs {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct Flags {
            #[command(flatten)]
            diagnose: EvidenceArgs,
        }
        Flags::try_parse_from(["diagnose"].iter().chain(flags))
            .unwrap()
            .diagnose
    }

    #[test]
    fn targets_are_those_of_the_flags_or_of_the_proxy() {
        let [root, cluster] = [".", "cluster.local."].map(|name| Name::from_text(name).unwrap());
        let known = [(addr(1), vec![root]), (addr(2), vec![cluster]), (addr(3), vec![cluster])];
        let of = |flags: &[&str], known: &[(SocketAddr, Vec<Name>)]| {
            let observer =
                Observer::new(ObserveConfig::default(), &[], known.len(), Moment::default());
            let page = UpstreamPage::of(&observer, known);
            let known = evidence::by_cluster(&page, &cluster)
                .map(|views| views.into_iter().map(|view| view.upstream).collect());
            let Targets { service, coredns, upstreams, .. } =
                Targets::of(&args(flags), &Known::default(), known);
            (service, coredns, upstreams)
        };
        assert_eq!(of(&[], &known), (Some(addr(2)), vec![addr(3)], vec![addr(1)]));
        assert_eq!(of(&[], &known[..1]), (Some(addr(1)), vec![], vec![]));
        assert_eq!(of(&[], &[]), (None, vec![], vec![]));
        assert_eq!(of(&["--upstream", "10.0.0.9"], &known), (None, vec![], vec![addr(9)]));
        let api = Known {
            service: Some(addr(5)),
            pods: vec![(addr(6), "coredns-a".to_owned(), true)],
            upstreams: vec![addr(7)],
            ..Known::default()
        };
        let Targets { service, coredns, .. } = Targets::of(&args(&[]), &api, [vec![], vec![]]);
        assert_eq!((service, coredns), (Some(addr(5)), vec![addr(6)]));
    }

    #[test]
    fn many_servers_get_fewer_probes_each() {
        assert_eq!([1, 2, 4, 8, 12].map(|pods| share(POD_BUDGET, pods, PODS)), [10, 10, 10, 5, 3]);
        let many = |count| (0..count).map(addr).collect();
        let mut targets = Targets { coredns: many(20), upstreams: many(5), ..Targets::default() };
        assert_eq!(
            targets.leave_out().as_deref(),
            Some("8 of 20 CoreDNS pods and 1 of 5 upstreams")
        );
        assert_eq!((targets.coredns.len(), targets.leave_out()), (12, None));
        assert_eq!([0, 2, 3, 5, 7, 100].map(flows), [20, 20, 21, 35, 49, 50]);
    }
}
