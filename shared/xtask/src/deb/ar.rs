//! The archive that a Debian package is (ar(5)).

use std::io::Write as _;

/// An archive that is written.
pub(super) struct Ar {
    octets: Vec<u8>,
    seconds: u64,
}

impl Ar {
    /// Starts an empty one, whose files are all from `seconds` since 1970.
    pub(super) fn new(seconds: u64) -> Self {
        Self { octets: b"!<arch>\n".to_vec(), seconds }
    }

    /// Adds a file with a name of at most 16 octets, owned by root.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) {
        let (seconds, len) = (self.seconds, content.len());
        let head = format!("{name:<16}{seconds:<12}{:<6}{:<6}{:<8}{len:<10}`\n", 0, 0, "100644");
        // Writing to a Vec cannot fail.
        self.octets.write_all(head.as_bytes()).unwrap_or_default();
        self.octets.extend_from_slice(content);
        if len % 2 == 1 {
            // Each file starts at an even place.
            self.octets.push(b'\n');
        }
    }

    /// The octets of the archive.
    pub(super) fn finish(self) -> Vec<u8> {
        self.octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_sixty_octets_and_files_start_at_even_places() {
        let mut ar = Ar::new(1_000_000_000);
        ar.add("debian-binary", b"2.0\n");
        ar.add("odd", b"123");
        ar.add("last", b"");
        let octets = ar.finish();
        assert_eq!(octets.len(), 8 + 60 + 4 + 60 + 4 + 60);
        let head = "odd             1000000000  0     0     100644  3         `\n";
        assert_eq!(&octets[72..132], head.as_bytes());
    }
}
