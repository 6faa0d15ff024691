//! The rules, from a plan: what is put in force, and why each is there.
//!
//! | chain | priority | rule |
//! |---|---|---|
//! | prerouting | -310 | to a live address, port 53, with a socket of ours: not tracked |
//! | output | -310 | from our addresses, port 53: not tracked, also when nothing is live |
//! | output | -310 | with our mark: not tracked |
//! | prerouting | -310 | from a port of CoreDNS to a socket with our mark: not tracked |
//! | output | -310 | to a live address, port 53: not tracked |
//! | both | -310 | from and to our other listeners: not tracked |
//! | nat-prerouting, nat-output | -105 | to a local address, port 53: to a pod of CoreDNS |
//! | nat-postrouting | 95 | from our addresses, leaving the machine: with the machine's address |
//!
//! -310 is before connection tracking (-200) and the rules of others in `raw` (-300).
//! -105 and 95 are before kube-proxy's. What is not tracked skips every rule of NAT,
//! kube-proxy's as well, and so reaches the address itself, which is ours.
//!
//! Without a socket a packet is tracked even while its address is live: when the
//! process dies its sockets go, and the next packet of a pod goes to CoreDNS. In
//! `output` the kernel cannot tell, since a packet there has its sender's socket.
//! Programs of the node itself therefore wait for the end of the element's life.
//!
//! Replies are exempt at any time: kube-proxy in its nftables mode rejects tracked
//! ones, whose source is the address of a Service.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use netlink::Message;

use crate::expression::{Protocol, Rule, Side};
use crate::nft::{
    Element, Hook, SetType, add_elements, batch, delete_elements, delete_table, flush_elements,
    flush_rules, new_chain, new_rule, new_set, new_table,
};
use crate::plan::{Family, MARK, Plan, octets};

/// Whether a packet is only taken when a socket of ours would get it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Matching {
    /// It is: a process that dies costs pods nothing.
    Socket,
    /// The kernel cannot: it costs them [`LIFE`].
    Address,
}

/// Puts all rules of `plan` in force, and takes those of an earlier process over:
/// what is live stays live.
pub(crate) fn install(plan: &Plan, matching: Matching) -> Vec<Message> {
    let mut messages = vec![new_table(), flush_rules(None)];
    messages.extend(CHAINS.map(|(name, hook)| new_chain(name, hook)));
    for (family, id) in plan.families().zip([1, 10]) {
        messages.extend(sets(family, id));
        messages.extend(own_elements(plan, family));
        messages.extend(prerouting(family, matching));
        messages.extend(output(family));
        messages.extend(postrouting(family));
    }
    let with_mark = Rule::new().mark(MARK).notrack();
    messages.push(new_rule("output", &with_mark));
    if matching == Matching::Socket {
        messages.extend(answers());
    }
    for listener in &plan.also {
        messages.extend(exempt(*listener));
    }
    messages.extend(nat(plan));
    batch(messages)
}

/// The same after the table of an earlier version, whose sets are others.
pub(crate) fn install_anew(plan: &Plan, matching: Matching) -> Vec<Message> {
    let mut messages = install(plan, matching);
    // After the begin of the batch. Made first, for there may be none.
    messages.splice(1..1, [new_table(), delete_table()]);
    messages
}

/// Lets every address live for [`LIFE`] from here on. An element that is there keeps
/// the life that it was given, so it is removed first; one that is not there cannot be
/// removed, so it is added before that.
pub(crate) fn renew(plan: &Plan) -> Vec<Message> {
    let mut messages = Vec::new();
    for family in plan.families() {
        let (set, elements) = (family.set(LIVE), live(plan, family));
        messages.push(add_elements(&set, &elements));
        messages.push(delete_elements(&set, &elements));
        messages.push(add_elements(&set, &elements));
    }
    batch(messages)
}

/// Lets none live.
pub(crate) fn give_back(plan: &Plan) -> Vec<Message> {
    let sets = plan.families().map(|family| family.set(LIVE));
    batch(sets.map(|set| flush_elements(&set)).collect())
}

