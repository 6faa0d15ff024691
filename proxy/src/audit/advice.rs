//! What to paste for a template, what that saves, and what it risks.

use cluster::Template;
use console::{Owner, Patch};
use observe::DnsOption;

use super::finding::{Advice, Finding, Gravity};
use super::written::Written;

/// What to do about the findings: all that is worth doing, the command first.
pub(super) fn advice(template: &Template, written: &Written, found: &[Finding]) -> Vec<Advice> {
    let has = |what: &str| found.iter().any(|finding| finding.what == what);
    let mut all = Vec::new();
    if has("ndots_low") || has("ndots_unread") {
        all.push(Advice {
            action: "Set ndots 2.".into(),
            saves: "SERVICE.NAMESPACE is found with musl, and is not asked outside first.".into(),
            risk: "A name outside with one dot, such as example.com, is asked with each search \
                domain first. The Pods are rolled out."
                .into(),
            command: Some(command(template)),
        });
    } else if has("ndots_cost") {
        let (names, vain) = (written.names_asked(), written.names_asked() - 1);
        let queries = format!("{} of {} queries with A and AAAA", vain * 2, names * 2);
        all.push(Advice {
            action: "Set ndots 2.".into(),
            saves: format!("{vain} of {names} names for one outside with two dots: {queries}.")
                .into(),
            risk: "SERVICE.NAMESPACE.svc is one query more with glibc and Go, and not found with \
                musl. The Pods are rolled out."
                .into(),
            command: Some(command(template)),
        });
        all.push(Advice {
            action: "Or end names outside with a dot where they are configured: api.example.com."
                .into(),
            saves: "The same for these names, without a roll-out of others.".into(),
            risk: "Some programs put the dot into Host headers, SNI or certificate checks.".into(),
            command: None,
        });
    }
    if has("search_line") || has("search_cut") || has("search_root") {
        all.push(Advice {
            action: "Take domains out of dnsConfig.searches: 254 octets with the word `search` at \
                most, and no `.`."
                .into(),
            saves: "The search list counts with musl.".into(),
            risk: "Names that need these domains have to be written whole.".into(),
            command: None,
        });
    }
    if has("nameservers_beside") || has("nameservers_many") {
        all.push(Advice {
            action: "Take dnsConfig.nameservers out, and let CoreDNS forward these names.".into(),
            saves: "Each library asks who has all names.".into(),
            risk: "Names are gone while CoreDNS is away.".into(),
            command: None,
        });
    }
    let ignored =
        |finding: &Finding| finding.what == "option_ignored" && finding.gravity >= Gravity::Risk;
    if found.iter().any(ignored) {
        all.push(Advice {
            action: "Take the option out, or use an image with glibc.".into(),
            saves: "What is written is what happens.".into(),
            risk: "None: musl ignores it as it is.".into(),
            command: None,
        });
    }
    all
}

/// The command that sets ndots and keeps the other options; a comment where none does.
fn command(template: &Template) -> String {
    let Template { owner, made_by, pod, .. } = template;
    let namespace = &pod.metadata.namespace;
    let title = format!("{namespace}/{}/{}", owner.kind, owner.name);
    let Ok(known) = Owner::new(&owner.kind, namespace, &owner.name) else {
        return format!("# {title}: set dnsConfig in its manifest");
    };
    let own = pod
        .spec
        .dns_config
        .iter()
        .flat_map(|config| &config.options);
    let own: Vec<_> = own
        .map(|option| DnsOption { name: option.name.clone(), value: option.value.clone() })
        .collect();
    match (known.patch(NDOTS, Some(&own)), made_by) {
        (Patch::Immutable, _) => {
            format!("# {title}: dnsConfig is immutable: set it in the manifest, and recreate")
        }
        (patch, None) => patch.to_string(),
        (patch, Some(by)) => format!("{patch}   # until {} {} undoes it", by.kind, by.name),
    }
}

/// `api.example.com` is asked once, `SERVICE.NAMESPACE` is found by every library.
const NDOTS: u8 = 2;
