//! The names one lookup asks for, one after another.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::{Library, ResolvConf};

/// How one name of a walk turned out, over all the types asked for it.
///
/// A step of A and AAAA is an `Answer` if either has records.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// Records.
    Answer,
    /// NOERROR without records of any type asked.
    NoData,
    /// NXDOMAIN.
    NxDomain,
    /// SERVFAIL from every server, on every attempt.
    ServFail,
    /// REFUSED or NOTIMP from every server, on every attempt.
    Refused,
    /// Silence from every server, on every attempt.
    Timeout,
    /// Every server's port is closed (ICMP port unreachable). musl's sockets
    /// are not connected, so to it this is silence.
    Unreachable,
}

/// A lookup in progress: [`current`](Self::current) is asked, then
/// [`advance`](Self::advance) is told how it went.
#[derive(Clone, Debug)]
pub struct Walk {
    library: Library,
    candidates: Arc<[Candidate]>,
    position: usize,
}

#[derive(Clone, Debug)]
struct Candidate {
    name: String,
    source: Source,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Source {
    AsIs,
    Search,
}

/// What a library does after a name that did not answer.
enum Next {
    Following,
    AsIs,
    Nothing,
}

/// Begins the lookup of `name`, as a program would pass it to `getaddrinfo`.
///
/// The names it asks are absolute, without the dot at the end. There are none
/// if `name` has an empty label or is too long: the libraries fail such a
/// lookup by themselves. `name` must not be the text of an IP address, which is
/// never looked up.
pub fn walk(library: Library, conf: &ResolvConf, name: &str) -> Walk {
    Walk { library, candidates: candidates(library, conf, name).into(), position: 0 }
}

/// Returns the names that the lookup of `name` asks, in order, if each turns
/// out as `outcome` says.
///
/// ```
/// use stub::{Library, Outcome, ResolvConf, expand};
///
/// let text = "search default.svc.cluster.local cluster.local\noptions ndots:5\n";
/// let (conf, _) = ResolvConf::parse(Library::Glibc, text);
/// let asked = expand(Library::Glibc, &conf, "example.com", |asked| match asked {
///     "example.com" => Outcome::Answer,
///     _ => Outcome::NxDomain,
/// });
/// assert_eq!(
///     asked,
///     ["example.com.default.svc.cluster.local", "example.com.cluster.local", "example.com"]
/// );
/// ```
pub fn expand(
    library: Library,
    conf: &ResolvConf,
    name: &str,
    mut outcome: impl FnMut(&str) -> Outcome,
) -> Vec<String> {
    let mut walk = walk(library, conf, name);
    let mut asked = Vec::new();
    while let Some(name) = walk.current() {
        asked.push(name.to_owned());
        let outcome = outcome(name);
        walk.advance(outcome);
    }
    asked
}

impl Walk {
    /// Returns the name to ask; `None` when the walk is over.
    pub fn current(&self) -> Option<&str> {
        self.candidates
            .get(self.position)
            .map(|candidate| candidate.name.as_str())
    }

    /// Returns all names that the lookup may ask, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.candidates
            .iter()
            .map(|candidate| candidate.name.as_str())
    }

    /// Returns the place of the current name among [`names`](Self::names); `None` when
    /// the walk is over.
    pub(crate) fn position(&self) -> Option<u16> {
        self.current()?;
        u16::try_from(self.position).ok()
    }

    /// Returns whether the current name is the name as it is.
    pub(crate) fn is_as_is(&self) -> bool {
        let current = self.candidates.get(self.position);
        current.is_some_and(|candidate| candidate.source == Source::AsIs)
    }

    /// Takes how the current name turned out, and returns the next one to ask;
    /// `None` when the walk is over.
    pub fn advance(&mut self, outcome: Outcome) -> Option<&str> {
        let source = self.candidates.get(self.position)?.source;
        let asked = self.position + 1;
        self.position = match after(self.library, source, outcome) {
            Next::Following => asked,
            Next::AsIs => self.last_as_is(),
            Next::Nothing => self.candidates.len(),
        };
        if self.repeats_as_is(asked) {
            self.position += 1;
        }
        self.current()
    }

    /// The position of the name as it is, if that is still to come; else the
    /// end.
    fn last_as_is(&self) -> usize {
        let last = self.candidates.len().saturating_sub(1);
        match self.candidates.get(last) {
            Some(candidate) if candidate.source == Source::AsIs && last > self.position => last,
            _ => self.candidates.len(),
        }
    }

