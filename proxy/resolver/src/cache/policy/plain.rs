//! The answer that most are: one RRset, of the name and type that were asked for.
//!
//! There is no chain to follow and nothing to leave out, so a third of the work.
//! What it makes is what [`compose`](super::compose) makes of the same message.

use dns::{Composer, Header, Name, Opt, ParseError, Question, Rcode, Record, Records, Rtype};
use dns::{Section, get_u16};

use super::{CacheConfig, Composed, clamp, read_ttl};
use crate::cache::Kind;

/// What was found in one that is plain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    records: usize,
    /// Of the RRset, as its TTLs are.
    least_ttl: u32,
    ede: Option<u16>,
}

impl Plain {
    /// Reads a message; none if it is not plain, or not well-formed.
    pub(super) fn read(message: &[u8], question: &Question<'_>, header: &Header) -> Option<Self> {
        // Signatures of one owner are apart by the type they cover.
        if question.qtype == Rtype::RRSIG {
            return None;
        }
        let (mut rcode, mut ede) = (header.flags.rcode(), None);
        let (mut records, mut least_ttl) = (0, u32::MAX);
        for record in Records::new(message, question.end(), header) {
            let record = record.ok()?;
            if let Some(opt) = Opt::from_record(&record) {
                rcode = opt.rcode(rcode);
                ede = Opt::extended_error(message, &record).unwrap_or_default();
                continue;
            }
            let of_question = get_u16(message, record.owner_at) == Some(Question::POINTER);
            if !of_question || !is_answer(&record, question.qtype) {
                return None;
            }
            records += 1;
            least_ttl = least_ttl.min(read_ttl(record.ttl));
        }
        (records > 0 && rcode == Rcode::NOERROR).then_some(Self { records, least_ttl, ede })
    }

    /// Composes it.
    pub(super) fn compose(
        self,
        message: &[u8],
        (question, qname): (&Question<'_>, &Name),
        header: &Header,
        config: &CacheConfig,
    ) -> Result<Composed, ParseError> {
        let ttl = clamp(self.least_ttl, config.min_ttl, config.max_ttl);
        let mut octets = Vec::with_capacity(message.len());
        let mut ttls = Vec::with_capacity(self.records * 2);
        let mut composer = Composer::new(&mut octets, qname, question.qtype, question.qclass);
        let all = Records::new(message, question.end(), header);
        for record in all
            .flatten()
            .filter(|record| is_answer(record, question.qtype))
        {
            let at = composer.record_of(qname, message, &record, ttl)?;
            let at = u16::try_from(at).map_err(|_| ParseError::TooLong)?;
            ttls.extend(at.to_be_bytes());
        }
        let records = u16::try_from(self.records).map_err(|_| ParseError::TooLong)?;
        let counts = [1, records, 0, 0];
        composer.finish(&Header { id: 0, flags: header.flags, counts })?;
        let (kind, rcode, ede) = (Kind::Positive, Rcode::NOERROR, self.ede);
        Ok(Composed { kind, rcode, ede, least_ttl: Some(ttl), octets, ttls })
    }
}

fn is_answer(record: &Record, qtype: Rtype) -> bool {
    record.section == Section::Answer && record.rtype == qtype
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::super::compose;
    use super::*;

    /// A message of a few records, most of which are plain.
    fn message(rng: &mut StdRng) -> Vec<u8> {
        let qname = Name::from_text("www.example.").unwrap();
        let other = Name::from_text("real.www.example.").unwrap();
        let mut octets = Vec::new();
        let mut composer = Composer::new(&mut octets, &qname, Rtype::A, dns::Class::IN);
        let mut counts = [1, 0, 0, 0];
        for (section, count) in (1_u32..).zip(counts.iter_mut().skip(1)) {
            for _ in 0..rng.random_range(0..4 / section) {
                let odd = |rng: &mut StdRng| rng.random_bool(0.1);
                let owner = if odd(rng) { other } else { qname };
                let ttl = [0, 5, 300, 90_000, 1 << 31][rng.random_range(0..5)];
                let ttl = if odd(rng) { ttl } else { 30 };
                let (rtype, rdata) = match rng.random_range(0..10) {
                    0 => (Rtype::CNAME, other.as_wire().to_vec()),
                    1 => (Rtype::TXT, b"\x03abc".to_vec()),
                    _ => (Rtype::A, vec![192, 0, 2, rng.random()]),
                };
                composer.own_record(&owner, rtype, ttl, &rdata).unwrap();
                *count += 1;
            }
        }
        let flags =
            dns::Flags(dns::Flags::QR | if rng.random_bool(0.1) { dns::Flags::TC } else { 0 });
        let rcode = if rng.random_bool(0.1) { Rcode::NXDOMAIN } else { Rcode::NOERROR };
        composer
            .finish(&Header { id: 1, flags: flags.with_rcode(rcode), counts })
            .unwrap();
        octets
    }

    #[test]
    fn it_makes_what_the_long_way_makes() {
        let mut rng = StdRng::seed_from_u64(9);
        let qname = Name::from_text("www.example.").unwrap();
        let qtype = Rtype::A;
        let question = Question { qname: qname.as_wire(), qtype, qclass: dns::Class::IN };
        let config =
            CacheConfig { min_ttl: std::time::Duration::from_secs(2), ..Default::default() };
        let mut plain = 0;
        for _ in 0..5_000 {
            let message = message(&mut rng);
            let header = Header::parse(&message).unwrap();
            let Some(found) = Plain::read(&message, &question, &header) else { continue };
            let short = found.compose(&message, (&question, &qname), &header, &config);
            let long = compose(&message, (&question, &qname), &header, &config);
            assert_eq!(short.unwrap(), long.unwrap());
            plain += 1;
        }
        assert!((500..4_500).contains(&plain), "{plain}");
    }
}
