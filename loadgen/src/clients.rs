//! The clients of a scenario: which resolvers, with which resolv.conf, how many of each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use dns::Name;
use stub::Walk;
use stub::client::Resolver;

use crate::workload;

/// All clients, and what each kind asks for each name.
#[derive(Debug)]
pub struct Clients {
    kinds: Vec<ClientKind>,
    /// By the workload's item: all names of the first kind, then those of the next.
    walks: Vec<Walk>,
}

/// Clients that behave alike.
#[derive(Clone, Debug)]
pub struct ClientKind {
    /// How they look names up.
    pub resolver: Arc<Resolver>,
    /// Whom they ask, in the order of resolv.conf.
    pub servers: Vec<SocketAddr>,
    /// How many there are, one at least.
    pub count: u16,
    /// The address of the first; each further one has the next. The kernel's choice
    /// without it.
    pub first_source: Option<IpAddr>,
}

impl Clients {
    /// Works out what each kind asks for each of `names`, as a program would write
    /// them; the walks are for [`Workload::lookups`](workload::Workload::lookups), a group
    /// for each kind.
    ///
    /// # Errors
    ///
    /// A name that a resolver would not look up.
    pub fn new(
        kinds: Vec<ClientKind>,
        names: &[String],
    ) -> Result<(Self, Vec<Vec<workload::Walk>>), String> {
        let mut walks = Vec::with_capacity(kinds.len() * names.len());
        let mut groups = Vec::with_capacity(kinds.len());
        for kind in &kinds {
            let mut group = Vec::with_capacity(names.len());
            for name in names {
                let walk = kind.resolver.walk(name);
                group.push(wire_names(&walk, name)?);
                walks.push(walk);
            }
            groups.push(group);
        }
        Ok((Self { kinds, walks }, groups))
    }

    /// Returns the kinds, in the order of the file.
    pub fn kinds(&self) -> &[ClientKind] {
        &self.kinds
    }

    /// Returns how many clients there are in all.
    pub fn count(&self) -> u32 {
        self.kinds.iter().map(|kind| u32::from(kind.count)).sum()
    }

    /// Returns the kind of a client, and its place among those of the kind.
    pub fn kind_of(&self, client: u32) -> Option<(u16, &ClientKind, u32)> {
        let mut before = 0;
        for (number, kind) in (0..).zip(&self.kinds) {
            let count = u32::from(kind.count);
            if client < before + count {
                return Some((number, kind, client - before));
            }
            before += count;
        }
        None
    }

    /// Returns the walk of an item of the workload.
    pub fn walk(&self, item: u32) -> Option<&Walk> {
        self.walks.get(item as usize)
    }
}

impl ClientKind {
    /// Returns the address that its n-th client sends from.
    pub fn source(&self, n: u32) -> Option<SocketAddr> {
        let address = match self.first_source? {
            IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits().wrapping_add(n)).into(),
            IpAddr::V6(first) => {
                Ipv6Addr::from_bits(first.to_bits().wrapping_add(u128::from(n))).into()
            }
        };
        Some(SocketAddr::new(address, 0))
    }
}

fn wire_names(walk: &Walk, name: &str) -> Result<workload::Walk, String> {
    let parse = |name: &str| Name::from_text(name).map_err(|error| format!("{name:?}: {error}"));
    let names = walk.names().map(parse).collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() {
        return Err(format!("{name:?} is a name that no stub resolver looks up"));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use stub::client::Model;

    use super::*;

    fn kind(model: Model, count: u16) -> ClientKind {
        let (resolver, _) = Resolver::new(model, "search a.example\noptions ndots:2\n");
        let first_source = Some("127.10.0.254".parse().unwrap());
        ClientKind { resolver: resolver.into(), servers: Vec::new(), count, first_source }
    }

    #[test]
    fn clients_belong_to_kinds_and_each_has_an_address() {
        let kinds = vec![kind(Model::Glibc, 3), kind(Model::CAres, 2)];
        let (clients, groups) = Clients::new(kinds, &["x.y".to_owned()]).unwrap();
        assert_eq!(clients.count(), 5);
        let places: Vec<_> = (0..5)
            .map(|client| clients.kind_of(client).unwrap())
            .map(|(kind, _, place)| (kind, place))
            .collect();
        assert_eq!(places, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]);
        assert!(clients.kind_of(5).is_none());
        assert_eq!(clients.kinds()[0].source(2).unwrap().to_string(), "127.10.1.0:0");
        let lens: Vec<_> = groups.iter().map(|group| group[0].len()).collect();
        assert_eq!(lens, [2, 1]);
    }

    #[test]
    fn a_name_that_cannot_be_asked_for_is_an_error() {
        let error = Clients::new(vec![kind(Model::Go, 1)], &["a..b".to_owned()]).unwrap_err();
        assert!(error.contains("no stub resolver looks up"), "{error}");
    }
}
