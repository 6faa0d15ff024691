//! Feeds octets to `dns::fuzz::name`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dns::fuzz::name(octets));