/// Puts the fallback of `plan` in force in place of another.
pub(crate) fn replace_fallback(plan: &Plan) -> Vec<Message> {
    let mut messages: Vec<_> = NAT_CHAINS.map(|chain| flush_rules(Some(chain))).into();
    messages.extend(nat(plan));
    batch(messages)
}

fn sets(family: Family, id: u32) -> Vec<Message> {
    let addr = match family {
        Family::V4 => (TYPE_IPV4, 4),
        Family::V6 => (TYPE_IPV6, 16),
    };
    let plain = SetType { key: addr, data: None, has_timeout: false };
    let to = |data| SetType { key: (TYPE_MARK, 4), data: Some(data), has_timeout: false };
    vec![
        new_set(&family.set(LIVE), id, SetType { has_timeout: true, ..plain }),
        new_set(&family.set(OWN), id + 1, plain),
        new_set(&family.set(LOCAL), id + 2, plain),
        new_set(&family.set(ADDRESSES), id + 3, to(addr)),
        new_set(&family.set(PORTS), id + 4, to((TYPE_SERVICE, 2))),
    ]
}

fn own_elements(plan: &Plan, family: Family) -> Vec<Message> {
    let own: Vec<_> = plan.addresses(family).map(octets).collect();
    let local = plan.local.iter().copied();
    let local: Vec<_> = local
        .filter(|addr| Family::of(*addr) == family)
        .map(octets)
        .collect();
    let filled = |set: &str, keys: Vec<Vec<u8>>| {
        let keys: Vec<_> = keys.into_iter().map(Element::key).collect();
        let set = family.set(set);
        let mut messages = vec![flush_elements(&set)];
        if !keys.is_empty() {
            messages.push(add_elements(&set, &keys));
        }
        messages
    };
    [filled(OWN, own), filled(LOCAL, local)].concat()
}

fn live(plan: &Plan, family: Family) -> Vec<Element> {
    let addresses = plan.addresses(family);
    addresses
        .map(|addr| Element { life: Some(LIFE), ..Element::key(octets(addr)) })
        .collect()
}

fn prerouting(family: Family, matching: Matching) -> Vec<Message> {
    let rules = PROTOCOLS.map(|protocol| {
        let rule = Rule::new()
            .address_in(family, Side::Destination, &family.set(LIVE))
            .port(protocol, Side::Destination, DNS);
        let rule = match matching {
            Matching::Socket => rule.has_socket(protocol, false),
            Matching::Address => rule,
        };
        new_rule("prerouting", &rule.notrack())
    });
    rules.into()
}

fn output(family: Family) -> Vec<Message> {
    let replies = PROTOCOLS.map(|protocol| {
        Rule::new()
            .address_in(family, Side::Source, &family.set(OWN))
            .port(protocol, Side::Source, DNS)
    });
    let queries = PROTOCOLS.map(|protocol| {
        Rule::new()
            .address_in(family, Side::Destination, &family.set(LIVE))
            .port(protocol, Side::Destination, DNS)
    });
    let all = replies.into_iter().chain(queries);
    all.map(|rule| new_rule("output", &rule.notrack()))
        .collect()
}

/// What upstreams answer to queries with our mark. The port comes first: it spares all
/// other packets of the node the search for a socket.
fn answers() -> Vec<Message> {
    let of = |port: u16| {
        PROTOCOLS.map(|protocol| {
            let rule = Rule::new().port(protocol, Side::Source, port);
            new_rule("prerouting", &rule.socket_mark(MARK).notrack())
        })
    };
    COREDNS.into_iter().flat_map(of).collect()
}

/// What goes to an upstream because nothing is live has an address as its source that
/// every node has.
fn postrouting(family: Family) -> Vec<Message> {
    let rule = Rule::new()
        .address_in(family, Side::Source, &family.set(OWN))
        .leaves_the_machine();
    vec![new_rule("nat-postrouting", &rule.masquerade())]
}

