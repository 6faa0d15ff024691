//! A network in virtual time: one lookup, and what its servers do with each packet.

use std::sync::Arc;
use std::time::Duration;

use crate::client::{
    Action, Ending, Event, Fault, Lookup, Memory, Model, Packet, Qtype, Reply, Resolver,
};

/// One lookup, and its network.
pub(super) struct World<'a> {
    pub(super) model: Model,
    pub(super) options: &'a str,
    pub(super) servers: u8,
    pub(super) memory: Memory,
}

/// What a server does with a packet of a name.
#[derive(Clone, Copy)]
pub(super) enum Does {
    Answers,
    Says(u8),
    NoData,
    Truncates,
    Nothing,
    Breaks(Fault),
}
use Does::{Answers, Breaks, NoData, Nothing, Says, Truncates};

/// What was sent, and how it ended.
pub(super) struct Played {
    pub(super) lines: Vec<String>,
    pub(super) ending: Ending,
    pub(super) took: Duration,
    pub(super) memory: Memory,
}

const SEARCH: &str = "search a.local b.local\n";

impl<'a> World<'a> {
    pub(super) fn new(model: Model, options: &'a str) -> Self {
        Self { model, options, servers: 1, memory: Memory::default() }
    }

    pub(super) fn of(model: Model) -> Self {
        Self::new(model, "ndots:5")
    }

    /// Looks `name` up. `does` gets the name, the packet, and whether it goes over TCP.
    pub(super) fn play(self, name: &str, does: impl Fn(&str, &Packet, bool) -> Does) -> Played {
        let search = if self.model == Model::CAres { "" } else { SEARCH };
        let text = format!("{search}options {}\n", self.options);
        let (resolver, remarks) = Resolver::new(self.model, &text);
        assert!(remarks.is_empty(), "{remarks:?}");
        let resolver = Arc::new(resolver.with_servers(self.servers));
        let walk = resolver.walk(name);
        let names: Vec<String> = walk.names().map(str::to_owned).collect();
        let (mut memory, mut ids) = (self.memory, 0);
        let mut random = || {
            ids += 1;
            ids
        };
        let (mut now, mut actions) = (Duration::ZERO, Vec::new());
        let mut lookup = Lookup::start(resolver, walk, now, &mut memory, &mut random, &mut actions);
        let mut played = Played { lines: Vec::new(), ending: Ending::Failed, took: now, memory };
        let (mut open, mut events) = (Vec::new(), Vec::<Event>::new());
        for _ in 0..1000 {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Open { socket, peer } => open.push((socket, peer)),
                    Action::Close { socket } => {
                        let at = open.iter().position(|(number, _)| *number == socket);
                        open.swap_remove(at.expect("closed once"));
                        events.retain(|event| !is_of(event, socket));
                    }
                    Action::End(ending) => (played.ending, played.took) = (ending, now),
                    Action::Send(packet) => {
                        let peer = open.iter().find(|(socket, _)| *socket == packet.socket);
                        let peer = peer.expect("sent by an open socket").1;
                        let over_tcp = matches!(peer, crate::client::Peer::Stream(_));
                        let name = &names[usize::from(packet.name)];
                        played.lines.push(line(now, &packet, name, over_tcp));
                        events.extend(event(does(name, &packet, over_tcp), &packet));
                    }
                }
            }
            if lookup.is_over() {
                assert!(open.is_empty(), "{open:?} are left open");
                return played;
            }
            let event = if events.is_empty() {
                now = lookup.deadline().expect("something to wait for").max(now);
                Event::Expired
            } else {
                events.remove(0)
            };
            lookup.handle(event, now, &mut played.memory, &mut random, &mut actions);
        }
        panic!("it goes on for ever: {:#?}", played.lines);
    }
}

fn is_of(event: &Event, closed: u16) -> bool {
    match event {
        Event::Reply { socket, .. } | Event::Broken { socket, .. } => *socket == closed,
        Event::Expired => false,
    }
}

fn event(does: Does, packet: &Packet) -> Option<Event> {
    let Packet { socket, query, server, .. } = *packet;
    let sound = Reply { is_sound: true, ..Reply::default() };
    let reply = match does {
        Answers => Reply { answers: 1, has_address: true, ..sound },
        Says(rcode) => Reply { rcode, ..sound },
        NoData => sound,
        Truncates => Reply { truncated: true, ..sound },
        Nothing => return None,
        Breaks(fault) => return Some(Event::Broken { socket, fault }),
    };
    Some(Event::Reply { socket, query, server, reply })
}

/// `5.0 p0 i2 A name`: seconds, socket, id, type.
fn line(now: Duration, packet: &Packet, name: &str, over_tcp: bool) -> String {
    let transport = if over_tcp { "tcp " } else { "" };
    let qtype = if packet.qtype == Qtype::A { "A" } else { "AAAA" };
    let Packet { socket, id, server, edns, .. } = packet;
    let server = if *server == 0 { String::new() } else { format!(" at {server}") };
    let opt = edns.map_or(String::new(), |payload| format!(" opt {payload}"));
    format!("{:.1} {transport}p{socket} i{id} {qtype} {name}{server}{opt}", now.as_secs_f64())
}

pub(super) fn on_suffix(name: &str, does: Does) -> Does {
    if name.ends_with("local") { does } else { Answers }
}

pub(super) const NXDOMAIN: Does = Says(3);
pub(super) const SERVFAIL: Does = Says(2);
pub(super) const REFUSED: Does = Says(5);
