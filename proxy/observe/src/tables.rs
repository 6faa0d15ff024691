//! Counting in bounded memory: by time, by key, by kind. Nothing here is about
//! DNS but the kinds of [`Count`].

mod hash;
pub(crate) use hash::{MIX, hash_of, hash_of_name, hash_with};

mod window;
pub use window::{Window, Windows};

mod history;
pub use history::{History, TENS};

mod filter;

mod heavy_hitters;
pub(crate) use heavy_hitters::Weighed;
pub use heavy_hitters::{HeavyHitter, HeavyHitters};

mod count;
pub(crate) use count::wait_place;
pub use count::{COUNTS, Count, Counters, Figures};
