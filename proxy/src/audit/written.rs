//! The resolv.conf that the kubelet writes for a template, and what each library reads in it.

use cluster::object::{DnsConfig, DnsOption};
use cluster::{Kubelet, Policy, Resolver, Template};
use stub::{Library, Oddity, ResolvConf};

/// A resolv.conf before it is written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) policy: Policy,
    /// The search list, as far as the API has it.
    pub(super) search: Vec<String>,
    /// Whether names of the cluster are found by it.
    pub(super) searches_cluster: bool,
    /// Its options, as `NAME` or `NAME:VALUE`.
    pub(super) options: Vec<String>,
    /// How many servers there are: one of the cluster, and the template's own.
    pub(super) nameservers: usize,
    /// By glibc, musl and Go.
    pub(super) read: [Read; 3],
}

/// What a library reads.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) library: Library,
    pub(super) ndots: u8,
    pub(super) odd: Vec<Oddity>,
}

impl Written {
    pub(super) fn of(template: &Template, kubelet: &Kubelet) -> Self {
        let pod = &template.pod;
        let policy = Policy::of(pod);
        let search = Resolver::of(pod, kubelet).search;
        let of_domain = format!("svc.{}", kubelet.cluster_domain);
        let searches_cluster = search.iter().any(|domain| domain.ends_with(&of_domain));
        let none = DnsConfig::default();
        let config = pod.spec.dns_config.as_ref().unwrap_or(&none);
        let options = options(policy, &config.options);
        let of_cluster = usize::from(policy == Policy::ClusterFirst);
        let text = format!("search {}\noptions {}\n", search.join(" "), options.join(" "));
        let read = [Library::Glibc, Library::Musl, Library::Go].map(|library| {
            let (conf, remarks) = ResolvConf::parse(library, &text);
            let odd = remarks.into_iter().map(|remark| remark.what).collect();
            Read { library, ndots: conf.options.ndots, odd }
        });
        let nameservers = config.nameservers.len() + of_cluster;
        Self { policy, search, searches_cluster, options, nameservers, read }
    }

    /// As glibc reads it, which most images have.
    pub(super) fn ndots(&self) -> u8 {
        let [glibc, ..] = &self.read;
        glibc.ndots
    }

    /// Octets of the search list, with the blanks in it.
    pub(super) fn search_octets(&self) -> usize {
        self.search.join(" ").len()
    }

    /// The names that are asked for one outside of the cluster that has two dots.
    pub(super) fn names_asked(&self) -> usize {
        if self.ndots() > DOTS { self.search.len() + 1 } else { 1 }
    }

    /// Whether the option is there, with a value or without one.
    pub(super) fn has(&self, name: &str) -> bool {
        let mut options = self.options.iter();
        options.any(|option| option.split(':').next() == Some(name))
    }
}

/// As the kubelet merges them (`mergeDNSOptions`): by name, the last one counts.
fn options(policy: Policy, own: &[DnsOption]) -> Vec<String> {
    let kubelet = DnsOption { name: "ndots".to_owned(), value: Some("5".to_owned()) };
    let kubelet = (policy == Policy::ClusterFirst).then_some(kubelet);
    let mut merged: Vec<&DnsOption> = Vec::new();
    for option in kubelet.iter().chain(own) {
        merged.retain(|known| known.name != option.name);
        merged.push(option);
    }
    let word = |option: &&DnsOption| match option.value.as_deref() {
        None | Some("") => option.name.clone(),
        Some(value) => format!("{}:{value}", option.name),
    };
    merged.iter().map(word).collect()
}

/// Of `api.example.com`.
const DOTS: u8 = 2;
