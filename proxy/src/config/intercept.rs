//! The part of interception.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

use toml::Spanned;

use super::ConfigError;
use super::file::{InterceptTable, Source};
use super::units::Ip;
use intercept::Plan;

/// Whether, and for which addresses, this node's DNS is taken over.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InterceptConfig {
    /// Off by default.
    pub enabled: bool,
    /// The addresses, and where their queries go without us.
    pub plan: Plan,
}

impl InterceptConfig {
    /// The addresses to listen on, which are nobody's unless it is enabled.
    pub fn listen(&self) -> impl Iterator<Item = SocketAddr> {
        let all = self.plan.services.iter().chain(&self.plan.local);
        all.filter(|_| self.enabled)
            .map(|addr| SocketAddr::new(*addr, DNS_PORT))
    }

    pub(super) fn write(&self, text: &mut String) -> fmt::Result {
        let Plan { services, local, fallback, .. } = &self.plan;
        let shown = |addrs: &[IpAddr]| addrs.iter().map(ToString::to_string).collect::<Vec<_>>();
        let fallback: Vec<_> = fallback.iter().map(ToString::to_string).collect();
        writeln!(text, "\n[intercept]")?;
        writeln!(text, "enabled = {}", self.enabled)?;
        writeln!(text, "services = {:?}", shown(services))?;
        writeln!(text, "local = {:?}", shown(local))?;
        writeln!(text, "fallback = {fallback:?}")
    }
}

pub(super) fn intercept(source: &Source) -> Result<InterceptConfig, ConfigError> {
    let table = &source.file.intercept;
    let InterceptTable { enabled, services, local, fallback } = table;
    let services = addresses(source, services)?;
    let local = addresses(source, local)?;
    let fallback = list(fallback)
        .map(|addr| addr.get_ref().at(DNS_PORT))
        .collect();
    let enabled_at = enabled.as_ref().filter(|enabled| *enabled.get_ref());
    if let Some(at) = enabled_at
        && services.is_empty()
        && local.is_empty()
    {
        let reason = "no address to take over; write `services` or `local`";
        return Err(source.wrong(&at.span(), reason));
    }
    let plan = Plan { services, local, fallback, also: Vec::new() };
    Ok(InterceptConfig { enabled: enabled_at.is_some(), plan })
}

/// Addresses that a machine may have, each once.
fn addresses(source: &Source, written: &List<Ip>) -> Result<Vec<IpAddr>, ConfigError> {
    let mut found = Vec::new();
    for addr in list(written) {
        let ip = addr.get_ref().0;
        if ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() {
            let reason = format!("{ip} is no address that clients send queries to");
            return Err(source.wrong(&addr.span(), &reason));
        }
        if found.contains(&ip) {
            return Err(source.wrong(&addr.span(), &format!("{ip} is listed twice")));
        }
        found.push(ip);
    }
    Ok(found)
}

type List<T> = Option<Spanned<Vec<Spanned<T>>>>;

fn list<T>(written: &List<T>) -> impl Iterator<Item = &Spanned<T>> {
    written.iter().flat_map(|list| list.get_ref())
}

/// The port of DNS (RFC 1035, section 4.2).
const DNS_PORT: u16 = 53;

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn parse(lines: &str) -> Result<Config, String> {
        let text = format!("version = 1\nupstreams = [\"192.0.2.1\"]\n{lines}");
        Config::parse(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn its_addresses_are_served_while_it_is_enabled() {
        let lines = "[intercept]\nservices = [\"10.96.0.10\"]\nlocal = [\"fd00::a\"]\n\
                     fallback = [\"10.244.1.2\", \"10.244.1.3:5353\"]";
        let off = parse(lines).unwrap();
        assert_eq!(off.listen, parse("").unwrap().listen);
        let on = parse(&format!("{lines}\nenabled = true")).unwrap();
        let shown: Vec<_> = on.listen.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["127.0.0.1:5335", "10.96.0.10:53", "[fd00::a]:53"]);
        let fallback: Vec<_> = on
            .intercept
            .plan
            .fallback
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(fallback, ["10.244.1.2:53", "10.244.1.3:5353"]);
        assert_eq!(Config::parse(&on.to_toml()).unwrap().intercept, on.intercept);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_line() {
        for (lines, said) in [
            ("enabled = true", ":4: intercept.enabled: no address to take over"),
            ("local = [\"127.0.0.1\"]", ":4: intercept.local: 127.0.0.1 is no address that"),
            ("services = [\"::1\"]", "::1 is no address"),
            ("local = [\"169.254.20.10:53\"]", "is not an address without a port"),
            ("local = [\"10.1.1.1\", \"10.1.1.1\"]", "10.1.1.1 is listed twice"),
            // A loop: the upstream would be ourselves.
            ("enabled = true\nservices = [\"192.0.2.1\"]", "192.0.2.1"),
        ] {
            let error = parse(&format!("[intercept]\n{lines}")).unwrap_err();
            assert!(error.contains(said), "{lines}: {error}");
        }
    }
}
