//! A Service whose address is an upstream.

use std::fmt;
use std::net::IpAddr;

/// A Service, by the address that is an upstream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Service {
    /// Its `ClusterIP`.
    pub addr: IpAddr,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Service {
    /// Parses `ADDR=NAMESPACE/NAME`, as the flag has it.
    ///
    /// # Errors
    ///
    /// A sentence that names the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=');
        let (addr, service) =
            parts.ok_or_else(|| format!("{text:?} is not ADDR=NAMESPACE/NAME"))?;
        Self::of(addr, service)
    }

    /// Returns it as a pair of a table in TOML.
    pub fn pair(&self) -> String {
        format!("{:?} = {:?}", self.addr.to_string(), self.to_string())
    }

    /// Takes the address and `NAMESPACE/NAME` apart.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn of(addr: &str, service: &str) -> Result<Self, String> {
        let no_address = |_| format!("{addr:?} is not an address without a port");
        let addr = addr.parse().map_err(no_address)?;
        match service.split_once('/') {
            Some((namespace, name)) if is_label(namespace) && is_label(name) => {
                Ok(Self { addr, namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!("{service:?} is not NAMESPACE/NAME of a Service")),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.namespace, self.name)
    }
}

/// A DNS label, as names of Kubernetes are: nothing that has a meaning in a
/// path or a selector.
fn is_label(text: &str) -> bool {
    let is_of_one =
        |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(is_of_one)
}