/// Both directions of a TCP listener, as its packets come in and go out.
fn exempt(listener: SocketAddr) -> Vec<Message> {
    let (family, addr) = (Family::of(listener.ip()), octets(listener.ip()));
    let rule = |side| {
        Rule::new()
            .address(family, side, &addr)
            .port(Protocol::Tcp, side, listener.port())
            .notrack()
    };
    vec![
        new_rule("prerouting", &rule(Side::Destination)),
        new_rule("output", &rule(Side::Destination)),
        new_rule("output", &rule(Side::Source)),
    ]
}

/// The destinations of what is sent to a local address, with their maps.
fn nat(plan: &Plan) -> Vec<Message> {
    let mut messages = Vec::new();
    for family in plan.families() {
        let of_family = plan.fallback.iter();
        let fallback: Vec<_> = of_family
            .filter(|to| Family::of(to.ip()) == family)
            .take(crate::nft::MAX_ELEMENTS)
            .zip(0_u32..)
            .collect();
        let maps = (family.set(ADDRESSES), family.set(PORTS));
        messages.extend([flush_elements(&maps.0), flush_elements(&maps.1)]);
        if fallback.is_empty() {
            continue;
        }
        let to = |value: fn(&SocketAddr) -> Vec<u8>| -> Vec<Element> {
            let element = |(to, n): &(&SocketAddr, u32)| Element {
                data: Some(value(to)),
                ..Element::key(n.to_ne_bytes().to_vec())
            };
            fallback.iter().map(element).collect()
        };
        messages.push(add_elements(&maps.0, &to(|to| octets(to.ip()))));
        messages.push(add_elements(&maps.1, &to(|to| to.port().to_be_bytes().to_vec())));
        let count = u32::try_from(fallback.len()).unwrap_or(1);
        for chain in NAT_CHAINS {
            for protocol in PROTOCOLS {
                let rule = Rule::new()
                    .address_in(family, Side::Destination, &family.set(LOCAL))
                    .port(protocol, Side::Destination, DNS)
                    .choose_of(family, count, (&maps.0, &maps.1));
                messages.push(new_rule(chain, &rule));
            }
        }
    }
    messages
}

/// The addresses of a plan that are local and have no fallback.
pub(crate) fn without_fallback(plan: &Plan) -> impl Iterator<Item = IpAddr> {
    let has = |addr: &IpAddr| {
        let mut fallback = plan.fallback.iter();
        fallback.any(|to| Family::of(to.ip()) == Family::of(*addr))
    };
    plan.local.iter().copied().filter(move |addr| !has(addr))
}

/// How long queries still come to us after the last renewal. A renewal is due every
/// quarter of it, so that one that is late or lost costs nothing.
pub const LIFE: Duration = Duration::from_secs(1);
pub(crate) const LIVE: &str = "live";
pub(crate) const OWN: &str = "own";
const LOCAL: &str = "local";
const ADDRESSES: &str = "fallback-addr";
const PORTS: &str = "fallback-port";
const PROTOCOLS: [Protocol; 2] = [Protocol::Udp, Protocol::Tcp];
const NAT_CHAINS: [&str; 2] = ["nat-prerouting", "nat-output"];
const DNS: u16 = 53;
/// Where pods of CoreDNS listen: as kubeadm and as `OpenShift` have it.
const COREDNS: [u16; 2] = [DNS, 5353];
/// Of netfilter's hooks, in the order that packets pass them.
const PREROUTING: u32 = 0;
const OUTPUT: u32 = 3;
const POSTROUTING: u32 = 4;
const CHAINS: [(&str, Hook); 5] = [
    ("prerouting", Hook { kind: "filter", number: PREROUTING, priority: -310 }),
    ("output", Hook { kind: "filter", number: OUTPUT, priority: -310 }),
    ("nat-prerouting", Hook { kind: "nat", number: PREROUTING, priority: -105 }),
    ("nat-output", Hook { kind: "nat", number: OUTPUT, priority: -105 }),
    ("nat-postrouting", Hook { kind: "nat", number: POSTROUTING, priority: 95 }),
];
/// The types by which `nft` shows elements; the kernel only keeps them.
const TYPE_IPV4: u32 = 7;
const TYPE_IPV6: u32 = 8;
const TYPE_SERVICE: u32 = 13;
const TYPE_MARK: u32 = 19;
