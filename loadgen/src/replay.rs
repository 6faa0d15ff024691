//! Recorded traffic: who asked what, and when.
//!
//! A recording keeps the clients, the order and the clock of what was seen. It is not
//! drawn from a seed: it is played as it stands.

pub mod captured;
pub mod corelog;
pub mod dnstap;
mod scale;
pub mod tap;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;

use dns::{Header, Name, Opt, Question, Records, Rtype};
use pcap::{CaptureError, is_capture};

use corelog::{Line, LineError};
use dnstap::TapError;
use tap::TapLine;

/// What was asked: equal queries are there once.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Asked {
    /// The name.
    pub name: Name,
    /// The type.
    pub qtype: Rtype,
    /// The payload size of the OPT record, if there was one.
    pub payload: Option<u16>,
    /// The DO bit was set.
    pub dnssec_ok: bool,
}

impl Asked {
    /// Reads what a message asks for, or answers; `None` where it is not one question.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let header = Header::parse(message).filter(|header| header.counts[0] == 1)?;
        let question = Question::parse(message).ok()?;
        let name = Name::from_wire(question.qname).ok()?;
        let mut records = Records::new(message, question.end(), &header).map_while(Result::ok);
        let opt = records.find_map(|record| Opt::from_record(&record));
        let payload = opt.map(|opt| opt.udp_payload_size);
        let dnssec_ok = opt.is_some_and(|opt| opt.dnssec_ok);
        Some(Self { name, qtype: question.qtype, payload, dnssec_ok })
    }
}

/// One query of a recording.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Nanoseconds since the first of the recording.
    pub at: u64,
    /// Whose it is, by its place among the clients.
    pub client: u16,
    /// Its place in [`Recording::asked`].
    pub asked: u32,
}

/// Recorded traffic, in the order of time.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    entries: Vec<Entry>,
    asked: Vec<Asked>,
    clients: u16,
    /// What else the files had, for a person.
    pub remarks: Remarks,
}

/// What is not played, and what became of the queries then.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Remarks {
    /// Queries over TCP, which are left out.
    pub over_tcp: u64,
    /// Lines, packets or messages that are about no query.
    pub other_lines: u64,
    /// Queries that the recording itself left out.
    pub skipped: u64,
    /// Whether the recording has what became of its queries.
    pub has_outcomes: bool,
    /// Queries that were answered then, and those of them with NXDOMAIN.
    pub answered: u64,
    /// See `answered`.
    pub nxdomain: u64,
}

/// Why files are no recording.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ReplayError {
    #[error("cannot read {file}: {error}")]
    Unreadable { file: String, error: std::io::Error },
    #[error("{file}:{line}: {error}\n    {text}")]
    Line { file: String, line: usize, error: LineError, text: String },
    #[error("{file}: {error}")]
    Capture { file: String, error: CaptureError },
    #[error("{file}: {error}")]
    Dnstap { file: String, error: TapError },
    #[error("{files}: there is no query over UDP in it")]
    Empty { files: String },
    #[error("more than {0}")]
    TooMany(&'static str),
}

/// Puts files together.
#[derive(Debug, Default)]
struct Reader {
    /// Nanoseconds since 1970, client, question, in the order of reading.
    entries: Vec<(u64, u16, u32)>,
    clients: HashMap<IpAddr, u16>,
    asked: HashMap<Asked, u32>,
    remarks: Remarks,
}

impl Recording {
    /// Reads logs of CoreDNS, captures, files of dnstap and recordings in `paths`, in any order, and merges
    /// them by time.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, a line without a time, or one that is about a query
    /// and cannot be read.
    pub fn read<P: AsRef<Path>>(paths: &[P]) -> Result<Self, ReplayError> {
        let mut reader = Reader::default();
        for path in paths {
            let file = path.as_ref().display().to_string();
            let octets = std::fs::read(path)
                .map_err(|error| ReplayError::Unreadable { file: file.clone(), error })?;
            if is_capture(&octets) {
                reader.read_capture(file, &octets)?;
            } else if dnstap::is_dnstap(&octets) {
                reader.read_dnstap(file, &octets)?;
            } else {
                reader.read(&file, &String::from_utf8_lossy(&octets))?;
            }
        }
        let files: Vec<_> = paths
            .iter()
            .map(|path| path.as_ref().display().to_string())
            .collect();
        reader
            .finish()
            .ok_or_else(|| ReplayError::Empty { files: files.join(", ") })
    }

