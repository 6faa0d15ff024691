//! Fuzz targets, and a driver for them that needs nothing but stable Rust.
//!
//! A [`Target`] takes octets, does with them what the product would, and panics where
//! a rule of the product does not hold. The driver changes seeds at random and keeps
//! what has an outcome that was not seen before; it does not see which code runs. The
//! same functions are there for a fuzzer that does (docs/fuzzing.md).
//!
//! Start with `targets.rs`; `driver.rs` has the loop and `mutate.rs` the changes.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a rule that does not hold is what a fuzzer looks for"
)]

mod mutate;

pub mod targets;
pub use targets::Target;

mod seeds;
pub use seeds::seeds;

mod driver;
pub use driver::{Driver, Finding};
