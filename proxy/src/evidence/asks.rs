//! What probes ask for.

use std::net::IpAddr;

use diagnose::KnownName;
use dns::{Header, Name, Question as Asked, Rcode, Records, Rtype, Section};

use super::ask::Question;

/// For what.
#[derive(Clone, Debug)]
pub(super) enum Asks {
    /// A name of the cluster that always exists; then those that the API has, one each.
    Internal(Name, Vec<Record>),
    /// Names that nobody has asked before, so that no cache answers.
    Fresh(Name),
}

/// A name that the API has, and its address.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) name: Name,
    pub(super) addr: IpAddr,
    pub(super) is_endpoint: bool,
}

impl Asks {
    /// The question of the probe with this number, and whose name it is, if it is one of
    /// the API's.
    pub(super) fn question(&self, number: u32) -> (Question, Option<Record>) {
        match self {
            Self::Internal(usual, records) => {
                let number = usize::try_from(number).unwrap_or(usize::MAX);
                let record = number.checked_sub(1).and_then(|n| records.get(n));
                let question = record.map(Record::question);
                let question = question.unwrap_or_else(|| Question::new(usual, Rtype::A));
                (question, record.cloned())
            }
            Self::Fresh(domain) => (Question::new(&fresh(domain), Rtype::A), None),
        }
    }
}

impl Record {
    fn question(&self) -> Question {
        let qtype = if self.addr.is_ipv4() { Rtype::A } else { Rtype::AAAA };
        Question::new(&self.name, qtype)
    }

    /// What an answer tells of it: nothing where it is a failure.
    pub(super) fn known(&self, answer: &[u8]) -> Option<KnownName> {
        let header = Header::parse(answer)?;
        let is_there = match header.flags.rcode() {
            Rcode::NOERROR => self.is_in(answer, &header)?,
            Rcode::NXDOMAIN => false,
            _ => return None,
        };
        let name = self.name.to_string().trim_end_matches('.').to_owned();
        Some(KnownName { name, is_endpoint: self.is_endpoint, is_there })
    }

    fn is_in(&self, answer: &[u8], header: &Header) -> Option<bool> {
        let question = Asked::parse(answer).ok()?;
        let wanted = match self.addr {
            IpAddr::V4(addr) => addr.octets().to_vec(),
            IpAddr::V6(addr) => addr.octets().to_vec(),
        };
        let records = Records::new(answer, question.end(), header);
        let mut answers = records
            .map_while(Result::ok)
            .take_while(|one| one.section == Section::Answer);
        Some(answers.any(|one| answer.get(one.rdata) == Some(&wanted[..])))
    }
}

/// `kubernetes.default.svc` of a cluster: the Service of its API, which always exists.
pub(super) fn internal(domain: &Name) -> Name {
    below("kubernetes.default.svc", domain).unwrap_or(*domain)
}

/// A name of a cluster; none where it is too long.
pub(super) fn below(name: &str, domain: &Name) -> Option<Name> {
    Name::from_text(&format!("{name}.{domain}")).ok()
}

/// A name that nobody has asked before.
pub(super) fn fresh(domain: &Name) -> Name {
    let name = format!("fivedots-{:016x}", rand::random::<u64>());
    below(&name, domain).unwrap_or(*domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_clusters_or_new() {
        let domain = Name::from_text("cluster.local").unwrap();
        assert_eq!(internal(&domain).to_string(), "kubernetes.default.svc.cluster.local.");
        assert!(fresh(&domain).is_within(&domain));
        assert_ne!(fresh(&domain), fresh(&domain));
    }

    #[test]
    fn an_answer_has_a_name_only_with_its_address() {
        let name = Name::from_text("dns.kube-system.svc.cluster.local").unwrap();
        let record = |addr: &str| Record { name, addr: addr.parse().unwrap(), is_endpoint: false };
        let answer = |rcode: u8, addrs: &[[u8; 4]]| {
            let mut octets = dns::query(7, &name, Rtype::A);
            octets[2..4].copy_from_slice(&[0x85, rcode]);
            octets[7] = u8::try_from(addrs.len()).unwrap();
            for addr in addrs {
                octets.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4]);
                octets.extend(addr);
            }
            octets
        };
        let ours = record("10.96.0.10");
        let is_there = |octets: &[u8]| ours.known(octets).map(|known| known.is_there);
        let both = [[10, 96, 0, 9], [10, 96, 0, 10]];
        assert_eq!(is_there(&answer(0, &both)), Some(true));
        // Another address, as of a Service that was made anew; no data; denied.
        assert_eq!(is_there(&answer(0, &both[..1])), Some(false));
        assert_eq!(is_there(&answer(0, &[])), Some(false));
        assert_eq!(is_there(&answer(3, &[])), Some(false));
        // SERVFAIL, and what is no message.
        assert_eq!(is_there(&answer(2, &[])), None);
        assert_eq!(is_there(&[0; 5]), None);
        let six = record("fd00::1").known(&answer(0, &both)).unwrap();
        assert!(!six.is_there);
    }

    #[test]
    fn the_names_of_the_api_come_after_the_one_that_always_exists() {
        let name = Name::from_text("dns.kube-system.svc.cluster.local").unwrap();
        let record = Record { name, addr: [10, 96, 0, 10].into(), is_endpoint: false };
        let asks = Asks::Internal(name, vec![record]);
        let of_api = [0, 1, 2].map(|n| asks.question(n).1.is_some());
        assert_eq!(of_api, [false, true, false]);
    }
}
