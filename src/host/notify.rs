//! The service manager is told: ready, the story so far, alive (sd_notify). Without
//! `NOTIFY_SOCKET` nothing happens.

use sd_notify::NotifyState;
use std::time::Duration;

/// This server is a serving member.
pub fn ready() {
    send(&[NotifyState::Ready]);
}

/// One line for `systemctl status`.
pub fn status(line: &str) {
    send(&[NotifyState::Status(line)]);
}

/// The loop goes on.
pub fn watchdog() {
    send(&[NotifyState::Watchdog]);
}

/// The agent is on its way out; ZooKeeper stays.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// How often the manager wants to hear [`watchdog`], if at all (`WatchdogSec=`).
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn send(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager could not be notified");
    }
}
