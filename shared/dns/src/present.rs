//! Records as text, for people.

use hickory_proto::op::Message;
use hickory_proto::rr::Record;

/// Returns the records of a message as zone files have them (RFC 1035, section 5.1), each
/// with its TTL less `age` seconds; none for a message that does not parse. OPT is left
/// out.
pub fn present_records(message: &[u8], age: u64) -> Vec<String> {
    let Ok(message) = Message::from_vec(message) else { return Vec::new() };
    let age = u32::try_from(age).unwrap_or(u32::MAX);
    let aged = |record: &Record| {
        let mut record = record.clone();
        record.ttl = record.ttl.saturating_sub(age);
        record.to_string()
    };
    let sections = [&message.answers, &message.authorities, &message.additionals];
    sections.into_iter().flatten().map(aged).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, Composer, Flags, Header, Name, Rtype};

    #[test]
    fn a_record_is_a_line_with_its_age_taken_off() {
        let name = Name::from_text("www.example.").unwrap();
        let mut message = Vec::new();
        let mut composer = Composer::new(&mut message, &name, Rtype::A, Class::IN);
        composer
            .own_record(&name, Rtype::A, 60, &[192, 0, 2, 2])
            .unwrap();
        let header = Header { id: 0, flags: Flags(Flags::QR), counts: [1, 1, 0, 0] };
        composer.finish(&header).unwrap();
        assert_eq!(present_records(&message, 18), ["www.example. 42 IN A 192.0.2.2"]);
        assert_eq!(present_records(&message, 90), ["www.example. 0 IN A 192.0.2.2"]);
        assert!(present_records(&message[..20], 0).is_empty());
    }
}
