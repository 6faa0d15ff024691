//! The program over loopback: what it sends, what it says, how it exits.
#![cfg(test)]

mod answering;
mod commands;
mod compared;
mod counts;
mod ends;
mod figures;
mod find;
mod gso;
mod guarded;
mod live;
mod page;
mod program;
mod schema;
mod shards;
mod sockets;
mod stall;
mod stopped;
