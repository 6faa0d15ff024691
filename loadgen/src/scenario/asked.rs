//! What to ask: names, their types, how popular each is, and the search path.

use std::path::Path;

use dns::{Name, Rtype};
use toml::Spanned;

use super::error::{Result, Source};
use super::file::{NamesFile, OrderFile, ServicesFile, WorkloadFile};
use super::lookup::SearchPath;
use crate::clients::{ClientKind, Clients};
use crate::workload::{
    DEFAULT_FORM, Distribution, NameEntry, PLACEHOLDER, QueryOptions, Workload, read_names,
    read_services,
};

/// Reads `[workload]`; files of names are found from `folder`.
pub(super) fn workload(
    file: &Spanned<WorkloadFile>,
    kinds: Vec<ClientKind>,
    seed: u64,
    folder: &Path,
    source: &Source<'_>,
) -> Result<(Workload, Option<Clients>)> {
    let workload = file.as_ref();
    let error = |reason: String| source.error(workload.names.span(), reason);
    let (asked, mut names) = names(workload.names.as_ref(), folder).map_err(error)?;
    let popularity = popularity(workload, source)?;
    let is_lookup = workload.lookup.is_some() || !kinds.is_empty();
    let options = options(workload, is_lookup, source)?;
    let asked = if options.unique && !is_lookup {
        let number = |entry: &NameEntry| below_placeholder(&entry.name.to_string(), entry.qtype);
        asked
            .iter()
            .map(|entry| number(entry).map_err(error))
            .collect::<Result<_>>()?
    } else {
        asked
    };
    if !is_lookup {
        let types = types(workload, &[(Rtype::A, 1.0)], source)?;
        return Ok((Workload::queries_with(&asked, &types, popularity, seed, options), None));
    }
    if let Some(typed) = asked.iter().find(|entry| entry.qtype.is_some()) {
        let reason =
            format!("workload.names: {} has a type, but a lookup asks for addresses", typed.name);
        return Err(error(reason));
    }
    if options.unique {
        names = names
            .iter()
            .map(|name| format!("{PLACEHOLDER}.{name}"))
            .collect();
    }
    let finished = |lookups: Workload| if options.unique { lookups.unique() } else { lookups };
    if !kinds.is_empty() {
        let (clients, groups) = Clients::new(kinds, &names)
            .map_err(|reason| error(format!("workload.names: {reason}")))?;
        let types = [Rtype::A, Rtype::AAAA];
        let lookups = Workload::lookups(&groups, &types, popularity, seed);
        return Ok((finished(lookups), Some(clients)));
    }
    let Some(lookup) = &workload.lookup else { return Err(error(String::new())) };
    let search = search(&lookup.as_ref().search, "lookup.search", source)?;
    let ndots = lookup.as_ref().ndots.unwrap_or(DEFAULT_NDOTS);
    let path = SearchPath::new(stub::Library::Glibc, search, ndots);
    let walks = names
        .iter()
        .map(|name| path.walk(name))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|reason| error(format!("workload.names: {reason}")))?;
    let types: Vec<Rtype> = types(workload, &[(Rtype::A, 1.0), (Rtype::AAAA, 1.0)], source)?
        .iter()
        .map(|(qtype, _)| *qtype)
        .collect();
    Ok((finished(Workload::lookups(&[walks], &types, popularity, seed)), None))
}

/// The names, and how they were written: the last dot decides whether the search list is
/// used. A file's names are taken as relative.
fn names(
    file: &NamesFile,
    folder: &Path,
) -> std::result::Result<(Vec<NameEntry>, Vec<String>), String> {
    let wrong = |reason: String| format!("workload.names: {reason}");
    let listed = |lines: &[String]| {
        let entry = |line: &String| {
            let entry = line.parse::<NameEntry>();
            entry.map_err(|reason| wrong(format!("{line:?}: {reason}")))
        };
        let asked = lines
            .iter()
            .map(entry)
            .collect::<std::result::Result<_, _>>()?;
        let first = |line: &String| line.split_ascii_whitespace().next().map(str::to_owned);
        Ok::<_, String>((asked, lines.iter().filter_map(first).collect()))
    };
    let (asked, names): (Vec<NameEntry>, _) = match file {
        NamesFile::File(path) => {
            let asked = read_names(&folder.join(path)).map_err(|error| wrong(error.to_string()))?;
            let relative =
                |asked: &NameEntry| asked.name.to_string().trim_end_matches('.').to_owned();
            let names = asked.iter().map(relative).collect();
            (asked, names)
        }
        NamesFile::Services(ServicesFile { services, form }) => {
            let form = form.as_deref().unwrap_or(DEFAULT_FORM);
            listed(&read_services(&folder.join(services), form).map_err(wrong)?)?
        }
        NamesFile::Inline(lines) => listed(lines)?,
    };
    if asked.is_empty() {
        return Err(wrong("there is no name".to_owned()));
    }
    Ok((asked, names))
}

