//! Files in, queries in the order of time out.

use std::collections::BTreeMap;

use super::*;

/// A line at so many milliseconds, which took one of them.
fn line(ms: u64, client: &str, name: &str) -> String {
    let (s, ms) = ((ms + 1) / 1000, (ms + 1) % 1000);
    format!(
        "2026-11-28T10:00:{s:02}.{ms:03}Z stdout F [INFO] {client}:4000 - 1 \
         \"A IN {name} udp 40 false 512\" NOERROR qr 95 0.001s\n"
    )
}

fn names(recording: &Recording) -> Vec<(u64, u16, String)> {
    let name = |entry: &Entry| recording.asked()[entry.asked as usize].name.to_string();
    let entries = recording.entries().iter();
    entries
        .map(|entry| (entry.at / 1_000_000, entry.client, name(entry)))
        .collect()
}

#[test]
fn files_are_merged_by_time_and_clients_keep_their_order() {
    let mut reader = Reader::default();
    reader
        .read("b", &[line(30, "10.0.0.2", "b."), line(20, "10.0.0.1", "c.")].concat())
        .unwrap();
    reader
        .read("a", &[line(10, "10.0.0.1", "a."), line(30, "10.0.0.1", "b.")].concat())
        .unwrap();
    let recording = reader.finish().unwrap();
    let expected = [(0, 1, "a."), (10, 1, "c."), (20, 0, "b."), (20, 1, "b.")];
    assert_eq!(names(&recording), expected.map(|(at, client, name)| (at, client, name.to_owned())));
    assert_eq!((recording.clients(), recording.asked().len()), (2, 3));
    assert_eq!(recording.length(), 20_000_000);
    assert_eq!(recording.peak(), 40.0);
}

#[test]
fn what_is_wrong_is_named_with_file_and_line() {
    let text = [
        line(1, "10.0.0.1", "a."),
        "[INFO] 10.0.0.1:1 - 1 \"A IN a. udp 1 false 512\" NOERROR qr 1 0.1s\n".to_owned(),
    ]
    .concat();
    let error = Recording::parse("core.log", &text).unwrap_err().to_string();
    assert!(error.starts_with("core.log:2: the line has no time: "), "{error}");
    let error = Recording::parse("core.log", "nothing\n")
        .unwrap_err()
        .to_string();
    assert_eq!(error, "core.log: there is no query over UDP in it");
    let error = Recording::read(&["/nonexistent/log"])
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("cannot read /nonexistent/log: "), "{error}");
}

#[test]
fn what_is_not_played_is_counted() {
    let text = [
        line(1, "10.0.0.1", "a."),
        line(2, "10.0.0.1", "a.").replace(" udp ", " tcp "),
        line(3, "10.0.0.1", "x.").replace("NOERROR", "NXDOMAIN"),
        line(4, "10.0.0.1", "y.").replace("NOERROR qr 95", "- - 0"),
        "[INFO] plugin/ready\n".to_owned(),
    ];
    let remarks = Recording::parse("f", &text.concat()).unwrap().remarks;
    assert_eq!(
        remarks,
        Remarks {
            over_tcp: 1,
            other_lines: 1,
            answered: 2,
            nxdomain: 1,
            skipped: 0,
            has_outcomes: true,
        }
    );
}

#[test]
fn speed_moves_instants_and_nothing_else() {
    let text = [line(0, "10.0.0.1", "a."), line(500, "10.0.0.2", "b.")].concat();
    let recording = Recording::parse("f", &text).unwrap().at_speed(2.0);
    assert_eq!(names(&recording), [(0, 0, "a.".to_owned()), (250, 1, "b.".to_owned())]);
}

#[test]
fn more_clients_are_whole_clients_with_names_of_their_own() {
    let lines = [
        line(0, "10.0.0.1", "shared.example."),
        line(100, "10.0.0.2", "shared.example."),
        line(200, "10.0.0.1", "first-own.example."),
        line(300, "10.0.0.1", "first-own.example."),
    ];
    let once = Recording::parse("f", &lines.concat()).unwrap();
    let thrice = once.clone().with_clients(3).unwrap();
    assert_eq!((thrice.clients(), thrice.entries().len()), (6, 12));
    let mut by_client: BTreeMap<u16, Vec<(u64, String)>> = BTreeMap::new();
    for (at, client, name) in names(&thrice) {
        by_client.entry(client).or_default().push((at, name));
    }
    let own: Vec<_> = [0, 2, 4]
        .map(|client| by_client[&client][1].1.clone())
        .to_vec();
    for client in [0_u16, 2, 4] {
        let queries = &by_client[&client];
        assert_eq!(queries.len(), 3);
        // The same intervals, the same shared name; its own name is asked for twice.
        let gaps = [queries[1].0 - queries[0].0, queries[2].0 - queries[0].0];
        assert!(gaps[0].abs_diff(200) <= 1 && gaps[1].abs_diff(300) <= 1, "{queries:?}");
        assert_eq!(queries[0].1, "shared.example.");
        assert_eq!(queries[1].1, queries[2].1);
        assert!(queries[1].1.ends_with(".example.") && queries[1].1.len() == own[0].len());
    }
    assert_eq!(own[0], "first-own.example.");
    assert!(own[0] != own[1] && own[1] != own[2] && own[0] != own[2], "{own:?}");
    assert!(once.with_clients(20_000).is_err());
}
