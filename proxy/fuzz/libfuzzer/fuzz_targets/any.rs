//! The target that `FUZZ_TARGET` names, fed by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    static TARGET: std::sync::OnceLock<&fuzz::Target> = std::sync::OnceLock::new();
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET is the name of a target");
        fuzz::targets::find(&name).expect("FUZZ_TARGET is a target")
    });
    (target.feed)(octets);
});