    /// Says whether the name as it is comes next, but is among the first
    /// `asked` already: under the root in the search list (glibc's
    /// `root_on_list`).
    fn repeats_as_is(&self, asked: usize) -> bool {
        self.candidates.get(self.position).is_some_and(|next| {
            let mut before = self.candidates.iter().take(asked);
            next.source == Source::AsIs && before.any(|before| before.name == next.name)
        })
    }
}

/// When each library goes on.
const fn after(library: Library, source: Source, outcome: Outcome) -> Next {
    match (library, outcome) {
        (_, Outcome::Answer) => Next::Nothing,
        // net/dnsclient_unix.go: any error but a strict one goes on, and
        // strict errors are off by default.
        (Library::Go, _) => Next::Following,
        // name_from_dns returns 0, "go on", for NXDOMAIN alone.
        (Library::Musl, Outcome::NxDomain) => Next::Following,
        (Library::Musl, _) => Next::Nothing,
        // res_search: the name as it is, asked first, ends nothing but by its
        // answer.
        (Library::Glibc, _) if matches!(source, Source::AsIs) => Next::Following,
        (Library::Glibc, Outcome::NoData | Outcome::NxDomain | Outcome::ServFail) => {
            Next::Following
        }
        // "Anything else implies that we're done", with the search.
        (Library::Glibc, Outcome::Refused | Outcome::Timeout) => Next::AsIs,
        (Library::Glibc, Outcome::Unreachable) => Next::Nothing,
    }
}

/// All names the lookup may ask, in order.
fn candidates(library: Library, conf: &ResolvConf, name: &str) -> Vec<Candidate> {
    let (base, rooted) = match name.strip_suffix('.') {
        Some(base) => (base, true),
        None => (name, false),
    };
    // With no attempt left, glibc fails at once and musl divides by zero; Go
    // takes it for one.
    let never = conf.options.attempts == 0 && library != Library::Go;
    if never || !is_sendable(base) {
        return Vec::new();
    }
    let as_is = as_is(library, base);
    if rooted {
        return as_is.into_iter().collect();
    }
    let dots = base.bytes().filter(|byte| *byte == b'.').count();
    let enough_dots = dots >= usize::from(conf.options.ndots);
    match library {
        // musl suppresses the search altogether.
        Library::Musl if enough_dots => as_is.into_iter().collect(),
        _ if enough_dots => as_is
            .into_iter()
            .chain(searched(library, conf, base))
            .collect(),
        Library::Glibc if dots == 0 && conf.options.no_tld_query && !conf.search.is_empty() => {
            searched(library, conf, base)
        }
        _ => searched(library, conf, base)
            .into_iter()
            .chain(as_is)
            .collect(),
    }
}

/// The name as it is, unless the library keeps it from the DNS.
fn as_is(library: Library, base: &str) -> Option<Candidate> {
    let kept = library == Library::Go && is_onion(base);
    (!kept).then(|| Candidate { name: base.to_owned(), source: Source::AsIs })
}

/// The name under each domain of the search list.
fn searched(library: Library, conf: &ResolvConf, base: &str) -> Vec<Candidate> {
    let mut found = Vec::with_capacity(conf.search.len() + 1);
    for domain in &conf.search {
        let name = under(library, base, domain);
        match (name, library) {
            (Some(name), Library::Go) if is_onion(&name) => {}
            (Some(name), _) => found.push(Candidate { name, source: Source::Search }),
            // A name that cannot be encoded counts as "anything else" does,
            // and so ends the search.
            (None, Library::Glibc) => break,
            // musl before 1.2.4 failed the whole lookup here.
            (None, Library::Musl | Library::Go) => {}
        }
    }
    found
}

/// Appends a domain of the search list; `None` if what results is no name.
fn under(library: Library, base: &str, domain: &str) -> Option<String> {
    // glibc steps over one dot in front, which makes "." the root; to the
    // others it is an empty label.
    let domain = match library {
        Library::Glibc => domain.strip_prefix('.').unwrap_or(domain),
        Library::Musl | Library::Go => domain,
    };
    if library == Library::Glibc && domain.is_empty() {
        return Some(base.to_owned());
    }
    let name = format!("{base}.{}", domain.strip_suffix('.').unwrap_or(domain));
    is_sendable(&name).then_some(name)
}

/// Says whether a name without its last dot can be put on the wire (RFC 1035,
/// section 2.3.4).
fn is_sendable(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name
            .split('.')
            .all(|label| (1..=MAX_LABEL).contains(&label.len()))
}

/// RFC 7686: such names are not for the DNS, and Go sends none.
fn is_onion(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("onion") && last.len() < name.len()
}

/// 255 octets on the wire, less the first length octet and the root's.
const MAX_NAME: usize = 253;

const MAX_LABEL: usize = 63;
