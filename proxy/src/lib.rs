//! A node-local DNS cache: the library behind the `fivedots` binary.

pub mod stats;
