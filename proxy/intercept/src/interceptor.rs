//! What a proxy holds while it intercepts.

use std::net::{IpAddr, SocketAddr};

use netlink::{Netlink, NetlinkError};

use crate::found::{is_ours, live, ours, tables};
use crate::link::{self, Device, Known, LINK, LOOPBACK};
use crate::plan::{Plan, TABLE};
use crate::rules::{self, Matching};

/// Why nothing is intercepted.
#[derive(Debug, thiserror::Error)]
pub enum InterceptError {
    /// The kernel refuses.
    #[error("{0}; it needs the capability NET_ADMIN")]
    Refused(NetlinkError),
    /// Another error of the kernel.
    #[error(transparent)]
    Kernel(#[from] NetlinkError),
    /// Someone else has a table of our name.
    #[error("the table inet {TABLE} is not ours: it lacks the comment \"{TABLE}\"")]
    Foreign,
}

/// The addresses and rules of a plan, in force. They stay when it is dropped, as they
/// do when the process dies: without [`Self::renew`] they send everything to CoreDNS.
#[derive(Debug)]
pub struct Interceptor {
    netfilter: Netlink,
    plan: Plan,
    matching: Matching,
    device: &'static str,
    /// Whether an earlier process may have left addresses that are not of the plan.
    has_others: bool,
}

impl Interceptor {
    /// Makes the addresses of `plan` ours and puts its rules in force; what an earlier
    /// process left is taken over. Nothing is intercepted before [`Self::renew`].
    ///
    /// # Errors
    ///
    /// Without `NET_ADMIN`, without `nf_tables`, and when a table of our name is another's.
    pub fn install(plan: Plan) -> Result<Self, InterceptError> {
        let mut netfilter = Netlink::netfilter()?;
        if tables(&mut netfilter)?.iter().any(|table| !is_ours(table)) {
            return Err(InterceptError::Foreign);
        }
        // Before the addresses: nobody may meet an address without rules.
        let matching = put_in_force(&mut netfilter, &plan)?;
        let (device, _) = own_addresses(&plan)?;
        Ok(Self { netfilter, plan, matching, device, has_others: true })
    }

    /// Lets queries come to us for [`rules::LIFE`] from here on.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, as it does when the table is gone.
    pub fn renew(&mut self) -> Result<(), InterceptError> {
        let batch = rules::renew(&self.plan);
        Ok(self.netfilter.request("renew the interception", &batch)?)
    }

    /// Lets no query come to us from here on.
    ///
    /// # Errors
    ///
    /// As [`Self::renew`].
    pub fn give_back(&mut self) -> Result<(), InterceptError> {
        let batch = rules::give_back(&self.plan);
        Ok(self.netfilter.request("end the interception", &batch)?)
    }

    /// Removes the addresses of an earlier plan, as soon as no other process of ours takes
    /// queries there; returns them.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn remove_others(&mut self) -> Result<Vec<IpAddr>, InterceptError> {
        if !self.has_others {
            return Ok(Vec::new());
        }
        let mut route = Netlink::route()?;
        let (_, known) = ours(&mut route)?;
        let others: Vec<_> = known
            .into_iter()
            .filter(|known| !self.plan.all().any(|addr| addr == known.addr))
            .collect();
        let live = live(&mut self.netfilter)?;
        let is_free = |addr: IpAddr| !live.iter().any(|(live, _)| *live == addr);
        let mut removed = Vec::new();
        for known in others.iter().filter(|known| is_free(known.addr)) {
            let message = link::delete_address(known.addr, known.device);
            route.request("remove an address", &[message])?;
            removed.push(known.addr);
        }
        self.has_others = removed.len() < others.len();
        Ok(removed)
    }

