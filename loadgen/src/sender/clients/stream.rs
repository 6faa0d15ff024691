//! A TCP connection of a lookup.

use std::io::{self, Read, Write};

use mio::net::TcpStream;

/// A connection, with what is not written yet and what is not a whole message yet.
#[derive(Debug)]
pub(super) struct Stream {
    socket: TcpStream,
    out: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    /// It took octets, so it is up.
    is_up: bool,
    /// The error number with which connecting ended at once.
    failed: Option<i32>,
}

/// What a look at a connection brought.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// All that was to be written has been, for the first time.
    pub(super) has_written: bool,
    /// Whole messages.
    pub(super) messages: Vec<Vec<u8>>,
    /// The error number that ended it; zero for an end without one.
    pub(super) end: Option<i32>,
}

impl Stream {
    /// Takes a socket that connects, or has failed to.
    pub(super) const fn new(socket: TcpStream, failed: Option<i32>) -> Self {
        Self { socket, out: Vec::new(), written: 0, input: Vec::new(), is_up: false, failed }
    }

    /// Adds a message to what is to be written.
    pub(super) fn push(&mut self, message: &[u8]) {
        let len = u16::try_from(message.len()).unwrap_or(0);
        self.out.extend(len.to_be_bytes());
        self.out.extend(message);
    }

    /// Writes and reads what it can.
    pub(super) fn look(&mut self) -> Looked {
        let mut looked = Looked::default();
        let failed = self.failed.take();
        let met = || Some(self.socket.take_error().ok()??.raw_os_error().unwrap_or(0));
        looked.end = failed.or_else(met);
        if looked.end.is_some() {
            return looked;
        }
        if !self.is_up && self.socket.peer_addr().is_err() {
            return looked;
        }
        self.is_up = true;
        let had_left = self.written < self.out.len();
        if let Err(error) = self.write() {
            looked.end = Some(error.raw_os_error().unwrap_or(0));
            return looked;
        }
        looked.has_written = had_left && self.written == self.out.len();
        looked.end = self.read();
        self.take_messages(&mut looked.messages);
        looked
    }

    fn write(&mut self) -> io::Result<()> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Option<i32> {
        let mut octets = [0; 4096];
        loop {
            match self.socket.read(&mut octets) {
                Ok(0) => return Some(0),
                Ok(count) => self.input.extend(octets.get(..count)?),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Some(error.raw_os_error().unwrap_or(0)),
            }
        }
    }

    fn take_messages(&mut self, messages: &mut Vec<Vec<u8>>) {
        while let Some(len) = self.input.first_chunk().copied().map(u16::from_be_bytes) {
            let end = 2 + usize::from(len);
            let Some(message) = self.input.get(2..end) else { return };
            messages.push(message.to_vec());
            self.input.drain(..end);
        }
    }

    pub(super) const fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }
}
