//! The default configuration as a commented file.

/// What `fivedots config defaults` prints; a test holds it against the values
/// in the code.
pub const DEFAULTS: &str = include_str!("defaults.toml");
