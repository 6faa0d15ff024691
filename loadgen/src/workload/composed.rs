//! Queries that were composed before the run.

use dns::{Name, Opt, Rtype, put_u16};

/// Composed queries, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Queries {
    octets: Vec<u8>,
    ends: Vec<u32>,
}

impl Queries {
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn push(&mut self, name: &Name, qtype: Rtype) {
        self.push_with(name, qtype, None, false);
    }

    /// Adds a query with an OPT record of this payload size (RFC 6891, section 6.1.2).
    pub(super) fn push_with(
        &mut self,
        name: &Name,
        qtype: Rtype,
        payload: Option<u16>,
        dnssec_ok: bool,
    ) {
        let mut query = dns::query(0, name, qtype);
        if let Some(payload) = payload {
            // One additional record; the header has its place.
            put_u16(&mut query, ARCOUNT, 1).unwrap_or_default();
            let opt = Opt { udp_payload_size: payload, extended_rcode: 0, version: 0, dnssec_ok };
            let mut record = [0; Opt::LEN];
            // Without options it is as long as this.
            opt.patch(&mut record, None).unwrap_or_default();
            query.extend(record);
        }
        self.octets.extend(&query);
        self.ends
            .push(u32::try_from(self.octets.len()).unwrap_or(u32::MAX));
    }

    pub(super) fn get(&self, query: u32) -> &[u8] {
        let at = query as usize;
        let start = at
            .checked_sub(1)
            .and_then(|at| self.ends.get(at))
            .copied()
            .unwrap_or(0);
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.octets
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// The octets of the longest.
    pub(super) fn longest(&self) -> u32 {
        let starts = std::iter::once(&0).chain(&self.ends);
        let lens = self.ends.iter().zip(starts).map(|(end, start)| end - start);
        lens.max().unwrap_or(0)
    }
}

/// The offset of the count of additional records in a header.
const ARCOUNT: usize = 10;
