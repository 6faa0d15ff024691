//! What is found of a template: of its resolv.conf, by what each library makes of it, and of
//! the policies that its queries meet.

use cluster::{Policy, Template};
use stub::{Library, Oddity};

use super::finding::{Finding, Gravity};
use super::policies::Egress;
use super::written::{Read, Written};

/// All that is found, the worst first.
pub(super) fn findings(
    template: &Template,
    written: &Written,
    egress: Option<&Egress<'_>>,
) -> Vec<Finding> {
    let mut found = egress.map(Egress::findings).unwrap_or_default();
    host_network(template, written, &mut found);
    ndots(written, &mut found);
    search(template, written, &mut found);
    nameservers(written, &mut found);
    options(written, &mut found);
    if !hints(&template.images).is_empty() {
        found.iter_mut().for_each(expect_musl);
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.gravity));
    found
}

/// The images whose names hint at musl. No image says what it resolves names with: one of
/// Alpine may have only a static binary of Go, and others may have musl.
pub(super) fn hints(images: &[String]) -> Vec<String> {
    let is_hint = |image: &&String| {
        let image = image.to_ascii_lowercase();
        ["alpine", "musl"].iter().any(|word| image.contains(word))
    };
    images.iter().filter(is_hint).cloned().collect()
}

fn expect_musl(finding: &mut Finding) {
    finding.gravity = match finding.gravity {
        Gravity::Risk if finding.musl => Gravity::Likely,
        Gravity::Note if finding.what == "option_ignored" => Gravity::Risk,
        gravity => gravity,
    };
}

fn host_network(template: &Template, written: &Written, found: &mut Vec<Finding>) {
    let spec = &template.pod.spec;
    let wants_cluster = matches!(spec.dns_policy.as_deref(), None | Some("ClusterFirst"));
    if spec.host_network && wants_cluster && written.policy == Policy::Default {
        let text = "on the host network ClusterFirst is read as Default: names of the cluster \
            are not found without ClusterFirstWithHostNet";
        found.push(note("host_network", text));
    }
}

fn ndots(written: &Written, found: &mut Vec<Finding>) {
    let [glibc, musl, go] = written.read.each_ref().map(|read| read.ndots);
    let option = written
        .options
        .iter()
        .find(|option| option.split(':').next() == Some("ndots"));
    match option {
        Some(option) if option == "ndots" => {
            let text = "`ndots` without a number takes the place of the kubelet's `ndots:5`, and no \
                library reads it: ndots is 1";
            found.push(risk("ndots_unread", text));
        }
        Some(option) if glibc != musl || glibc != go => {
            let text =
                format!("`{option}` is read as {glibc} by glibc, {musl} by musl and {go} by Go");
            found.push(risk("ndots_differs", text));
        }
        _ => {}
    }
    match musl {
        _ if !written.searches_cluster => {}
        0 => found.push(musl_risk(
            "ndots_low",
            "ndots 0: musl never uses the search list, so that SERVICE is not found; glibc and Go \
             ask for it outside of the cluster first",
        )),
        1 => found.push(musl_risk(
            "ndots_low",
            "ndots 1: musl searches for no name with a dot, so that SERVICE.NAMESPACE is not \
             found; glibc and Go ask for it outside of the cluster first",
        )),
        2 => found.push(Finding {
            musl: true,
            ..note(
                "ndots_two",
                "ndots 2: with musl SERVICE.NAMESPACE.svc is not found; SERVICE.NAMESPACE and \
                 whole names are",
            )
        }),
        _ => {}
    }
    let names = written.names_asked();
    if names > 1 {
        let (ndots, vain) = (written.ndots(), names - 1);
        let text = format!(
            "ndots {ndots}: a name outside such as api.example.com is asked as {names} names, \
             {vain} of them in vain"
        );
        found.push(Finding { gravity: Gravity::Cost, ..note("ndots_cost", text) });
    }
}

