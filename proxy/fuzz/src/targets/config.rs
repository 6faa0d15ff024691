//! Files that people write: the configuration and resolv.conf.

use proxy::config::Config;
use stub::{Library, Outcome, ResolvConf, expand};

use super::{Target, outcome, size};

pub(super) const CONFIG: Target = Target {
    name: "config",
    feed: config,
    folders: &["config"],
    words: &[
        b"[cache]\n",
        b"[[zone]]\n",
        b"[forward]\n",
        b"[tcp]\n",
        b"[loop]\n",
        b"[observe]\n",
        b"suffix = \"a.\"\n",
        b"upstreams = [\"127.0.0.9\"]\n",
        b"size = \"1MiB\"\n",
        b"= 0\n",
        b"deadline = \"1s\"\n",
        b"\"99999999999999999999h\"",
        b"listen = [\"[::1]:53\"]\n",
    ],
    longest: 8_192,
};

pub(super) const RESOLV_CONF: Target = Target {
    name: "resolv_conf",
    feed: resolv_conf,
    folders: &["resolv_conf"],
    words: &[
        b"nameserver ",
        b"search ",
        b"options ",
        b"ndots:",
        b"attempts:",
        b"fe80::1%eth0",
        b"::1",
        b"127.0.0.1",
        b"\n",
        b".",
        b"99999999999999999999",
    ],
    longest: 4_096,
};

/// A configuration that is accepted is written as a file that means the same.
fn config(octets: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(octets) else { return 0 };
    let config = match Config::parse(text) {
        Ok(config) => config,
        // Without what was written: each line of that is another error.
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.rsplit(": ").next().unwrap_or_default();
            return outcome(reason.split(['`', '"', '\'']).next());
        }
    };
    let written = config.to_toml();
    let again = Config::parse(&written).unwrap_or_else(|error| panic!("{error}:\n{written}"));
    assert_eq!(again.to_toml(), written);
    outcome((config.zones.len(), config.listen.len(), size(config.cache.bytes)))
}

/// No library reads more than three servers, and the names of a lookup are few and
/// can be asked.
fn resolv_conf(octets: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(octets);
    let mut seen = Vec::new();
    for library in [Library::Glibc, Library::Musl, Library::Go] {
        let (conf, remarks) = ResolvConf::parse(library, &text);
        assert!(conf.nameservers.len() <= 3);
        assert!(conf.options.ndots <= 15);
        for name in ["web", "web.shop", "www.example.com."] {
            let asked = expand(library, &conf, name, |_| Outcome::NxDomain);
            assert!(asked.len() <= conf.search.len() + 2, "{asked:?}");
            // A library passes a stray backslash on, and so does this.
            let is_sent = |name: &String| name.len() <= 2 * dns::Name::MAX_LEN;
            assert!(asked.iter().all(is_sent), "{asked:?}");
        }
        seen.push((conf.nameservers.len(), size(conf.search.len()), size(remarks.len())));
        seen.push((conf.options.ndots.into(), size(conf.options.attempts as usize), 0));
    }
    outcome(seen)
}
