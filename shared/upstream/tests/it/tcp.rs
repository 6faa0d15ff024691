//! Connections: pipelined, slow, cut, refused, never accepted, black-holed.

use std::io::ErrorKind;
use std::time::Instant;

use super::*;
use upstream::{Delivery, TcpMode};

fn with_mode(mode: TcpMode) -> Upstream {
    Upstream::builder()
        .zone("example.", RECORDS)
        .tcp(mode)
        .start()
        .unwrap()
}

/// RFC 7766, section 6.2.1.1: pipelined; section 7: out of order.
#[test]
fn a_slow_answer_does_not_hold_up_the_next() {
    let server = with_rule(Rule::on("slow.example.").delay(Duration::from_millis(80)));
    let mut stream = connect(server.addr());
    let both = [frame(&query("slow.example.", RecordType::A)), frame(&query(WEB, RecordType::A))];
    stream.write_all(&both.concat()).unwrap();
    let order = [(); 2].map(|()| read_frame(&mut stream).unwrap().queries[0].name.to_ascii());
    assert_eq!(order, [WEB, "slow.example."]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "measures how slow a frame is")]
fn a_frame_can_come_byte_by_byte() {
    let pause = Duration::from_millis(2);
    let server = with_rule(Rule::any().delivery(Delivery::ByteByByte(pause)));
    let started = Instant::now();
    let message = ask_tcp(server.addr(), &query(WEB, RecordType::A));
    assert_eq!(addresses(&message).len(), 1);
    // 2 octets of length, 12 of header, 17 of question, 16 of record.
    assert!(started.elapsed() >= pause * 46);
}

#[test]
fn a_frame_can_end_in_the_middle() {
    let server = with_rule(Rule::any().delivery(Delivery::CloseMidFrame));
    let mut stream = connect(server.addr());
    stream
        .write_all(&frame(&query(WEB, RecordType::A)))
        .unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    let promised = usize::from(u16::from_be_bytes([received[0], received[1]]));
    assert_eq!(received.len() - 2, promised / 2);
}

#[test]
fn a_connection_can_end_without_a_reply() {
    let server = with_rule(Rule::any().tcp().delivery(Delivery::Close));
    let mut stream = connect(server.addr());
    stream
        .write_all(&frame(&query(WEB, RecordType::A)))
        .unwrap();
    assert_eq!(read_frame(&mut stream).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(server.count(WEB), 1);
}

#[test]
fn a_refused_connection_leaves_udp_alone() {
    let server = with_mode(TcpMode::Refuse);
    let error = TcpStream::connect(server.addr()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    ask_udp(server.addr(), &query(WEB, RecordType::A));
}

#[test]
fn a_connection_never_accepted_is_open_and_silent() {
    let server = with_mode(TcpMode::NeverAccept);
    let mut stream = connect(server.addr());
    stream
        .write_all(&frame(&query(WEB, RecordType::A)))
        .unwrap();
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    assert_eq!(read_frame(&mut stream).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(server.total(), 0);
}

#[test]
fn a_black_hole_answers_no_syn() {
    let server = with_mode(TcpMode::BlackHole);
    ask_udp(server.addr(), &query(WEB, RecordType::A));
    let error = TcpStream::connect_timeout(&server.addr(), SILENCE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn a_dropped_server_frees_its_port() {
    let server = with_rule(Rule::any());
    let addr = server.addr();
    ask_tcp(addr, &query(WEB, RecordType::A));
    drop(server);
    assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let again = Upstream::builder()
        .listen(addr)
        .zone("example.", RECORDS)
        .start()
        .unwrap();
    ask_udp(again.addr(), &query(WEB, RecordType::A));
}
