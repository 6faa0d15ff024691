//! Messages of `nf_tables`: tables, chains, rules, sets, and the batch that puts all
//! of them in force at once or none.

use std::time::Duration;

use netlink::{APPEND, Attributes, CREATE, DUMP, Message};

use crate::expression::{LIST_ELEMENT, Rule};
use crate::plan::TABLE;

/// Where a chain is hooked in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hook {
    /// `filter` or `nat`.
    pub(crate) kind: &'static str,
    pub(crate) number: u32,
    pub(crate) priority: i32,
}

/// What a set holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetType {
    /// The type that `nft` shows, with its octets.
    pub(crate) key: (u32, u32),
    /// Of what a key leads to, for a map.
    pub(crate) data: Option<(u32, u32)>,
    /// Whether elements have a life.
    pub(crate) has_timeout: bool,
}

/// An element: its key, and for a map what it leads to.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) key: Vec<u8>,
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) life: Option<Duration>,
}

impl Element {
    pub(crate) const fn key(key: Vec<u8>) -> Self {
        Self { key, data: None, life: None }
    }
}

/// Puts messages between those that make them one.
pub(crate) fn batch(messages: Vec<Message>) -> Vec<Message> {
    let end = |kind| Message {
        kind,
        flags: 0,
        // Which subsystem the batch is for, in the order of the network.
        fixed: [[0, 0], SUBSYSTEM.to_be_bytes()].concat(),
        attributes: Attributes::new(),
    };
    let mut all = vec![end(BATCH_BEGIN)];
    all.extend(messages);
    all.push(end(BATCH_END));
    all
}

/// Makes the table, with the comment that marks it as ours.
pub(crate) fn new_table() -> Message {
    let attributes = Attributes::new()
        .text(TABLE_NAME, TABLE)
        .put(TABLE_USERDATA, &comment());
    message(NEW_TABLE, attributes).with(CREATE)
}

pub(crate) fn delete_table() -> Message {
    message(DELETE_TABLE, Attributes::new().text(TABLE_NAME, TABLE))
}

/// Asks for all tables.
pub(crate) fn list_tables() -> Message {
    message(GET_TABLE, Attributes::new()).with(DUMP)
}

pub(crate) fn new_chain(name: &str, hook: Hook) -> Message {
    let place = Attributes::new()
        .number(1, hook.number)
        .put(2, &hook.priority.to_be_bytes());
    let attributes = Attributes::new()
        .text(1, TABLE)
        .text(3, name)
        .nest(4, &place)
        .text(7, hook.kind);
    message(NEW_CHAIN, attributes).with(CREATE)
}

pub(crate) fn new_rule(chain: &str, rule: &Rule) -> Message {
    let attributes = Attributes::new()
        .text(1, TABLE)
        .text(2, chain)
        .nest(4, rule.expressions());
    message(NEW_RULE, attributes).with(CREATE | APPEND)
}

/// Removes all rules of a chain, or of all chains.
pub(crate) fn flush_rules(chain: Option<&str>) -> Message {
    let mut attributes = Attributes::new().text(1, TABLE);
    if let Some(chain) = chain {
        attributes = attributes.text(2, chain);
    }
    message(DELETE_RULE, attributes)
}

/// Makes a set; `id` tells those of one batch apart.
pub(crate) fn new_set(name: &str, id: u32, kind: SetType) -> Message {
    let mut flags = 0;
    if kind.has_timeout {
        flags |= SET_TIMEOUT;
    }
    if kind.data.is_some() {
        flags |= SET_MAP;
    }
    let mut attributes = Attributes::new()
        .text(1, TABLE)
        .text(2, name)
        .number(3, flags)
        .number(4, kind.key.0)
        .number(5, kind.key.1);
    if let Some((data, len)) = kind.data {
        attributes = attributes.number(6, data).number(7, len);
    }
    message(NEW_SET, attributes.number(10, id)).with(CREATE)
}

pub(crate) fn add_elements(set: &str, elements: &[Element]) -> Message {
    message(NEW_ELEMENTS, listed(set, elements)).with(CREATE)
}

/// Removes elements; one that is not there fails the batch.
pub(crate) fn delete_elements(set: &str, elements: &[Element]) -> Message {
    message(DELETE_ELEMENTS, listed(set, elements))
}

pub(crate) fn flush_elements(set: &str) -> Message {
    message(DELETE_ELEMENTS, Attributes::new().text(1, TABLE).text(2, set))
}

/// Asks for all elements of a set.
pub(crate) fn list_elements(set: &str) -> Message {
    message(GET_ELEMENTS, Attributes::new().text(1, TABLE).text(2, set)).with(DUMP)
}

fn listed(set: &str, elements: &[Element]) -> Attributes {
    let mut list = Attributes::new();
    for element in elements.iter().take(MAX_ELEMENTS) {
        let mut attributes = Attributes::new().nest(1, &Attributes::new().put(1, &element.key));
        if let Some(data) = &element.data {
            attributes = attributes.nest(2, &Attributes::new().put(1, data));
        }
        if let Some(life) = element.life {
            let millis = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
            attributes = attributes.put(4, &millis.to_be_bytes());
        }
        list = list.nest(LIST_ELEMENT, &attributes);
    }
    Attributes::new().text(1, TABLE).text(2, set).nest(3, &list)
}

/// As `nft` stores a comment of a table: its kind, its length, its text.
pub(crate) fn comment() -> Vec<u8> {
    let len = u8::try_from(TABLE.len() + 1).unwrap_or(u8::MAX);
    [&[0, len], TABLE.as_bytes(), &[0]].concat()
}

fn message(kind: u16, attributes: Attributes) -> Message {
    // Of both families, and of version 0.
    let fixed = vec![FAMILY_INET, 0, 0, 0];
    Message { kind: (SUBSYSTEM << 8) | kind, flags: 0, fixed, attributes }
}

/// Octets of the part of fixed length, of nfnetlink.
pub(crate) const FIXED: usize = 4;
pub(crate) const FAMILY_INET: u8 = 1;
pub(crate) const TABLE_NAME: u16 = 1;
pub(crate) const TABLE_USERDATA: u16 = 6;
/// The most elements that one message takes: more CoreDNS pods than a cluster has,
/// and a message of under 64 KiB.
pub(crate) const MAX_ELEMENTS: usize = 256;
const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const NEW_TABLE: u16 = 0;
const GET_TABLE: u16 = 1;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const DELETE_RULE: u16 = 8;
const NEW_SET: u16 = 9;
const NEW_ELEMENTS: u16 = 12;
const GET_ELEMENTS: u16 = 13;
const DELETE_ELEMENTS: u16 = 14;
const SET_MAP: u32 = 0x08;
const SET_TIMEOUT: u32 = 0x10;