    /// Sends queries for local addresses there while nothing is intercepted; returns what
    /// is no longer among them, for [`forget`](crate::forget).
    ///
    /// # Errors
    ///
    /// As [`Self::renew`].
    pub fn set_fallback(
        &mut self,
        fallback: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, InterceptError> {
        let plan = Plan { fallback, ..self.plan.clone() };
        self.netfilter
            .request("replace the fallback", &rules::replace_fallback(&plan))?;
        let before = std::mem::replace(&mut self.plan, plan).fallback;
        let stays = |to: &SocketAddr| self.plan.fallback.contains(to);
        Ok(before.into_iter().filter(|to| !stays(to)).collect())
    }

    /// Puts everything in force again, as after someone removed it.
    ///
    /// # Errors
    ///
    /// As [`Self::install`].
    pub fn repair(&mut self) -> Result<(), InterceptError> {
        *self = Self::install(self.plan.clone())?;
        Ok(())
    }

    /// Makes the addresses ours again that someone removed; returns them.
    ///
    /// # Errors
    ///
    /// As [`Self::install`].
    pub fn restore_addresses(&mut self) -> Result<Vec<IpAddr>, InterceptError> {
        let (device, added) = own_addresses(&self.plan)?;
        self.device = device;
        Ok(added)
    }

    /// The addresses that clients of this node ask, other than those of Services.
    pub fn local(&self) -> &[IpAddr] {
        &self.plan.local
    }

    /// Whether a packet is only taken when a socket of ours would get it.
    pub const fn matching(&self) -> Matching {
        self.matching
    }

    /// The device that has the addresses.
    pub const fn device(&self) -> &'static str {
        self.device
    }

    /// The addresses that nothing answers while we do not.
    pub fn without_fallback(&self) -> Vec<IpAddr> {
        rules::without_fallback(&self.plan).collect()
    }
}

/// The kernel shows what it lacks by refusing the whole batch.
fn put_in_force(netfilter: &mut Netlink, plan: &Plan) -> Result<Matching, InterceptError> {
    let tries = [
        (rules::install(plan, Matching::Socket), Matching::Socket),
        (rules::install_anew(plan, Matching::Socket), Matching::Socket),
        (rules::install_anew(plan, Matching::Address), Matching::Address),
    ];
    let mut refused = None;
    for (batch, matching) in tries {
        match netfilter.request("put the rules of interception in force", &batch) {
            Ok(()) => return Ok(matching),
            Err(error) if error.number() == EPERM => return Err(InterceptError::Refused(error)),
            Err(error) => refused = Some(error),
        }
    }
    refused.map_or(Ok(Matching::Address), |error| Err(error.into()))
}

/// Adds what is missing; returns the name of the device, and what was.
fn own_addresses(plan: &Plan) -> Result<(&'static str, Vec<IpAddr>), InterceptError> {
    let mut route = Netlink::route()?;
    let link = our_link(&mut route)?;
    let known: Vec<Known> =
        route.ask("list the addresses", link::list_addresses(), link::read_address)?;
    let mut added = Vec::new();
    for addr in plan.all() {
        // Also one that a person has put elsewhere does.
        if !known.iter().any(|known| known.addr == addr) {
            let device = link.unwrap_or(LOOPBACK);
            route.request("add an address", &[link::new_address(addr, device)])?;
            added.push(addr);
        }
    }
    Ok((if link.is_some() { LINK } else { "lo" }, added))
}

/// Our link, made where it is missing; `None` where there can be none.
fn our_link(route: &mut Netlink) -> Result<Option<Device>, NetlinkError> {
    match route.request("make a link", &[link::new_link()]) {
        Err(error) if error.number() == EOPNOTSUPP => return Ok(None),
        Err(error) if error.number() != EEXIST => return Err(error),
        _ => {}
    }
    let found = route.ask("find our link", link::get_link(), link::read_link)?;
    Ok(found.into_iter().next())
}

/// Numbers of errors (errno(3)).
const EPERM: i32 = 1;
const EEXIST: i32 = 17;
const EOPNOTSUPP: i32 = 95;
