//! A way to the API server that can be cut while the server runs.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};

use socket2::SockRef;

pub(crate) struct Relay {
    /// Where it listens while it is open.
    pub(crate) addr: SocketAddr,
    to: SocketAddr,
    way: Option<Way>,
}

struct Way {
    listener: TcpListener,
    /// All connections that were taken, of both sides.
    taken: Receiver<TcpStream>,
    taker: JoinHandle<()>,
}

impl Relay {
    pub(crate) fn to(to: SocketAddr) -> Self {
        let addr = testbed::port::free(to.ip()).unwrap();
        let mut relay = Self { addr, to, way: None };
        relay.open();
        relay
    }

    /// Takes connections, until it is cut.
    pub(crate) fn open(&mut self) {
        let listener = TcpListener::bind(self.addr).unwrap();
        let (note, taken) = channel();
        let (own, to) = (listener.try_clone().unwrap(), self.to);
        let taker = spawn(move || take(&own, to, &note));
        self.way = Some(Way { listener, taken, taker });
    }

    /// Ends all connections; new ones are refused.
    pub(crate) fn cut(&mut self) {
        let Some(way) = self.way.take() else { return };
        // Ends the wait of whoever takes connections.
        SockRef::from(&way.listener)
            .shutdown(Shutdown::Both)
            .unwrap();
        way.taker.join().unwrap();
        for stream in way.taken {
            // It may have ended by itself.
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
    }
}

fn take(listener: &TcpListener, to: SocketAddr, note: &Sender<TcpStream>) {
    while let Ok((client, _)) = listener.accept() {
        let Ok(server) = TcpStream::connect(to) else { continue };
        for [from, into] in [[&client, &server], [&server, &client]] {
            let [mut from, mut into] = [from, into].map(|side| side.try_clone().unwrap());
            spawn(move || {
                // Whichever side ends or fails ends the other.
                drop(io::copy(&mut from, &mut into));
                drop(into.shutdown(Shutdown::Both));
            });
        }
        for stream in [client, server] {
            note.send(stream).unwrap();
        }
    }
}
