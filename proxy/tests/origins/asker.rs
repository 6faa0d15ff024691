//! A client that asks much at once and reads the reason in each answer.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use testbed::client::{Message, ResponseCode, parse, receive_datagram};
use testbed::{Client, Query, query};

/// What an answer says of a failure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Told {
    pub(crate) rcode: ResponseCode,
    /// INFO-CODE and EXTRA-TEXT (RFC 8914, section 2).
    pub(crate) error: Option<(u16, String)>,
}

/// So many names below `suffix`, each another one.
pub(crate) fn names(count: u16, suffix: &str) -> Vec<String> {
    (0..count).map(|n| format!("n{n}.{suffix}")).collect()
}

/// Asks for all `names` at once, with EDNS, from the address `source`; each is
/// answered, or the test fails.
pub(crate) fn ask(server: SocketAddr, source: IpAddr, names: &[String]) -> Vec<Told> {
    ask_all(server, source, names.iter().map(|name| query(name, "A").edns(1232)))
}

/// The same with any queries; their ids are set here.
pub(crate) fn ask_all(
    server: SocketAddr,
    source: IpAddr,
    queries: impl Iterator<Item = Query>,
) -> Vec<Told> {
    let client = Client::new(server).from(source).timeout(PATIENCE);
    let socket = client.socket().unwrap();
    let mut asked = 0;
    for query in queries {
        socket.send(&query.id(asked).octets()).unwrap();
        asked += 1;
    }
    let mut told = BTreeMap::new();
    while told.len() < usize::from(asked) {
        let octets = receive_datagram(&socket).unwrap();
        let octets = octets.unwrap_or_else(|| panic!("{} of {asked} answers", told.len()));
        let answer = parse(&octets).unwrap();
        assert!(!answer.metadata.truncation, "{answer:?}");
        told.insert(answer.metadata.id, Told::of(&answer));
    }
    told.into_values().collect()
}

impl Told {
    fn of(answer: &Message) -> Self {
        let options = answer.edns.as_ref().map(|edns| edns.options());
        let octets = options.and_then(|options| {
            let mut all = options.as_ref().iter();
            let (_, option) = all.find(|(code, _)| u16::from(*code) == EXTENDED_ERROR)?;
            Some(Vec::<u8>::try_from(option).unwrap())
        });
        let error = octets.map(|octets| {
            let (code, text) = octets.split_at(2);
            let text = String::from_utf8(text.to_vec()).unwrap();
            (u16::from_be_bytes([code[0], code[1]]), text)
        });
        Self { rcode: answer.metadata.response_code, error }
    }
}

/// The option's code (RFC 8914, section 2).
const EXTENDED_ERROR: u16 = 15;

/// Longer than the proxy ever lets a client wait.
const PATIENCE: Duration = Duration::from_secs(10);
