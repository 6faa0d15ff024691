//! Rules and addresses in a real kernel, each test in a network namespace of its own.
#![cfg(test)]

mod rules;