/// Reads `popularity` and `order`.
fn popularity(workload: &WorkloadFile, source: &Source<'_>) -> Result<Distribution> {
    let drawn = match &workload.popularity {
        None => Distribution::Uniform,
        Some(text) => parse_popularity(text.as_ref()).map_err(|reason| {
            source.error(text.span(), format!("workload.popularity: {reason}"))
        })?,
    };
    let Some(order) = workload.order.as_ref() else { return Ok(drawn) };
    match (order.as_ref(), &workload.popularity) {
        (OrderFile::Random, _) => Ok(drawn),
        (OrderFile::File, None) => Ok(Distribution::InOrder),
        (OrderFile::File, Some(_)) => {
            let reason = "workload.order: names in their order are not drawn; leave out popularity";
            Err(source.error(order.span(), reason))
        }
    }
}

/// Reads how queries are made, beside their names and types.
fn options(workload: &WorkloadFile, is_lookup: bool, source: &Source<'_>) -> Result<QueryOptions> {
    let WorkloadFile { unique, nxdomain, edns, dnssec_ok, .. } = workload;
    let only_queries = [
        (nxdomain.as_ref().map(Spanned::span), "workload.nxdomain: of queries, not of lookups"),
        (edns.as_ref().map(Spanned::span), "workload.edns: lookups have it where their model does"),
        (dnssec_ok.as_ref().map(Spanned::span), "workload.dnssec_ok: no stub resolver sets it"),
    ];
    let refused = only_queries
        .into_iter()
        .find_map(|(span, reason)| Some((span?, reason)));
    if let (Some((span, reason)), true) = (refused, is_lookup) {
        return Err(source.error(span, reason));
    }
    let share = match nxdomain {
        None => 0.0,
        Some(text) => parse_share(text.as_ref()).ok_or_else(|| {
            let reason = format!("workload.nxdomain: {:?} is not 0% to 100%", text.as_ref());
            source.error(text.span(), reason)
        })?,
    };
    if let (Some(flag), None) = (dnssec_ok, edns) {
        let reason = "workload.dnssec_ok: DO is a bit of the OPT record; give workload.edns";
        return Err(source.error(flag.span(), reason));
    }
    if let Some(payload) = edns
        .as_ref()
        .filter(|payload| *payload.as_ref() < MIN_PAYLOAD)
    {
        let reason = format!("workload.edns: {} is less than {MIN_PAYLOAD}", payload.as_ref());
        return Err(source.error(payload.span(), reason));
    }
    Ok(QueryOptions {
        unique: unique.as_ref().is_some_and(|unique| *unique.as_ref()),
        nxdomain: share,
        payload: edns.as_ref().map(|payload| *payload.as_ref()),
        dnssec_ok: dnssec_ok.as_ref().is_some_and(|flag| *flag.as_ref()),
    })
}

/// The same name with a first label that each query writes its number over.
fn below_placeholder(name: &str, qtype: Option<Rtype>) -> std::result::Result<NameEntry, String> {
    let text = format!("{PLACEHOLDER}.{}", name.trim_start_matches('.'));
    let name =
        Name::from_text(&text).map_err(|reason| format!("workload.unique: {text:?}: {reason}"))?;
    Ok(NameEntry { name, qtype })
}

/// Reads `5%`, as a share.
pub(super) fn parse_share(text: &str) -> Option<f64> {
    let percent: f64 = text.trim().strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

/// The search list, each a name that a resolver would append.
pub(super) fn search(
    domains: &[Spanned<String>],
    field: &str,
    source: &Source<'_>,
) -> Result<Vec<String>> {
    let check = |domain: &Spanned<String>| {
        let text = domain.as_ref();
        let is_plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        if is_plain && !text.is_empty() && Name::from_text(text).is_ok() {
            return Ok(text.clone());
        }
        let reason = format!("{field}: {text:?} is no domain name");
        Err(source.error(domain.span(), reason))
    };
    domains.iter().map(check).collect()
}

fn types(
    file: &WorkloadFile,
    default: &[(Rtype, f64)],
    source: &Source<'_>,
) -> Result<Vec<(Rtype, f64)>> {
    if file.types.is_empty() {
        return Ok(default.to_vec());
    }
    let parse = |(text, weight): (&Spanned<String>, &f64)| {
        let name = text.as_ref();
        let qtype = Rtype::from_mnemonic(name).ok_or_else(|| {
            source.error(text.span(), format!("workload.types: unknown type {name:?}"))
        })?;
        if weight.is_finite() && *weight > 0.0 {
            Ok((qtype, *weight))
        } else {
            let reason = format!("workload.types: the weight of {name} must be above 0");
            Err(source.error(text.span(), reason))
        }
    };
    file.types.iter().map(parse).collect()
}

/// Reads `uniform` or `zipf:s`.
fn parse_popularity(text: &str) -> std::result::Result<Distribution, String> {
    if text == "uniform" {
        return Ok(Distribution::Uniform);
    }
    let exponent = text
        .strip_prefix("zipf:")
        .and_then(|s| s.parse::<f64>().ok());
    exponent
        .filter(|s| (0.0..=10.0).contains(s))
        .map(Distribution::Zipf)
        .ok_or_else(|| format!("{text:?} is neither uniform nor zipf:s with s from 0 to 10"))
}

/// What the kubelet writes into a Pod's resolv.conf.
const DEFAULT_NDOTS: u8 = 5;
/// What any resolver takes (RFC 6891, section 6.2.3).
const MIN_PAYLOAD: u16 = 512;
