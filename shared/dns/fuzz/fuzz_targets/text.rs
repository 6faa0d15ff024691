//! Feeds octets to `dns::fuzz::text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dns::fuzz::text(octets));
