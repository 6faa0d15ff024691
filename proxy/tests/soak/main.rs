//! Runs that may be long: `cargo xtask soak NAME`. With the other tests each
//! takes ten seconds.
#![cfg(test)]

mod attackers;
mod observer;
mod octets;
mod upstream;
mod vitals;
