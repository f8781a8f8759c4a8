//! A client that writes all the while, and remembers what was acknowledged.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use zk_bootstrap::clock;
use zookeeper_client::Error;

use super::client::Client;
use super::wait::wait_for;

/// The parent of all that is written.
pub const PARENT: &str = "/written";
/// Between two writes: often enough to see short gaps, seldom enough to leave the cores alone.
const PAUSE: Duration = Duration::from_millis(10);
/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(20);

/// What was acknowledged.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// The names of the children of [`PARENT`].
    pub acknowledged: BTreeSet<String>,
    /// The longest time between two acknowledgements.
    pub longest_gap: Duration,
    last: Option<Instant>,
}

impl Written {
    /// Asserts that each of these servers has each acknowledged write.
    pub fn assert_at(&self, servers: &[Ipv4Addr]) {
        assert!(!self.acknowledged.is_empty(), "nothing was written");
        for server in servers {
            let client = Client::connect(&[*server]).expect("it serves");
            let there = client.children(PARENT).expect("readable");
            let lost: Vec<&String> = self.acknowledged.difference(&there).collect();
            let (count, all) = (lost.len(), self.acknowledged.len());
            assert!(
                lost.is_empty(),
                "{count} of {all} are lost at {server}: {:?}…",
                lost[0]
            );
        }
    }
}

/// The addresses that the client may connect to; the world keeps them current.
pub type Servers = Arc<Mutex<Vec<Ipv4Addr>>>;

/// The client's thread; it ends when it is dropped.
pub struct Writer {
    stop: Arc<AtomicBool>,
    written: Arc<Mutex<Written>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts to write, as soon as a server takes it.
    pub fn start(servers: Servers) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let written = Arc::new(Mutex::new(Written::default()));
        let (until, record) = (stop.clone(), written.clone());
        let thread = std::thread::spawn(move || write(&servers, &until, &record));
        Writer {
            stop,
            written,
            thread: Some(thread),
        }
    }

    /// What was acknowledged so far.
    pub fn so_far(&self) -> Written {
        lock(&self.written).clone()
    }

    /// Waits until some more writes are acknowledged.
    pub fn await_more(&self, count: usize, deadline: Duration) {
        let goal = lock(&self.written).acknowledged.len() + count;
        wait_for("acknowledged writes", deadline, || {
            (lock(&self.written).acknowledged.len() >= goal).then_some(())
        });
    }

    /// Forgets the longest gap, so that the next act has its own.
    pub fn new_act(&self) {
        lock(&self.written).longest_gap = Duration::ZERO;
    }

    /// Stops writing.
    pub fn finish(mut self) -> Written {
        self.end();
        self.so_far()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

fn write(servers: &Servers, stop: &AtomicBool, written: &Mutex<Written>) {
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let addresses = lock(servers).clone();
        if let Err(error) = session(&addresses, stop, written, &mut number) {
            // The error is of no interest: what was not acknowledged may or may not be there.
            let _ = error;
            std::thread::sleep(RETRY);
        }
    }
}

/// Writes until an error, with a name never tried before each time.
fn session(
    addresses: &[Ipv4Addr],
    stop: &AtomicBool,
    written: &Mutex<Written>,
    number: &mut u64,
) -> Result<(), Error> {
    let client = Client::connect(addresses)?;
    match client.create(PARENT) {
        Ok(()) | Err(Error::NodeExists) => {}
        Err(error) => return Err(error),
    }
    while !stop.load(Ordering::Relaxed) {
        *number += 1;
        let name = format!("{number:08}");
        client.create(&format!("{PARENT}/{name}"))?;
        let now = clock::instant();
        let mut written = lock(written);
        if let Some(last) = written.last.replace(now) {
            written.longest_gap = written.longest_gap.max(now - last);
        }
        written.acknowledged.insert(name);
        drop(written);
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
