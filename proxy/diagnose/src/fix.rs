//! What to do about a cause: text to paste, what it saves and what it risks.

use serde::{Deserialize, Serialize};

use crate::cause::Cause;

/// What to do. Nothing of it is done by this program.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Fix {
    /// What to do, in a sentence.
    pub action: String,
    /// Commands to read, then to paste.
    pub commands: Vec<String>,
    /// What the action costs or may break.
    pub risk: String,
}

impl Fix {
    /// Puts values in the place of the words that stand for them.
    pub(crate) fn fill(&mut self, values: &[(&str, String)]) {
        for command in &mut self.commands {
            for (word, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
                *command = command.replace(word, value);
            }
        }
    }

    /// What helps against a cause.
    pub(crate) fn of(cause: Cause) -> Self {
        let (action, commands, risk) = text(cause);
        Self {
            action: action.to_owned(),
            commands: commands.iter().map(|line| (*line).to_owned()).collect(),
            risk: risk.to_owned(),
        }
    }
}

/// The action, its commands, and its risk.
#[expect(clippy::too_many_lines, reason = "a table: each row is read on its own")]
const fn text(cause: Cause) -> (&'static str, &'static [&'static str], &'static str) {
    match cause {
        Cause::Loop => (
            "Let CoreDNS, or the resolver of the node, forward to a server outside of the loop.",
            &["kubectl -n kube-system get configmap coredns -o yaml", FORWARD, RESTART],
            "Names that only the old server has are lost. A restart empties the caches of CoreDNS.",
        ),
        Cause::ConntrackFull => (
            "Raise the limit of the table, or end what fills it.",
            &[
                "sysctl -w net.netfilter.nf_conntrack_max=$((2 * $(sysctl -n net.netfilter.nf_conntrack_max)))",
                "conntrack -D -s CLIENT   # ends the connections of who has most entries",
            ],
            "Each entry takes some 300 octets of kernel memory. Write the value to sysctl.d to keep it. Connections whose entries are deleted may break.",
        ),
        Cause::NoEndpoints => (
            "Find out why no CoreDNS pod is ready.",
            &[
                "kubectl -n kube-system get endpointslices -l kubernetes.io/service-name=kube-dns",
                "kubectl -n kube-system describe pods -l k8s-app=kube-dns",
            ],
            "None: it only reads.",
        ),
        Cause::CorednsDown => (
            "Look at the pods of CoreDNS and their logs; restart them if they hang.",
            &[
                "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
                "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=50",
                "kubectl -n kube-system rollout restart deployment coredns",
            ],
            "A restart empties the caches of CoreDNS.",
        ),
        Cause::CorednsCrashing => (
            "Raise the memory limit of CoreDNS, or add replicas; then look at what multiplies its load.",
            &[
                "kubectl -n kube-system set resources deployment coredns --limits=memory=340Mi",
                "kubectl -n kube-system logs -l k8s-app=kube-dns --previous --tail=50",
            ],
            "The Deployment is rolled out.",
        ),
        Cause::NodeNetwork => (
            "Check the pod network of this node: its CNI plugin, routes, policies and MTU.",
            &[
                "ip route",
                "kubectl -n kube-system get pods -o wide --field-selector spec.nodeName=NODE",
            ],
            "None: it only reads.",
        ),
        Cause::CorednsPodSick => (
            "Delete the pod; its Deployment makes another.",
            &["kubectl -n kube-system delete pod COREDNS"],
            "Its cache is lost.",
        ),
        Cause::StaleRules => (
            "Restart the kube-proxy of this node.",
            &[
                "kubectl -n kube-system delete pod -l k8s-app=kube-proxy --field-selector spec.nodeName=NODE",
            ],
            "All rules of the node are written anew, which takes a moment.",
        ),
        Cause::StaleFlows => (
            "Delete the entries; fresh ones follow the rules.",
            &["conntrack -D -p udp --orig-dst CLUSTER-IP --dport 53"],
            "Queries on the way are lost once.",
        ),
        Cause::NotSynced => (
            "Check that CoreDNS reaches the API server, and its rights.",
            &[
                "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=50",
                "kubectl get --raw /readyz",
            ],
            "None: it only reads.",
        ),
        Cause::StaleData => (
            "Check the way of the pod to the API server, then delete the pod: another one reads the cluster anew.",
            &[
                "kubectl -n kube-system logs COREDNS --tail=50",
                "kubectl -n kube-system delete pod COREDNS",
            ],
            "Its cache is lost. One that cannot reach the API server answers no name of the cluster: old data may be better than none.",
        ),
        Cause::UpstreamSilent | Cause::UpstreamServfail => (
            "Let CoreDNS forward to another resolver, or mend this one.",
            &[FORWARD, RESTART],
            "Names that only the old server has are lost. A restart empties the caches of CoreDNS.",
        ),
        Cause::UpstreamRefuses => (
            "Allow the nodes at the resolver, or raise its rate limit.",
            &["kubectl -n kube-system get configmap coredns -o yaml"],
            "None: it only reads.",
        ),
        Cause::UpstreamLimits => (
            "Send it fewer queries: let CoreDNS cache for longer, mend what multiplies them, or forward to more servers.",
            &[
                "fivedots top",
                "kubectl -n kube-system edit configmap coredns   # cache 300; forward . IP-1 IP-2",
            ],
            "Changes of names outside of the cluster are seen later.",
        ),
        Cause::CorednsToUpstream => (
            "Check network policies and routes between the pods of CoreDNS and the upstream.",
            &[
                "kubectl get networkpolicies -A",
                "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
            ],
            "None: it only reads.",
        ),
        Cause::TcpBlocked => (
            "Allow TCP port 53 wherever UDP port 53 is allowed.",
            &["kubectl get networkpolicies -A"],
            "None: large answers need it.",
        ),
        Cause::SocketOverflow => (
            "Give the receivers more buffer, or fewer queries.",
            &["sysctl -w net.core.rmem_max=8388608", "nstat -az UdpRcvbufErrors"],
            "Kernel memory for the queues.",
        ),
        Cause::RepliesLost => (
            "Check what drops packets between this node and its pods: policies, queues, interfaces.",
            &["nstat -az | grep -i drop", "ip -s link"],
            "None: it only reads.",
        ),
        Cause::CorednsThrottled => (
            "Remove the CPU limit of CoreDNS, or add replicas.",
            &[
                "kubectl -n kube-system patch deployment coredns --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/template/spec/containers/0/resources/limits/cpu\"}]'",
                "kubectl -n kube-system scale deployment coredns --replicas=N",
            ],
            "The Deployment is rolled out; CoreDNS may take CPU from other pods of its nodes.",
        ),
        Cause::OneWorkload => (
            "Look at the names that fail for it, and at its resolv.conf.",
            &["fivedots top", "kubectl -n NAMESPACE exec POD -- cat /etc/resolv.conf"],
            "None: it only reads.",
        ),
        Cause::NamesInVain => (
            "Correct the name in the workload's configuration, or create what it stands for.",
            &["fivedots top"],
            "None: it only reads.",
        ),
        Cause::Amplification => (
            "Set the ndots that `fivedots top` and the page recommend for the workload.",
            &[
                "fivedots top",
                "kubectl -n NAMESPACE patch KIND NAME --type=merge -p '{\"spec\":{\"template\":{\"spec\":{\"dnsConfig\":{\"options\":[{\"name\":\"ndots\",\"value\":\"2\"}]}}}}}'",
            ],
            "Its pods are rolled out; names that need the search list are listed beside the advice.",
        ),
        Cause::UnexpectedUpstream => (
            "Correct the Corefile, or what is expected.",
            &["kubectl -n kube-system get configmap coredns -o yaml"],
            "None: it only reads.",
        ),
    }
}

/// Also where the file was changed by hand.
const FORWARD: &str = "kubectl -n kube-system get configmap coredns -o yaml | sed 's#forward [.] [^ ]*#forward . IP-OF-A-RESOLVER#' | kubectl apply -f -";

/// Sooner than its own reload, for which the kubelet has to write the file first.
const RESTART: &str = "kubectl -n kube-system rollout restart deployment coredns";
