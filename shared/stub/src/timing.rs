//! When resolver libraries send a query again, with default options.
//!
//! What each sends it from matters as much: glibc and musl keep port and id,
//! c-ares keeps the id and takes another port, Go takes a new port and a new id.

use std::time::Duration;

/// glibc: `RES_TIMEOUT` in `resolv/resolv.h`.
pub const GLIBC: Duration = Duration::from_secs(5);

/// musl: 5 s, split by two attempts (`src/network/res_msend.c`).
pub const MUSL: Duration = Duration::from_millis(2500);

/// Go: the timeout of an attempt (`net/dnsclient_unix.go`).
pub const GO: Duration = Duration::from_secs(5);

/// c-ares: it waits the first of these twice, and then the second.
pub const C_ARES: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(8)];
