//! The cache beside what one would take instead: time of a look-up and of an
//! insert, pauses, memory, and how much of a trace it answers.
//!
//! `cargo bench -p benches --bench cache`. Not by criterion: tables of a
//! million entries are built once, and pauses and hit ratios are no times.

mod names;
mod output;
mod ratio;
mod times;

fn main() {
    times::lookups();
    times::inserts();
    ratio::print();
}
