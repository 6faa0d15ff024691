//! What fuzz targets feed with octets. Each function panics where a rule of
//! this crate does not hold; none may, whatever the octets are.
//!
//! Only with `--cfg fuzzing`, and in the tests, which replay the corpus.
#![expect(clippy::unwrap_used, reason = "a rule that does not hold is what a fuzzer looks for")]

use crate::{
    Composer, HEADER_LEN, Header, Name, Opt, ParseError, Question, Records, skip_name, wire,
};

/// A name at the start: parsed, it has one wire form, and one text that is read
/// back as the same name.
pub fn name(octets: &[u8]) {
    let Ok((name, end)) = Name::parse(octets, 0) else { return };
    assert_eq!(skip_name(octets, 0), Ok(end));
    assert!(name.as_wire().len() <= Name::MAX_LEN);
    assert_eq!(Name::from_wire(name.as_wire()).unwrap().as_wire(), name.as_wire());
    let text = Name::from_text(&name.to_string()).unwrap();
    assert_eq!(text.as_wire(), name.as_wire());
    assert!(name.is_within(&Name::ROOT) && name.is_within(&name.folded()));
    assert_eq!(usize::from(wire::dots(name.as_wire())) + 1, name.labels().count().max(1));
}

/// Text of a name: what is accepted is written and read back as the same name.
pub fn text(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let Ok(name) = Name::from_text(text) else { return };
    assert_eq!(Name::from_text(&name.to_string()).unwrap().as_wire(), name.as_wire());
}

/// A whole message: the walk over its records ends, stays inside, and finds the
/// same records in what is composed of them.
pub fn message(octets: &[u8]) {
    let Some(header) = Header::parse(octets) else { return };
    let Ok(question) = Question::parse(octets) else { return };
    let records = Records::new(octets, question.end(), &header);
    let mut end = question.end();
    for record in records.clone().map_while(Result::ok) {
        assert!(record.owner_at == end && record.end() <= octets.len());
        end = record.end();
        // An error is an answer too.
        Opt::extended_error(octets, &record).unwrap_or_default();
    }
    let Ok(composed) = recompose(octets, &header, &question) else { return };
    let again = Question::parse(&composed).unwrap();
    assert!(again.matches(&question));
    let fixed = recompose(&composed, &header, &again).unwrap();
    assert_eq!(fixed, composed, "what was composed is composed alike");
}

/// Composes a message of the records of another, question and all.
///
/// # Errors
///
/// Why the message cannot be composed anew.
pub fn recompose(
    message: &[u8],
    header: &Header,
    question: &Question<'_>,
) -> Result<Vec<u8>, ParseError> {
    let qname = Name::from_wire(question.qname)?;
    let mut out = Vec::with_capacity(HEADER_LEN);
    let mut composer = Composer::new(&mut out, &qname, question.qtype, question.qclass);
    for record in Records::new(message, question.end(), header) {
        let record = record?;
        composer.record(message, &record, record.ttl)?;
    }
    composer.finish(header)?;
    Ok(out)
}

#[cfg(test)]
mod tests;
