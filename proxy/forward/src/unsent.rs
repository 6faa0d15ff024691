//! Responses that the system would not send.

use observe::{Record, Writer};
use resolver::Moment;

/// Leaves a record for each datagram of the last send of `batch` that could not be
/// sent to its client: it has no other sign of that than silence.
pub fn note_unsent(batch: &udp::SendBatch, notes: &mut Writer, now: Moment) {
    for unsent in batch.unsent() {
        let Some(peer) = unsent.peer else { continue };
        if let Some((record, qname)) = Record::unsent(unsent.octets, peer, unsent.errno, now) {
            notes.push(&record, qname);
        }
    }
}
