//! A response of an honest server for a zone whose owner is not: well-formed, and as
//! costly to read and to write as names can be.

use crate::question::Question;

/// Composes a response of `count` MX records.
pub(crate) fn compose(question: &Question, count: u16) -> Vec<u8> {
    let id = question.message.metadata.id;
    let mut octets: Vec<u8> = [id, QR_RD_RA, 1, count, 0, 0]
        .into_iter()
        .flat_map(u16::to_be_bytes)
        .collect();
    octets.extend(question.section());
    for n in 0..count {
        let name = name(n);
        octets.extend(OWNER_TYPE_CLASS_TTL);
        let length = u16::try_from(name.len() + 2).unwrap_or_default();
        octets.extend(length.to_be_bytes());
        octets.extend([0, 10]);
        octets.extend(name);
    }
    octets
}

/// `a.a.a.….b017.evil.test`, 120 labels.
fn name(n: u16) -> Vec<u8> {
    let last = format!("\x04b{:03}\x04evil\x04test\0", n % 1_000);
    [b"\x01a".repeat(117).as_slice(), last.as_bytes()].concat()
}

/// A response, recursion desired and available.
const QR_RD_RA: u16 = 0x8180;

/// A pointer to the question's name, behind the header; MX, IN, a TTL of 300 s.
const OWNER_TYPE_CLASS_TTL: [u8; 10] = [0xc0, 12, 0, 15, 0, 1, 0, 0, 1, 44];

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;

    use super::*;
    use crate::question::Transport;

    #[test]
    fn it_is_a_message_of_64_kib_at_most() {
        let mut query = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend(b"\x01n\x04evil\x04test\0\0\x0f\0\x01");
        let question = Question::parse(&query, Transport::Tcp).unwrap();
        for (count, most) in [(4, 1_232), (242, usize::from(u16::MAX))] {
            let octets = compose(&question, count);
            assert!(octets.len() <= most, "{count} records: {} octets", octets.len());
            let read = Message::from_vec(&octets).unwrap();
            assert_eq!(read.answers.len(), usize::from(count));
        }
    }
}
