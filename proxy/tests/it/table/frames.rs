//! What is special to TCP: frames, however they are cut and sent (RFC 7766).

use testbed::client::{Connection, parse};
use testbed::{Client, query};

type Check = fn(&mut Connection) -> Result<(), String>;

/// Tries each rule on a connection of its own; prints what came, and returns
/// the lines of those that failed.
pub(super) fn check(client: &Client) -> Vec<String> {
    let rules: [(&str, Check); 6] = [
        ("two queries in one write", two_in_one_write),
        ("octet by octet", octet_by_octet),
        ("a late answer is overtaken", late_is_overtaken),
        ("length zero", length_zero),
        ("half a frame, then the end", half_a_frame),
        ("the end after a query", end_after_query),
    ];
    let mut wrong = Vec::new();
    for (name, rule) in rules {
        let outcome = rule(&mut client.connect().unwrap());
        println!("{name:<26} TCP  {outcome:?}");
        if let Err(reason) = outcome {
            wrong.push(format!("{name}: {reason}"));
        }
    }
    wrong
}

fn web(id: u16) -> testbed::Query {
    query("web.test.", "A").id(id)
}

/// Receives so many answers and returns their ids.
fn ids(connection: &mut Connection, count: usize) -> Result<Vec<u16>, String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let octets = connection.receive().map_err(|error| error.to_string())?;
        let message = parse(&octets.ok_or("closed")?).map_err(|error| error.to_string())?;
        ids.push(message.metadata.id);
    }
    Ok(ids)
}

fn expect<T: PartialEq + std::fmt::Debug>(received: &T, expected: &T) -> Result<(), String> {
    let same = received == expected;
    same.then_some(())
        .ok_or_else(|| format!("{received:?}, expected {expected:?}"))
}

fn closed(connection: &mut Connection) -> Result<(), String> {
    match connection.receive() {
        Ok(None) => Ok(()),
        other => Err(format!("{other:?}, expected the end")),
    }
}

fn two_in_one_write(connection: &mut Connection) -> Result<(), String> {
    connection.send_all(&[web(1), web(2)]).unwrap();
    expect(&ids(connection, 2)?, &vec![1, 2])
}

fn octet_by_octet(connection: &mut Connection) -> Result<(), String> {
    let octets = web(1).octets();
    let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
    for octet in length.iter().chain(&octets) {
        connection.send_raw(&[*octet]).unwrap();
    }
    expect(&ids(connection, 1)?, &vec![1])
}

fn late_is_overtaken(connection: &mut Connection) -> Result<(), String> {
    // Another name each time: the first one is not in the cache.
    let late = format!("n{}.late.test.", rand::random::<u32>());
    connection
        .send_all(&[query(&late, "A").id(1), web(2)])
        .unwrap();
    expect(&ids(connection, 2)?, &vec![2, 1])
}

fn length_zero(connection: &mut Connection) -> Result<(), String> {
    connection.send_raw(&[0, 0]).unwrap();
    closed(connection)
}

fn half_a_frame(connection: &mut Connection) -> Result<(), String> {
    connection.send_raw(&[0, 50, 1, 2, 3]).unwrap();
    connection
        .stream
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    closed(connection)
}

fn end_after_query(connection: &mut Connection) -> Result<(), String> {
    connection.send(&web(1).octets()).unwrap();
    connection
        .stream
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    expect(&ids(connection, 1)?, &vec![1])?;
    closed(connection)
}
