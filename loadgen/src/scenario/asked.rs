//! What to ask: names, their types, how popular each is, and the search path.

use std::path::Path;

use dns::{Name, Rtype};
use toml::Spanned;

use super::error::{Result, Source};
use super::file::{NamesFile, WorkloadFile};
use super::lookup::SearchPath;
use crate::clients::{ClientKind, Clients};
use crate::workload::{Distribution, NameEntry, Workload, read_names};

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
    let asked: Vec<NameEntry> = match workload.names.as_ref() {
        NamesFile::File(path) => read_names(&folder.join(path))
            .map_err(|reason| error(format!("workload.names: {reason}")))?,
        NamesFile::Inline(lines) => lines
            .iter()
            .map(|line| {
                line.parse()
                    .map_err(|reason| error(format!("workload.names: {line:?}: {reason}")))
            })
            .collect::<Result<_>>()?,
    };
    if asked.is_empty() {
        return Err(error("workload.names: there is no name".to_owned()));
    }
    let popularity = match &workload.popularity {
        None => Distribution::Uniform,
        Some(text) => parse_popularity(text.as_ref()).map_err(|reason| {
            source.error(text.span(), format!("workload.popularity: {reason}"))
        })?,
    };
    if workload.lookup.is_none() && kinds.is_empty() {
        let types = types(workload, &[(Rtype::A, 1.0)], source)?;
        return Ok((Workload::queries(&asked, &types, popularity, seed), None));
    }
    if let Some(typed) = asked.iter().find(|entry| entry.qtype.is_some()) {
        let reason =
            format!("workload.names: {} has a type, but a lookup asks for addresses", typed.name);
        return Err(error(reason));
    }
    let names = spelled(workload.names.as_ref(), &asked);
    if !kinds.is_empty() {
        let (clients, groups) = Clients::new(kinds, &names)
            .map_err(|reason| error(format!("workload.names: {reason}")))?;
        let types = [Rtype::A, Rtype::AAAA];
        return Ok((Workload::lookups(&groups, &types, popularity, seed), Some(clients)));
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
    Ok((Workload::lookups(&[walks], &types, popularity, seed), None))
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

/// The names as they were written: the last dot decides whether the search
/// list is used. A file's names are taken as relative.
fn spelled(names: &NamesFile, asked: &[NameEntry]) -> Vec<String> {
    match names {
        NamesFile::Inline(lines) => lines
            .iter()
            .filter_map(|line| line.split_ascii_whitespace().next().map(str::to_owned))
            .collect(),
        NamesFile::File(_) => asked
            .iter()
            .map(|asked| asked.name.to_string().trim_end_matches('.').to_owned())
            .collect(),
    }
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
