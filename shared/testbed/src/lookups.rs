//! Small programs that look names up with other resolvers: `getaddrinfo.c` for glibc
//! and musl, `lookup.go`, `lookup.js` for Node.js, `lookup.py` for dnspython, `tool.sh` for dig,
//! getent and nslookup.

use std::path::{Path, PathBuf};

/// The folder of their sources.
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}
