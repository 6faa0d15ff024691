//! The `options` line.

use std::time::Duration;

use crate::{Library, Oddity};

/// The options that change what is asked, or when.
///
/// A library that does not know an option never has it set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// Dots from which on a name is tried as it is before the search list; 0 to
    /// 15.
    pub ndots: u8,
    /// glibc and Go: how long one server is given for an answer the first time.
    /// musl: how long the whole step may take.
    pub timeout: Duration,
    /// How often each server is asked; 0 means never.
    pub attempts: u32,
    /// Each lookup begins with another server.
    pub rotate: bool,
    /// A and AAAA one after the other.
    pub single_request: bool,
    /// A and AAAA from a port each (glibc); to Go, `single_request`.
    pub single_request_reopen: bool,
    /// TCP only.
    pub use_vc: bool,
    /// Queries carry an OPT record. Go's always do.
    pub edns0: bool,
    /// Queries ask for the AD bit, and that of the answer is believed.
    pub trust_ad: bool,
    /// No AAAA (glibc 2.36).
    pub no_aaaa: bool,
    /// A name without dots is never asked as it is (glibc).
    pub no_tld_query: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            single_request: false,
            single_request_reopen: false,
            use_vc: false,
            edns0: false,
            trust_ad: false,
            no_aaaa: false,
            no_tld_query: false,
        }
    }
}

impl Options {
    /// Adds the options of one line, as `library` reads them.
    pub(crate) fn and(&self, library: Library, text: &str) -> (Self, Vec<Oddity>) {
        let mut options = self.clone();
        let mut oddities = Vec::new();
        let mut words: Vec<_> = text.split_ascii_whitespace().collect();
        if library == Library::Musl {
            // Of an option that is there twice, the last counts; in musl the
            // first.
            words.reverse();
        }
        for word in words {
            let known = match word.split_once(':') {
                Some((name, number)) if library != Library::Musl => {
                    options.set_number(library, name, number)
                }
                Some(_) => options.set_in_musl(word),
                None => options.set_flag(library, word).map(|()| None),
            };
            match known {
                None => oddities.push(Oddity::UnknownOption(word.to_owned())),
                Some(None) => {}
                Some(Some(used)) => {
                    oddities.push(Oddity::OutOfBounds { option: word.to_owned(), used });
                }
            }
        }
        (options, oddities)
    }

    /// Sets a numeric option. Returns `None` if there is no such option, and
    /// inside the number that is used if that is not the one written.
    fn set_number(&mut self, library: Library, name: &str, text: &str) -> Option<Option<u32>> {
        let (low, high) = bounds(library, name)?;
        let written = integer(text);
        let used = match u32::try_from(written.unwrap_or(0)) {
            Ok(number) => number.clamp(low, high),
            // The field has 4 bits, and -1 sets them all.
            Err(_) if library == Library::Glibc && name == "ndots" => high,
            Err(_) => low,
        };
        match name {
            "ndots" => self.ndots = u8::try_from(used).unwrap_or(MAX_NDOTS),
            "timeout" => self.timeout = Duration::from_secs(used.into()),
            _ => self.attempts = used,
        }
        Some((written != Some(used.into())).then_some(used))
    }

    /// musl looks for `ndots:` and so on anywhere in the line, and wants a digit
    /// after it.
    fn set_in_musl(&mut self, word: &str) -> Option<Option<u32>> {
        let name = ["ndots", "attempts", "timeout"].into_iter().find(|name| {
            word.split_once(':')
                .is_some_and(|(before, _)| before.ends_with(name))
        })?;
        let (_, number) = word.split_once(':')?;
        number
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some(())?;
        self.set_number(Library::Musl, name, number)
    }

    fn set_flag(&mut self, library: Library, word: &str) -> Option<()> {
        let flag = match (library, word) {
            (Library::Glibc | Library::Go, "rotate") => &mut self.rotate,
            (Library::Glibc | Library::Go, "single-request") => &mut self.single_request,
            (Library::Glibc, "single-request-reopen") => &mut self.single_request_reopen,
            (Library::Go, "single-request-reopen") => &mut self.single_request,
            (Library::Glibc | Library::Go, "use-vc") => &mut self.use_vc,
            (Library::Go, "usevc" | "tcp") => &mut self.use_vc,
            (Library::Glibc | Library::Go, "edns0") => &mut self.edns0,
            (Library::Glibc | Library::Go, "trust-ad") => &mut self.trust_ad,
            (Library::Glibc, "no-aaaa") => &mut self.no_aaaa,
            (Library::Glibc, "no-tld-query" | "no_tld_query") => &mut self.no_tld_query,
            // Changes nothing that is asked.
            (Library::Glibc | Library::Go, "no-reload") | (Library::Glibc, "debug" | "inet6") => {
                return Some(());
            }
            _ => return None,
        };
        *flag = true;
        Some(())
    }
}

/// The least and the most a library uses; `None` for an option of another name.
const fn bounds(library: Library, name: &str) -> Option<(u32, u32)> {
    Some(match (library, name.as_bytes()) {
        (_, b"ndots") => (0, MAX_NDOTS as u32),
        // RES_MAXRETRANS; and a wait below a second is made one (res_send.c).
        (Library::Glibc, b"timeout") => (1, 30),
        (Library::Musl, b"timeout") => (0, 60),
        (Library::Go, b"timeout" | b"attempts") => (1, GO_BIG),
        // RES_MAXRETRY.
        (Library::Glibc, b"attempts") => (0, 5),
        (Library::Musl, b"attempts") => (0, 10),
        _ => return None,
    })
}

/// Reads an integer in front of whatever follows, as `atoi` does.
fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    // More digits than this mean too much in any case.
    let digits = digits.get(..end.min(9))?;
    digits.parse::<i64>().ok().map(|number| sign * number)
}

/// `RES_MAXNDOTS`; musl and Go have the same bound.
const MAX_NDOTS: u8 = 15;

/// Where Go's `dtoi` stops counting.
const GO_BIG: u32 = 0x00ff_ffff;
