//! The octets of a file in order, with the place in it.

use std::io::{self, Read};

use crate::error::{CaptureError, Wrong};

/// A file that is read from its beginning.
#[derive(Debug)]
pub(crate) struct Source<R> {
    read: R,
    /// Octets that were read.
    pub(crate) at: u64,
}

/// How much of what was wanted is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Got {
    All,
    /// The file ends within it.
    Part,
    /// The file ended before.
    Nothing,
}

impl<R: Read> Source<R> {
    pub(crate) const fn new(read: R) -> Self {
        Self { read, at: 0 }
    }

    /// Reads as many octets as `out` has.
    pub(crate) fn fill(&mut self, out: &mut [u8]) -> Result<Got, CaptureError> {
        let mut filled = 0;
        while let Some(rest @ [_, ..]) = out.get_mut(filled..) {
            match self.read.read(rest) {
                Ok(0) if filled == 0 => return Ok(Got::Nothing),
                Ok(0) => return Ok(Got::Part),
                Ok(count) => {
                    filled += count;
                    self.at += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.wrong(Wrong::Read(error))),
            }
        }
        Ok(Got::All)
    }

    /// Passes over octets.
    pub(crate) fn skip(&mut self, count: u32) -> Result<Got, CaptureError> {
        let wanted = u64::from(count);
        let passed = io::copy(&mut self.read.by_ref().take(wanted), &mut io::sink());
        let passed = passed.map_err(|error| self.wrong(Wrong::Read(error)))?;
        self.at += passed;
        Ok(if passed == wanted { Got::All } else { Got::Part })
    }

    /// An error at this place.
    pub(crate) const fn wrong(&self, wrong: Wrong) -> CaptureError {
        CaptureError { at: self.at, wrong }
    }
}
