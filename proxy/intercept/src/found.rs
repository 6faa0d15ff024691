//! What is there of ours, whichever process made it; nothing else is ever touched.

use std::net::IpAddr;
use std::time::Duration;

use netlink::{Netlink, NetlinkError, Reply, Values, text};

use crate::link::{self, Device, Known};
use crate::nft::{self, FAMILY_INET, FIXED, TABLE_NAME, TABLE_USERDATA};
use crate::plan::{Family, TABLE};
use crate::rules::LIVE;

/// What is there of ours.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// Whether the table of our rules is there.
    pub table: bool,
    /// Whether a link of our own is there.
    pub link: bool,
    /// The addresses that carry our mark, or are on our link.
    pub addresses: Vec<IpAddr>,
    /// The addresses whose queries come to us, with the time for which they still do.
    pub live: Vec<(IpAddr, Duration)>,
}

impl Found {
    /// Whether there is nothing.
    pub const fn is_empty(&self) -> bool {
        !self.table && !self.link && self.addresses.is_empty()
    }
}

/// Looks at what is there of ours.
///
/// # Errors
///
/// Without `NET_ADMIN`.
pub fn status() -> Result<Found, NetlinkError> {
    let (mut netfilter, mut route) = (Netlink::netfilter()?, Netlink::route()?);
    let table = tables(&mut netfilter)?.iter().any(is_ours);
    let live = if table { live(&mut netfilter)? } else { Vec::new() };
    let (link, addresses) = ours(&mut route)?;
    let addresses = addresses.into_iter().map(|known| known.addr).collect();
    Ok(Found { table, link: link.is_some(), addresses, live })
}

/// The addresses whose queries come to us, or to another process of ours, with the time
/// for which they still do.
pub(crate) fn live(netfilter: &mut Netlink) -> Result<Vec<(IpAddr, Duration)>, NetlinkError> {
    let mut live = Vec::new();
    for family in [Family::V4, Family::V6] {
        let message = nft::list_elements(&family.set(LIVE));
        match netfilter.ask("list what is live", message, read_elements) {
            Ok(lives) => live.extend(lives.into_iter().flatten()),
            // There is no set for a family without addresses.
            Err(error) if error.number() == ENOENT => {}
            Err(error) => return Err(error),
        }
    }
    Ok(live)
}

/// Removes what is there of ours; returns what that was. Rules go last, so that no
/// address is without them.
///
/// # Errors
///
/// Without `NET_ADMIN`.
pub fn remove() -> Result<Found, NetlinkError> {
    let found = status()?;
    let (mut netfilter, mut route) = (Netlink::netfilter()?, Netlink::route()?);
    let (link, addresses) = ours(&mut route)?;
    for known in addresses.iter().filter(|known| Some(known.device) != link) {
        let message = link::delete_address(known.addr, known.device);
        route.request("remove an address", &[message])?;
    }
    if link.is_some() {
        route.request("remove our link", &[link::delete_link()])?;
    }
    if found.table {
        let batch = nft::batch(vec![nft::delete_table()]);
        netfilter.request("remove our table", &batch)?;
    }
    Ok(found)
}

/// A table: whether it has our name is known already.
pub(crate) type Table = Vec<u8>;

/// The comments of the tables with our name, of which there is one or none.
pub(crate) fn tables(netfilter: &mut Netlink) -> Result<Vec<Table>, NetlinkError> {
    netfilter.ask("list the tables", nft::list_tables(), |reply| {
        let attributes = reply.attributes(FIXED);
        let is_named = attributes.find(TABLE_NAME).map(text).as_deref() == Some(TABLE);
        let is_inet = reply.body.first() == Some(&FAMILY_INET);
        let comment = attributes.find(TABLE_USERDATA).unwrap_or_default();
        (is_named && is_inet).then(|| comment.to_vec())
    })
}

pub(crate) fn is_ours(table: &Table) -> bool {
    *table == nft::comment()
}

/// Our link and the addresses that are ours.
pub(crate) fn ours(route: &mut Netlink) -> Result<(Option<Device>, Vec<Known>), NetlinkError> {
    let link = route.ask("find our link", link::get_link(), link::read_link);
    // No such device is an error here.
    let link = link.unwrap_or_default().into_iter().next();
    let known = route.ask("list the addresses", link::list_addresses(), link::read_address)?;
    // Kernels before 5.18 keep no mark.
    let is_ours = |known: &Known| known.is_ours || Some(known.device) == link;
    let ours = known.into_iter().filter(is_ours).collect();
    Ok((link, ours))
}

/// The elements of one message, with what is left of their lives.
fn read_elements(reply: &Reply<'_>) -> Option<Vec<(IpAddr, Duration)>> {
    let list = reply.attributes(FIXED).nested(ELEMENTS)?;
    let element = |(_, element)| {
        let element = Values::of(element);
        let addr = match *element.nested(KEY)?.find(VALUE)? {
            [a, b, c, d] => IpAddr::from([a, b, c, d]),
            ref addr => IpAddr::from(<[u8; 16]>::try_from(addr).ok()?),
        };
        let left = element
            .find(EXPIRATION)
            .and_then(|left| left.first_chunk().copied());
        let left = Duration::from_millis(left.map_or(0, u64::from_be_bytes));
        Some((addr, left))
    };
    Some(list.all().filter_map(element).collect())
}

/// errno(3).
const ENOENT: i32 = 2;
const ELEMENTS: u16 = 3;
const KEY: u16 = 1;
const VALUE: u16 = 1;
const EXPIRATION: u16 = 5;
