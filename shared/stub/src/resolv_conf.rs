//! resolv.conf, as each library reads it.
//!
//! The libraries never refuse a file: they pass over what they do not
//! understand. So does this parser, but it says so in remarks.

mod options;
pub use options::Options;

mod remark;
pub use remark::{Oddity, Remark};

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use crate::Library;

/// What a library makes of a resolv.conf.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ResolvConf {
    /// At most three, in the order they are asked. With none, glibc and musl
    /// ask `127.0.0.1`, Go `::1` too.
    pub nameservers: Vec<Nameserver>,
    /// The search list, in order, as written. Without one, glibc and Go search
    /// the domain of the host's name, if that has a dot; a pod's has none.
    pub search: Vec<String>,
    /// The rest.
    pub options: Options,
}

/// The address of a server, asked at port 53.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Nameserver {
    /// The address.
    pub address: IpAddr,
    /// The zone of a link-local IPv6 address: the interface's name or index,
    /// written after a `%`.
    pub zone: Option<String>,
}

impl ResolvConf {
    /// Reads the text of a file as `library` does.
    ///
    /// Not modeled: the environment (`LOCALDOMAIN`, `RES_OPTIONS`), and short
    /// forms of IPv4 addresses such as `127.1`.
    pub fn parse(library: Library, text: &str) -> (Self, Vec<Remark>) {
        let mut parser = Parser { library, line: 0, conf: Self::default(), remarks: Vec::new() };
        for line in text.split('\n') {
            parser.line += 1;
            parser.read_line(line);
        }
        (parser.conf, parser.remarks)
    }
}

struct Parser {
    library: Library,
    line: usize,
    conf: ResolvConf,
    remarks: Vec<Remark>,
}

impl Parser {
    fn read_line(&mut self, line: &str) {
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            return;
        }
        if self.library == Library::Musl && line.len() > MUSL_LINE {
            return self.remark(Oddity::LineTooLong(line.len()));
        }
        let line = match self.library {
            Library::Go => trimmed,
            Library::Glibc | Library::Musl => line,
        };
        if line.starts_with(char::is_whitespace) {
            return self.remark(Oddity::Indented);
        }
        let (keyword, rest) = line
            .split_once(|c: char| c.is_ascii_whitespace())
            .unwrap_or((line, ""));
        match keyword {
            "nameserver" => self.nameserver(rest),
            "domain" | "search" => self.search(keyword, rest),
            "options" => {
                let (options, oddities) = self.conf.options.and(self.library, rest);
                self.conf.options = options;
                oddities.into_iter().for_each(|oddity| self.remark(oddity));
            }
            // Known to glibc, which asks nothing else because of it.
            "sortlist" => {}
            _ => self.remark(Oddity::UnknownKeyword(keyword.to_owned())),
        }
    }

    fn nameserver(&mut self, rest: &str) {
        let Some(text) = rest.split_ascii_whitespace().next() else {
            return self.remark(Oddity::NoValue("nameserver".to_owned()));
        };
        let (address, zone) = match text.split_once('%') {
            Some((address, zone)) => (address, Some(zone.to_owned())),
            None => (text, None),
        };
        let Ok(address) = address.parse() else {
            return self.remark(Oddity::BadNameserver(text.to_owned()));
        };
        if self.conf.nameservers.len() == MAX_NAMESERVERS {
            return self.remark(Oddity::TooManyNameservers(text.to_owned()));
        }
        self.conf.nameservers.push(Nameserver { address, zone });
    }

    /// `domain` and `search` overwrite each other: the last line counts.
    fn search(&mut self, keyword: &str, rest: &str) {
        let mut domains = domains(self.library, rest);
        // musl reads a whole list after either keyword.
        if keyword == "domain" && self.library != Library::Musl {
            domains.truncate(1);
        }
        if domains.is_empty() {
            self.remark(Oddity::NoValue(keyword.to_owned()));
            // glibc keeps what it had, and so does Go for `domain`.
            let keeps = match self.library {
                Library::Glibc => true,
                Library::Go => keyword == "domain",
                Library::Musl => false,
            };
            if keeps {
                return;
            }
        }
        if let Some(mark) = domains.iter().find(|domain| domain.starts_with(['#', ';'])) {
            self.remark(Oddity::NotAComment(mark.clone()));
        }
        if domains.len() > MAX_DOMAINS {
            domains.truncate(MAX_DOMAINS);
            self.remark(Oddity::TooManyDomains(MAX_DOMAINS));
        }
        self.conf.search = domains;
    }

    fn remark(&mut self, what: Oddity) {
        if self.remarks.len() < MAX_REMARKS {
            self.remarks.push(Remark { line: self.line, what });
        }
    }
}

/// Splits a search list. glibc knows blanks and tabs only, so the carriage
/// return of a file from Windows becomes part of its last domain.
fn domains(library: Library, rest: &str) -> Vec<String> {
    let is_space = |c: char| match library {
        Library::Glibc => matches!(c, ' ' | '\t'),
        Library::Musl | Library::Go => c.is_ascii_whitespace(),
    };
    // One more than we follow, so that the excess can be told.
    let all = rest
        .split(is_space)
        .filter(|domain| !domain.is_empty())
        .take(MAX_DOMAINS + 1);
    match library {
        // Go drops the root while it reads.
        Library::Go => all
            .filter(|domain| *domain != ".")
            .map(str::to_owned)
            .collect(),
        Library::Glibc | Library::Musl => all.map(str::to_owned).collect(),
    }
}

/// MAXNS in the C libraries; Go copies it.
const MAX_NAMESERVERS: usize = 3;

/// Twice what the kubelet lets a pod have; the libraries have no such bound.
const MAX_DOMAINS: usize = 64;

/// musl's `char line[256]` holds a line feed and a zero besides.
const MUSL_LINE: usize = 254;

/// Nobody reads more, and a file could be all odd lines.
const MAX_REMARKS: usize = 100;
