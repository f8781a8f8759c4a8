//! Waiting for conditions, within a deadline.

use std::time::Duration;

use zk_bootstrap::clock;

const POLL: Duration = Duration::from_millis(20);

/// Asks until there is an answer, and returns it.
///
/// # Panics
/// When there is none by the deadline.
pub fn wait_for<T>(what: &str, deadline: Duration, ask: impl FnMut() -> Option<T>) -> T {
    within(deadline, ask).unwrap_or_else(|| panic!("waited {} s for {what}", deadline.as_secs()))
}

/// Asks until there is an answer, or the deadline has passed.
pub fn within<T>(deadline: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = clock::instant();
    loop {
        let answer = ask();
        if answer.is_some() || start.elapsed() > deadline {
            return answer;
        }
        std::thread::sleep(POLL);
    }
}
