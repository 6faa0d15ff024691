//! The part of the Kubernetes API.

use std::fmt::{self, Write as _};

use stub::{Library, ResolvConf};
use toml::Spanned;

use super::ConfigError;
use super::file::Source;
use super::machine::Machine;
use crate::kubernetes::{Enabled, KubernetesConfig};
use observe::ObserveConfig;

pub(super) fn kubernetes(
    source: &Source,
    machine: &Machine,
    observe: &ObserveConfig,
) -> Result<KubernetesConfig, ConfigError> {
    let table = &source.file.kubernetes;
    let enabled = one_of(source, table.enabled.as_ref(), &Enabled::WORDS)?;
    let scope = one_of(source, table.scope.as_ref(), &SCOPES)?;
    let (_, resolv_conf) = &machine.resolv_conf;
    let (resolv_conf, _) = ResolvConf::parse(Library::Glibc, resolv_conf);
    let ndots = resolv_conf.options.ndots;
    let domain = observe.cluster_domain.to_string();
    let domain = domain.trim_end_matches('.');
    Ok(KubernetesConfig {
        enabled: enabled.unwrap_or(Enabled::Auto),
        node: table.node.clone().or_else(|| machine.node.clone()),
        all_nodes: scope.unwrap_or(false),
        kubeconfig: table.kubeconfig.clone(),
        cluster_domain: domain.to_owned(),
        node_ndots: (!resolv_conf
            .search
            .iter()
            .any(|search| is_in(search, domain)))
        .then_some(ndots),
        node_search: resolv_conf
            .search
            .into_iter()
            .filter(|search| !is_in(search, domain))
            .collect(),
    })
}

impl KubernetesConfig {
    pub(super) fn write(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "\n[kubernetes]")?;
        writeln!(text, "enabled = {:?}", self.enabled.label())?;
        writeln!(text, "scope = {:?}", if self.all_nodes { "all" } else { "node" })?;
        if let Some(node) = &self.node {
            writeln!(text, "node = {}", toml::Value::from(node.as_str()))?;
        }
        if let Some(path) = &self.kubeconfig {
            writeln!(text, "kubeconfig = {}", toml::Value::from(path.display().to_string()))?;
        }
        Ok(())
    }
}

/// Our own resolv.conf is the node's with the cluster's domains before it,
/// unless our pod has `dnsPolicy: Default`.
fn is_in(search: &str, domain: &str) -> bool {
    let search = search.trim_end_matches('.');
    search == domain
        || search
            .strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'))
}

fn one_of<T: Copy>(
    source: &Source,
    written: Option<&Spanned<String>>,
    words: &[(T, &str)],
) -> Result<Option<T>, ConfigError> {
    let Some(written) = written else { return Ok(None) };
    let found = words.iter().find(|(_, word)| word == written.get_ref());
    found.map(|(value, _)| Some(*value)).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(_, word)| format!("{word:?}")).collect();
        let reason = format!("{:?} is none of {}", written.get_ref(), words.join(", "));
        source.wrong(&written.span(), &reason)
    })
}

/// Whether the pods of all nodes are watched.
const SCOPES: [(bool, &str); 2] = [(false, "node"), (true, "all")];
