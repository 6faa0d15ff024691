//! Who looks names up: `[[client]]`, and its short form `lookup.family`.

use std::net::SocketAddr;

use stub::client::{Model, Resolver};
use toml::Spanned;

use super::asked::search;
use super::error::{Result, Source};
use super::file::{ClientFile, LookupFile, ScenarioFile};
use super::target::parse_server;
use crate::clients::ClientKind;

/// Reads the clients of a file; none where queries are sent as they are.
pub(super) fn kinds(
    file: &ScenarioFile,
    target: SocketAddr,
    source: &Source<'_>,
) -> Result<Vec<ClientKind>> {
    let lookup = file.workload.as_ref().lookup.as_ref();
    if let (Some(lookup), Some(client)) = (lookup, file.client.first()) {
        let reason = "client: workload.lookup has a search list already; give each client its own";
        return Err(source.error(client.span().start..lookup.span().end, reason));
    }
    let total: u32 = file
        .client
        .iter()
        .map(|client| u32::from(count(client.as_ref())))
        .sum();
    if let (Some(client), true) = (file.client.last(), total > MAX_CLIENTS) {
        let reason = format!("client.count: {total} in all, and at most {MAX_CLIENTS} are played");
        return Err(source.error(client.span(), reason));
    }
    if let Some(lookup) = lookup {
        return match &lookup.as_ref().family {
            None => Ok(Vec::new()),
            Some(family) => Ok(vec![short(family, lookup.as_ref(), target, source)?]),
        };
    }
    file.client
        .iter()
        .map(|client| kind(client, target, source))
        .collect()
}

fn count(client: &ClientFile) -> u16 {
    client.count.as_ref().map_or(1, |count| *count.as_ref())
}

/// `lookup = { family = … }`: one client.
fn short(
    family: &Spanned<String>,
    lookup: &LookupFile,
    target: SocketAddr,
    source: &Source<'_>,
) -> Result<ClientKind> {
    let domains = search(&lookup.search, "lookup.search", source)?;
    let options = format!("ndots:{}", lookup.ndots.unwrap_or(DEFAULT_NDOTS));
    let resolver = resolver(family, "lookup.family", &domains, &options, source)?;
    Ok(ClientKind {
        resolver: resolver.into(),
        servers: vec![target],
        count: 1,
        first_source: None,
    })
}

fn kind(file: &Spanned<ClientFile>, target: SocketAddr, source: &Source<'_>) -> Result<ClientKind> {
    let client = file.as_ref();
    let domains = search(&client.search, "client.search", source)?;
    if let Some(zero) = client.count.as_ref().filter(|count| *count.as_ref() == 0) {
        return Err(source.error(zero.span(), "client.count: at least 1"));
    }
    let default = format!("ndots:{DEFAULT_NDOTS}");
    let options = client
        .options
        .as_ref()
        .map_or(&default, |options| options.as_ref());
    let resolver = resolver(&client.model, "client.model", &domains, options, source)?;
    let mut servers = Vec::new();
    for server in &client.servers {
        let parsed = parse_server(server.as_ref())
            .map_err(|reason| source.error(server.span(), format!("client.servers: {reason}")))?;
        if parsed.is_ipv4() != target.is_ipv4() {
            let reason = "client.servers: not of the family of target.server";
            return Err(source.error(server.span(), reason));
        }
        servers.push(parsed);
    }
    if servers.is_empty() {
        servers.push(target);
    }
    if let (Some(more), true) = (client.servers.get(MAX_SERVERS), servers.len() > MAX_SERVERS) {
        let reason = format!("client.servers: resolvers ask {MAX_SERVERS} at most");
        return Err(source.error(more.span(), reason));
    }
    let first_source = client.first_source.as_ref();
    if let Some(first) = first_source.filter(|first| first.as_ref().is_ipv4() != target.is_ipv4()) {
        return Err(source.error(first.span(), "client.first_source: not of the server's family"));
    }
    let resolver = resolver.with_servers(u8::try_from(servers.len()).unwrap_or(u8::MAX));
    Ok(ClientKind {
        resolver: resolver.into(),
        servers,
        count: count(client),
        first_source: first_source.map(|first| *first.as_ref()),
    })
}

/// Reads the model, and the rest as the model reads a resolv.conf. What it would pass
/// over is an error: it would have no effect.
fn resolver(
    model: &Spanned<String>,
    field: &str,
    domains: &[String],
    options: &str,
    source: &Source<'_>,
) -> Result<Resolver> {
    let error = |reason: String| source.error(model.span(), reason);
    let parsed: Model = model
        .as_ref()
        .parse()
        .map_err(|reason| error(format!("{field}: {reason}")))?;
    if parsed == Model::CAres && !domains.is_empty() {
        return Err(error("client.search: c-ares asks for the name as it is".to_owned()));
    }
    let search = match domains.join(" ") {
        none if none.is_empty() => String::new(),
        list => format!("search {list}\n"),
    };
    if options.contains('\n') {
        return Err(error("client.options: one line".to_owned()));
    }
    let (resolver, remarks) = Resolver::new(parsed, &format!("{search}options {options}\n"));
    match remarks.first() {
        Some(remark) => {
            Err(error(format!("client.options, client.search: {parsed}: {}", remark.what)))
        }
        None => Ok(resolver),
    }
}

/// What the kubelet writes into a Pod's resolv.conf.
const DEFAULT_NDOTS: u8 = 5;
/// `MAXNS`.
const MAX_SERVERS: usize = 3;
/// Each thread keeps 12 octets of each; more have too many addresses.
const MAX_CLIENTS: u32 = 65_000;
