//! One query as it came, and the well-formed response to it.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{DNSClass, Name, RecordType};

use crate::zone::ZoneAnswer;

/// Over what a query came.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A length-prefixed frame of a connection (RFC 7766).
    Tcp,
}

/// A query we can answer: one question, parsed, beside its octets.
pub(crate) struct Question {
    pub(crate) octets: Vec<u8>,
    pub(crate) message: Message,
    pub(crate) qname: Name,
    pub(crate) qtype: RecordType,
    pub(crate) transport: Transport,
}

impl Question {
    /// Parses a query; `None` for what deserves silence.
    pub(crate) fn parse(octets: &[u8], transport: Transport) -> Option<Self> {
        let message = Message::from_vec(octets).ok()?;
        if message.metadata.message_type != MessageType::Query {
            return None;
        }
        let [query] = message.queries.as_slice() else { return None };
        let (qname, qtype) = (query.name.clone(), query.query_type);
        Some(Self { octets: octets.to_vec(), message, qname, qtype, transport })
    }

    /// The question section's octets, as the client wrote them.
    pub(crate) fn section(&self) -> &[u8] {
        // Each label costs its length octet, the root costs one, then come type
        // and class. Nothing stands before a first name to point to.
        let name: usize = self.qname.iter().map(|label| label.len() + 1).sum();
        self.octets
            .get(HEADER..HEADER + name + 1 + 4)
            .unwrap_or_default()
    }

    /// Whether this is a query of class IN for which zones are looked up.
    pub(crate) fn is_ordinary(&self) -> bool {
        let class = self.message.queries.first().map(|query| query.query_class);
        self.message.metadata.op_code == OpCode::Query && class == Some(DNSClass::IN)
    }

    /// Composes the response with a zone's answer.
    pub(crate) fn respond(&self, found: ZoneAnswer) -> Vec<u8> {
        let mut response = self.response(found.rcode);
        response.metadata.authoritative = found.flags.authoritative;
        response.metadata.recursion_available = found.flags.recursion_available;
        response.metadata.authentic_data = found.flags.authentic_data;
        response.answers = found.answers;
        response.authorities = found.authorities;
        response.additionals = found.additionals;
        for record in &mut response.answers {
            // CoreDNS gives the owner back as it was asked (0x20).
            if record.name == self.qname {
                record.name = self.qname.clone();
            }
        }
        self.fit(response)
    }

    /// Composes a response with an RCODE and nothing else.
    pub(crate) fn fail(&self, rcode: ResponseCode, recursion_available: bool) -> Vec<u8> {
        let mut response = self.response(rcode);
        response.metadata.recursion_available = recursion_available;
        self.fit(response)
    }

    /// The same with an Extended DNS Error (RFC 8914), without text.
    pub(crate) fn explain(
        &self,
        rcode: ResponseCode,
        recursion_available: bool,
        code: u16,
    ) -> Vec<u8> {
        let mut response = self.response(rcode);
        response.metadata.recursion_available = recursion_available;
        if let Some(edns) = &mut response.edns {
            let error = EdnsOption::Unknown(EXTENDED_ERROR, code.to_be_bytes().to_vec());
            edns.options_mut().insert(error);
        }
        self.fit(response)
    }

    /// Composes TC=1 with the question and no record (RFC 2181, section 9).
    pub(crate) fn truncated(&self) -> Vec<u8> {
        let mut response = self.response(ResponseCode::NoError);
        response.metadata.truncation = true;
        self.fit(response)
    }

    fn response(&self, rcode: ResponseCode) -> Message {
        let request = &self.message.metadata;
        let mut response = Message::response(request.id, request.op_code);
        response.metadata.recursion_desired = request.recursion_desired;
        response.metadata.checking_disabled = request.checking_disabled;
        response.metadata.response_code = rcode;
        response.queries.clone_from(&self.message.queries);
        response.edns = self.message.edns.as_ref().map(|asked| {
            let mut edns = Edns::new();
            edns.set_max_payload(OWN_PAYLOAD);
            edns.set_dnssec_ok(asked.flags().dnssec_ok);
            edns
        });
        response
    }

    /// Over UDP, drops whole records from the end until the client's size holds
    /// the rest, and sets TC.
    fn fit(&self, mut response: Message) -> Vec<u8> {
        let limit = match self.transport {
            Transport::Tcp => usize::from(u16::MAX),
            Transport::Udp => usize::from(self.message.max_payload().max(512)),
        };
        loop {
            // Only a message above 64 KiB fails here, and those shrink below.
            let octets = response.to_vec().unwrap_or_default();
            if !octets.is_empty() && octets.len() <= limit {
                return octets;
            }
            response.metadata.truncation = true;
            let dropped = response
                .additionals
                .pop()
                .or_else(|| response.authorities.pop())
                .or_else(|| response.answers.pop());
            if dropped.is_none() {
                return octets;
            }
        }
    }
}

/// Octets of a message's header (RFC 1035, section 4.1.1).
pub(crate) const HEADER: usize = 12;
/// Option code of Extended DNS Errors (RFC 8914, section 2).
const EXTENDED_ERROR: u16 = 15;
/// What we announce as our own receive size (RFC 9715).
const OWN_PAYLOAD: u16 = 1232;
