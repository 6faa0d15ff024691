//! From queries to lookups: which name a program looked up, which names its
//! stub resolver asked for it, and how that ended.

mod outcome;
pub use outcome::{End, Lookup, Step};

mod search;
pub use search::{Ndots, Search, Source};

mod learn;
pub(crate) use learn::{Held, Learner};

mod retransmit;
pub use retransmit::{Again, Repeated};
pub(crate) use retransmit::{Alike, Retransmits};

mod library;
pub use library::{Guess, Habits, Libraries};

mod timers;

mod finished;

mod walk;
pub(crate) use walk::{Candidate, Ending};

mod context;
pub(crate) use context::LookupContext;

mod open;
pub use open::OpenLookups;
pub(crate) use open::{Joined, Placed};
