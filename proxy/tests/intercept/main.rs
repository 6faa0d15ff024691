//! A node's DNS taken over and given back: what clients on the node lose when the
//! proxy is killed, stopped, restarted, and ended, printed as a table.
#![cfg(test)]

mod asker;
mod node;
mod trouble;
