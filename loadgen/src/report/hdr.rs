//! Histograms as text: `HdrHistogram`'s V2 form, compressed, in base64, as its other
//! implementations and their viewers read it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use hdrhistogram::{Counter, Histogram};

/// Writes a histogram; empty text for an empty one.
pub(super) fn encode<T: Counter>(histogram: &Histogram<T>) -> String {
    if histogram.is_empty() {
        return String::new();
    }
    let mut octets = Vec::new();
    match V2DeflateSerializer::new().serialize(histogram, &mut octets) {
        Ok(_) => STANDARD.encode(octets),
        // Only counts beyond i64 fail, which no run reaches.
        Err(_) => String::new(),
    }
}

/// Adds a histogram that was written to `sum`.
///
/// # Errors
///
/// Why the text is none, or does not fit.
pub(super) fn add<T: Counter>(text: &str, sum: &mut Histogram<T>) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let octets = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let histogram: Histogram<T> = Deserializer::new()
        .deserialize(&mut octets.as_slice())
        .map_err(|error| format!("no histogram: {error}"))?;
    sum.add(&histogram).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::PhaseRecord;

    #[test]
    fn a_histogram_survives_and_adds_up() {
        let mut record = PhaseRecord::new();
        for n in 1..=10_000 {
            record.answered(0, n * 10, n * 30_000);
        }
        let mut sum = PhaseRecord::new().latency;
        add(&encode(&record.latency), &mut sum).unwrap();
        assert_eq!(sum, record.latency);
        add(&encode(&record.latency), &mut sum).unwrap();
        assert_eq!(sum.len(), 20_000);
        assert_eq!(sum.value_at_percentile(99.0), record.latency.value_at_percentile(99.0));
        add(&encode(&PhaseRecord::new().latency), &mut sum).unwrap();
        for bad in ["%", "AAAA", "HISTFAAA"] {
            assert!(add(bad, &mut sum).is_err(), "{bad}");
        }
    }
}
