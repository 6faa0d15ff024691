//! Feeds octets to `dns::fuzz::message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dns::fuzz::message(octets));
