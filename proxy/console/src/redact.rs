//! Pseudonyms for names and clients, for pages that are shown to others.
//!
//! A name or client has the same pseudonym until the process ends, so that
//! figures can still be related. The key is random and never leaves the process:
//! a guessed name cannot be checked against its pseudonym.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// What to replace by pseudonyms.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Redact {
    /// Names that were queried, and those of zones and search lists.
    pub names: bool,
    /// Addresses of clients.
    pub clients: bool,
}

impl FromStr for Redact {
    type Err = String;

    /// Reads `names`, `clients` or both with a comma.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut redact = Self::default();
        for word in text.split(',') {
            match word {
                "names" => redact.names = true,
                "clients" => redact.clients = true,
                _ => return Err(format!("{word:?} is neither names nor clients")),
            }
        }
        Ok(redact)
    }
}

impl fmt::Display for Redact {
    /// Writes what [`Redact::from_str`] reads; nothing for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.names, self.clients) {
            (false, false) => "",
            (true, false) => "names",
            (false, true) => "clients",
            (true, true) => "names,clients",
        })
    }
}

impl<'de> Deserialize<'de> for Redact {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Makes the pseudonyms of this process, with the hash of the standard library's
/// maps: SipHash under a random key, which does not follow from the hashes.
#[derive(Clone, Debug, Default)]
pub struct Pseudonyms {
    key: RandomState,
}

/// Replaces names and clients by their pseudonyms, as far as a reader asked for.
#[derive(Clone, Debug)]
pub struct Veil {
    pseudonyms: Pseudonyms,
    redact: Redact,
}

impl Pseudonyms {
    /// Returns a veil over what `redact` selects.
    pub fn veil(&self, redact: Redact) -> Veil {
        Veil { pseudonyms: self.clone(), redact }
    }

    fn bits(&self, of: &str) -> u64 {
        self.key.hash_one(of) >> UNUSED
    }
}

impl Veil {
    /// Returns a name as text or its pseudonym. The root is never replaced.
    pub fn name(&self, name: String) -> String {
        if !self.redact.names || name == "." {
            return name;
        }
        let folded = name.trim_end_matches('.').to_ascii_lowercase();
        format!("name-{:012x}", self.pseudonyms.bits(&folded))
    }

    /// Returns a client or its pseudonym: an address of the range for
    /// documentation, which is never in use.
    pub fn client(&self, client: IpAddr) -> IpAddr {
        if !self.redact.clients {
            return client;
        }
        let bits = self.pseudonyms.bits(&client.to_canonical().to_string());
        IpAddr::V6(Ipv6Addr::from_bits(DOCUMENTATION | u128::from(bits)))
    }

    /// Returns a word that identifies a client, or its pseudonym: the name of its
    /// pod, of its workload or of their namespace.
    pub fn word(&self, word: String) -> String {
        if !self.redact.clients || word.is_empty() {
            return word;
        }
        format!("client-{:012x}", self.pseudonyms.bits(&word))
    }

    /// Returns whether names or clients are replaced.
    pub const fn hides_anything(&self) -> bool {
        self.redact.clients || self.redact.names
    }

    /// Returns whether clients are replaced.
    pub const fn hides_clients(&self) -> bool {
        self.redact.clients
    }
}

/// 48 bits are left: two of ten thousand clients have the same once in five
/// million runs.
const UNUSED: u32 = 16;

/// `2001:db8::/32`.
const DOCUMENTATION: u128 = 0x2001_0db8 << 96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_stay_equal_and_others_apart_until_the_process_ends() {
        let here = Pseudonyms::default();
        let veil = here.veil("names,clients".parse().unwrap());
        let name = |text: &str| veil.name(text.to_owned());
        assert_eq!(name("api.example.com."), name("API.example.com."));
        assert_ne!(name("api.example.com."), name("web.example.com."));
        assert!(name("api.example.com.").starts_with("name-"));
        assert_eq!(name("."), ".");
        let client = |text: &str| veil.client(text.parse().unwrap());
        assert_eq!(client("10.0.0.1"), client("::ffff:10.0.0.1"));
        assert_ne!(client("10.0.0.1"), client("10.0.0.2"));
        assert!(client("10.0.0.1").to_string().starts_with("2001:db8::"));
        let there = Pseudonyms::default().veil("names".parse().unwrap());
        assert_ne!(there.name("api.example.com.".to_owned()), name("api.example.com."));
    }

    #[test]
    fn what_is_not_named_is_shown() {
        let veil = |text: &str| Pseudonyms::default().veil(text.parse().unwrap());
        let addr: IpAddr = "10.0.0.1".parse().unwrap();
        assert_eq!(veil("names").client(addr), addr);
        assert_eq!(veil("clients").name("a.test.".to_owned()), "a.test.");
        assert!(veil("clients").hides_clients() && !veil("names").hides_clients());
        assert_eq!(veil("names").word("shop".to_owned()), "shop");
        assert!(
            veil("clients")
                .word("shop".to_owned())
                .starts_with("client-")
        );
        assert_eq!(veil("clients").word(String::new()), "");
        for good in ["names", "clients", "names,clients"] {
            assert_eq!(good.parse::<Redact>().unwrap().to_string(), good);
        }
        for bad in ["", "name", "names,", "all"] {
            assert!(bad.parse::<Redact>().is_err(), "{bad}");
        }
    }
}