fn search(template: &Template, written: &Written, found: &mut Vec<Finding>) {
    let (domains, octets) = (written.search.len(), written.search_octets());
    let [_, musl, _] = &written.read;
    let line = musl.odd.iter().find_map(|odd| match odd {
        Oddity::LineTooLong(octets) => Some(octets),
        _ => None,
    });
    if let Some(line) = line {
        let text = format!(
            "the search line has {line} octets: musl ignores one of more than 254, and then \
             searches for no name"
        );
        found.push(musl_risk("search_line", text));
    }
    if domains > KUBELET_DOMAINS || octets > KUBELET_OCTETS {
        let text = format!(
            "{domains} search domains of {octets} octets: the kubelet leaves out what is beyond \
             {KUBELET_DOMAINS} domains or {KUBELET_OCTETS} octets"
        );
        found.push(risk("search_cut", text));
    } else if domains > OLD_DOMAINS || octets > OLD_OCTETS {
        let text = format!(
            "{domains} search domains of {octets} octets: a kubelet before 1.28 and glibc before \
             2.26 take six domains and 256 octets"
        );
        found.push(note("search_long", text));
    }
    let config = template.pod.spec.dns_config.iter();
    if config
        .flat_map(|config| &config.searches)
        .any(|domain| domain == ".")
    {
        let text = "`.` in the search list: musl before 1.2.4 finds no name";
        found.push(musl_risk("search_root", text));
    }
}

fn nameservers(written: &Written, found: &mut Vec<Finding>) {
    let count = written.nameservers;
    if count > LIBRARIES_ASK {
        let text = format!(
            "{count} nameservers: the kubelet and all libraries take the first {LIBRARIES_ASK}"
        );
        found.push(risk("nameservers_many", text));
    }
    if count < 2 {
        return;
    }
    if written.policy == Policy::ClusterFirst {
        let text = "a nameserver beside the cluster's: musl asks all at once and takes the first \
            answer, which may be the NXDOMAIN of the other one for a name of the cluster";
        found.push(musl_risk("nameservers_beside", text));
    } else {
        let text = format!(
            "musl asks all {count} nameservers at once and takes the first answer: each has to \
             have the same names"
        );
        found.push(Finding { musl: true, ..note("nameservers_parallel", text) });
    }
}

fn options(written: &Written, found: &mut Vec<Finding>) {
    for option in &written.options {
        let ignored = |read: &&Read| {
            let mut odd = read.odd.iter();
            option.as_str() != "ndots"
                && odd.any(|odd| matches!(odd, Oddity::UnknownOption(word) if word == option))
        };
        let by: Vec<Library> = written
            .read
            .iter()
            .filter(ignored)
            .map(|read| read.library)
            .collect();
        let names: Vec<_> = by.iter().map(ToString::to_string).collect();
        match by.as_slice() {
            [] => {}
            [_, _, _] => {
                let text = format!("`{option}` is known to none of glibc, musl and Go");
                found.push(note("option_unknown", text));
            }
            some => {
                let text = format!("`{option}` is ignored by {}", names.join(" and "));
                let musl = some.contains(&Library::Musl);
                let what = if musl { "option_ignored" } else { "option_ignored_elsewhere" };
                found.push(Finding { musl, ..note(what, text) });
            }
        }
    }
    let [glibc, ..] = &written.read;
    for odd in &glibc.odd {
        if let Oddity::OutOfBounds { option, used } = odd {
            found.push(note("option_bounds", format!("`{option}` is read as {used}")));
        }
    }
    if written.has("timeout") || written.has("attempts") {
        let text = "`timeout` is for the whole lookup with musl, and `attempts` divide it";
        found.push(Finding { musl: true, ..note("musl_timeout", text) });
    }
}

fn note(what: &'static str, text: impl Into<String>) -> Finding {
    Finding { what, gravity: Gravity::Note, musl: false, text: text.into() }
}

fn risk(what: &'static str, text: impl Into<String>) -> Finding {
    Finding { gravity: Gravity::Risk, ..note(what, text) }
}

fn musl_risk(what: &'static str, text: impl Into<String>) -> Finding {
    Finding { musl: true, ..risk(what, text) }
}

/// `MaxDNSSearchPaths` and `MaxDNSSearchListChars` of Kubernetes, 1.28 and later.
const KUBELET_DOMAINS: usize = 32;
const KUBELET_OCTETS: usize = 2_048;

/// The same before, and `MAXDNSRCH` and its buffer in glibc before 2.26.
const OLD_DOMAINS: usize = 6;
const OLD_OCTETS: usize = 256;

/// `MAXNS` in the C libraries; Go and the kubelet have the same bound.
const LIBRARIES_ASK: usize = 3;