    /// Reads the text of one log.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn parse(file: &str, text: &str) -> Result<Self, ReplayError> {
        let mut reader = Reader::default();
        reader.read(file, text)?;
        reader
            .finish()
            .ok_or_else(|| ReplayError::Empty { files: file.to_owned() })
    }

    /// Returns all queries, in the order of time.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns what they ask for.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Returns how many clients there are.
    pub const fn clients(&self) -> u16 {
        self.clients
    }

    /// Returns the nanoseconds from the first query to the last.
    pub fn length(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.at)
    }

    /// Returns the most queries of any 100 ms, as a rate per second.
    pub fn peak(&self) -> f64 {
        let mut first = 0;
        let mut most = 0;
        for (last, entry) in self.entries.iter().enumerate() {
            while self
                .entries
                .get(first)
                .is_some_and(|one| entry.at - one.at >= SPAN)
            {
                first += 1;
            }
            most = most.max(last - first + 1);
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of queries in memory")]
        let peak = most as f64 * 10.0;
        peak
    }
}

impl Reader {
    fn read_capture(&mut self, file: String, octets: &[u8]) -> Result<(), ReplayError> {
        let capture =
            captured::read(octets).map_err(|error| ReplayError::Capture { file, error })?;
        self.remarks.other_lines += capture.others;
        capture
            .queries
            .into_iter()
            .try_for_each(|line| self.take(line))
    }

    fn read_dnstap(&mut self, file: String, octets: &[u8]) -> Result<(), ReplayError> {
        let tapped = dnstap::read(octets).map_err(|error| ReplayError::Dnstap { file, error })?;
        self.remarks.other_lines += tapped.others;
        self.remarks.has_outcomes |= tapped.has_answers;
        tapped
            .queries
            .into_iter()
            .try_for_each(|line| self.take(line))
    }

    fn read(&mut self, file: &str, text: &str) -> Result<(), ReplayError> {
        self.remarks.has_outcomes = true;
        for (number, line) in text.lines().enumerate() {
            let parsed = match tap::is_json(line) {
                true => tap::parse(line),
                false => corelog::parse(line).map(|line| line.map(TapLine::Query)),
            };
            match parsed {
                Ok(Some(TapLine::Query(line))) => self.take(line)?,
                Ok(Some(TapLine::Skipped(count))) => self.remarks.skipped += count,
                Ok(None) => self.remarks.other_lines += u64::from(!line.trim().is_empty()),
                Err(error) => {
                    let text = line.chars().take(SHOWN).collect();
                    let file = file.to_owned();
                    return Err(ReplayError::Line { file, line: number + 1, error, text });
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, line: Line) -> Result<(), ReplayError> {
        if line.over_tcp {
            self.remarks.over_tcp += 1;
            return Ok(());
        }
        if self.entries.len() == MAX_ENTRIES {
            return Err(ReplayError::TooMany("16 million queries"));
        }
        self.remarks.answered += u64::from(line.rcode.is_some());
        self.remarks.nxdomain += u64::from(line.rcode == Some(dns::Rcode::NXDOMAIN));
        let next = self.clients.len();
        let client = match self.clients.get(&line.client) {
            Some(client) => *client,
            None => {
                let client = u16::try_from(next)
                    .ok()
                    .filter(|client| *client < MAX_CLIENTS);
                let client = client.ok_or(ReplayError::TooMany(TOO_MANY_CLIENTS))?;
                self.clients.insert(line.client, client);
                client
            }
        };
        let next = u32::try_from(self.asked.len()).unwrap_or(u32::MAX);
        let asked = *self.asked.entry(line.asked).or_insert(next);
        self.entries.push((line.at, client, asked));
        Ok(())
    }

    fn finish(mut self) -> Option<Recording> {
        // Stable: of equal instants those stay in the order of their file.
        self.entries.sort_by_key(|(at, ..)| *at);
        let start = self.entries.first()?.0;
        let entry = |(at, client, asked)| Entry { at: at - start, client, asked };
        let mut asked: Vec<_> = self.asked.into_iter().collect();
        asked.sort_by_key(|(_, place)| *place);
        Some(Recording {
            entries: self.entries.into_iter().map(entry).collect(),
            asked: asked.into_iter().map(|(asked, _)| asked).collect(),
            clients: u16::try_from(self.clients.len()).unwrap_or(u16::MAX),
            remarks: self.remarks,
        })
    }
}

/// Nanoseconds over which a limit on queries holds.
const SPAN: u64 = 100_000_000;
/// 256 MiB.
const MAX_ENTRIES: usize = 1 << 24;
/// Each has a socket of its own; there are no more ephemeral ports of a destination.
const MAX_CLIENTS: u16 = 28_000;
const TOO_MANY_CLIENTS: &str = "28,000 clients";
/// Characters of a line in an error.
const SHOWN: usize = 200;

#[cfg(test)]
mod tests;
