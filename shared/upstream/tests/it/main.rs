//! The server over loopback: what it answers, how it misbehaves, what it
//! remembers.
#![cfg(test)]

mod misbehavior;
mod tcp;
mod zones;

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use upstream::{Rule, Upstream};

/// Long enough for a busy machine, short enough for a person.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long silence is listened to.
const SILENCE: Duration = Duration::from_millis(300);

/// What the tests of rules and of connections ask for.
const WEB: &str = "web.example.";
const RECORDS: &str = "web 30 A 192.0.2.1\nslow 30 A 192.0.2.2";

fn with_rule(rule: Rule) -> Upstream {
    Upstream::builder()
        .zone("example.", RECORDS)
        .rule(rule)
        .start()
        .unwrap()
}

fn query(name: &str, qtype: RecordType) -> Message {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), qtype));
    message
}

fn with_payload(mut message: Message, size: u16) -> Message {
    let mut edns = Edns::new();
    edns.set_max_payload(size);
    message.set_edns(edns);
    message
}

/// A socket that hears everybody, so that a wrong source port is seen.
fn udp_to(server: SocketAddr) -> UdpSocket {
    let own = SocketAddr::new(server.ip(), 0);
    let socket = UdpSocket::bind(own).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; 65_535];
    let (length, from) = socket.recv_from(&mut buffer).ok()?;
    Some((buffer[..length].to_vec(), from))
}

fn ask_udp(server: SocketAddr, query: &Message) -> Message {
    let socket = udp_to(server);
    socket.send_to(&query.to_vec().unwrap(), server).unwrap();
    let (octets, from) = receive(&socket).expect("an answer");
    assert_eq!(from, server);
    Message::from_vec(&octets).unwrap()
}

fn hears_nothing(server: SocketAddr, query: &Message) -> bool {
    let socket = udp_to(server);
    socket.set_read_timeout(Some(SILENCE)).unwrap();
    socket.send_to(&query.to_vec().unwrap(), server).unwrap();
    receive(&socket).is_none()
}

fn frame(message: &Message) -> Vec<u8> {
    let octets = message.to_vec().unwrap();
    [&u16::try_from(octets.len()).unwrap().to_be_bytes(), octets.as_slice()].concat()
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&server, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn read_frame(stream: &mut TcpStream) -> std::io::Result<Message> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut octets)?;
    Ok(Message::from_vec(&octets).unwrap())
}

fn ask_tcp(server: SocketAddr, query: &Message) -> Message {
    let mut stream = connect(server);
    stream.write_all(&frame(query)).unwrap();
    read_frame(&mut stream).unwrap()
}

fn addresses(message: &Message) -> Vec<IpAddr> {
    let addresses = message
        .answers
        .iter()
        .filter_map(|record| match record.data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
            _ => None,
        });
    addresses.collect()
}

fn rcode(message: &Message) -> ResponseCode {
    message.metadata.response_code
}
