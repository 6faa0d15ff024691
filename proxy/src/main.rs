//! The `fivedots` program; its parts are in the library.
fn main() {}
