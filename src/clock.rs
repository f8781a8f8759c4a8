//! The one place that looks at the clock.

use std::time::Instant;

use jiff::Timestamp;

/// The wall clock, for what is compared with the service's times or shown to people.
#[allow(clippy::disallowed_methods)]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The monotonic clock, for ages and deadlines within this process.
#[allow(clippy::disallowed_methods)]
pub fn instant() -> Instant {
    Instant::now()
}
