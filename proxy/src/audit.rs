//! Which pod templates make names slow or fail to resolve, and with which resolver library:
//! from what the Kubernetes API has of them, and nothing else.
//!
//! [`Row::of`] and [`Audit::of`] are pure, and `stub` has what each library makes of a
//! resolv.conf; only [`audit`] asks.

mod finding;
pub use finding::{Advice, Finding, Gravity};

mod written;

mod policies;

mod rules;

mod advice;

mod row;
pub use row::Row;

mod report;
pub use report::Audit;

mod seen;
pub use seen::audit;
