//! Silent, trickling and greedy clients of a listener.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use axum::Router;
use axum::routing::get;

use super::*;

/// Serves until the test ends, on a thread of its own.
fn serve(places: usize, patience: Patience) -> (tokio::runtime::Runtime, SocketAddr) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let addr = listener.local_addr().unwrap();
    let routes = Router::new().route("/", get(async || "here"));
    let listener = Bounded::new(listener, places, patience);
    runtime.spawn(async move { axum::serve(listener, routes).await });
    (runtime, addr)
}

/// So long that nothing in a test ends by itself.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(100);

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

fn ask(stream: &mut TcpStream) -> String {
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut reply = [0; 512];
    let length = stream.read(&mut reply).unwrap();
    String::from_utf8_lossy(&reply[..length]).into_owned()
}

fn is_closed(stream: &mut TcpStream) -> bool {
    let read = stream.read(&mut [0; 16]);
    let is_late = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    matches!(&read, Ok(0)) || read.is_err_and(|error| !is_late(&error))
}

#[test]
fn a_head_that_does_not_end_ends_the_connection() {
    let (_runtime, addr) = serve(4, Patience { head: SHORT, idle: LONG });
    let mut silent = connect(addr);
    let mut slow = connect(addr);
    slow.write_all(b"GET / HTT").unwrap();
    assert!(is_closed(&mut silent) && is_closed(&mut slow));
}

/// A head may take its time again after each response.
#[test]
fn the_second_request_of_a_connection_has_its_own_time() {
    let (_runtime, addr) = serve(4, Patience { head: SHORT, idle: LONG });
    let mut stream = connect(addr);
    assert!(ask(&mut stream).ends_with("here"));
    stream.write_all(b"GET / HTT").unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn a_connection_serves_several_requests_and_ends_when_idle() {
    let (_runtime, addr) = serve(4, Patience { head: LONG, idle: SHORT });
    let mut stream = connect(addr);
    for _ in 0..3 {
        assert!(ask(&mut stream).starts_with("HTTP/1.1 200"));
    }
    assert!(is_closed(&mut stream));
}

/// More than there are places, from the same address, and none of them ends.
#[test]
fn silent_connections_do_not_keep_a_request_waiting() {
    let (_runtime, addr) = serve(8, Patience { head: LONG, idle: LONG });
    let mut silent: Vec<_> = (0..100).map(|_| connect(addr)).collect();
    for _ in 0..6 {
        assert!(ask(&mut connect(addr)).ends_with("here"));
    }
    assert!(is_closed(&mut silent[0]), "the oldest gave way");
}

#[test]
fn the_end_of_a_head_is_found_wherever_it_is_cut() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for cut in 0..head.len() {
        let mut end = HeadEnd::default();
        assert!(!end.is_in(&head[..cut]), "cut at {cut}");
        assert!(end.is_in(&head[cut..]), "cut at {cut}");
    }
    assert!(HeadEnd::default().is_in(b"GET / HTTP/1.0\n\n"));
    for unfinished in ["\r\n\r\n\n", "\r\n\r\nGET / HTTP/1.1\r\n", "GET / HTTP/1.1\n\r"] {
        assert!(!HeadEnd::default().is_in(unfinished.as_bytes()), "{unfinished:?}");
    }
}
