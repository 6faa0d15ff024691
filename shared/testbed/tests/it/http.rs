//! Pages are fetched whole, over both kinds of sockets, or not at all.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;

use testbed::{http, port};

const PAGE: &str =
    "HTTP/1.1 404 Not Found\r\nX-Kind: Test \r\ncontent-length: 3\r\n\r\nno\nmore of it";

/// Reads one request and answers with `text`.
fn answer(stream: impl Read + Write, text: &str) {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        stream.read_line(&mut request).unwrap();
    }
    assert!(request.starts_with("GET /page?x=1 HTTP/1.1\r\n"), "{request}");
    stream.get_mut().write_all(text.as_bytes()).unwrap();
}

fn over_tcp<T>(text: &str, fetch: impl FnOnce(http::Server) -> T) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().into();
    std::thread::scope(|scope| {
        scope.spawn(|| answer(listener.accept().unwrap().0, text));
        fetch(server)
    })
}

#[test]
fn status_header_and_body_come_over_tcp() {
    let page = over_tcp(PAGE, |server| http::get(server, "/page?x=1"));
    assert_eq!((page.status, page.body.as_str()), (404, "no\n"));
    assert_eq!(page.header("x-kind"), Some("Test"));
    assert_eq!(page.header("x-other"), None);
}

#[test]
fn status_and_body_come_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| answer(listener.accept().unwrap().0, PAGE));
        let page = http::get(path.as_path(), "/page?x=1");
        assert_eq!((page.status, page.body.as_str()), (404, "no\n"));
    });
}

#[test]
fn a_body_is_read_line_by_line() {
    let endless = "HTTP/1.1 200 OK\r\n\r\none\ntwo\n";
    let body = over_tcp(endless, |server| http::open(server, "/page?x=1").unwrap());
    assert_eq!(body.status, 200);
    let lines: Vec<_> = body.lines().map(Result::unwrap).collect();
    assert_eq!(lines, ["one", "two"]);
}

#[test]
fn what_is_no_response_is_an_error() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort";
    for (text, message) in
        [("", "the head ends early"), ("hello\r\n\r\n", "no status"), (cut, "5 octets of 9")]
    {
        let error = over_tcp(text, |server| http::try_get(server, "/page?x=1").unwrap_err());
        assert!(format!("{error:#}").contains(message), "{error:#}");
    }
    let closed = port::free([127, 0, 0, 1]).unwrap();
    assert!(http::try_get(closed, "/").is_err());
    assert!(http::try_get(Path::new("/gone"), "/").is_err());
}
