//! Names of octets by their content.

use sha2::{Digest as _, Sha256};

/// `sha256:…`.
pub(super) fn digest(octets: &[u8]) -> String {
    let hash = Sha256::digest(octets);
    let hex: String = hash.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn a_digest_names_its_function() {
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(b"abc"), abc);
    }
}
