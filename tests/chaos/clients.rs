//! Clients that write and read all the while, each in one session after the other, and keep count.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use zookeeper_client::Error;

use crate::history::{ClientId, Contents, Event, Outcome, Register, Told, What, acknowledged};
use crate::world::client::Client;
use crate::world::wait::wait_for;
use crate::world::writer::Servers;

/// Clients side by side.
const CLIENTS: ClientId = 3;
/// Between a client's writes: often enough to see short gaps, seldom enough to leave the cores
/// alone.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(20);
/// A session ends after so many writes, so that the servers that came meanwhile are used too.
const WRITES_OF_A_SESSION: u32 = 300;
/// Connections that a session may lose one after the other and go on elsewhere.
const MOVES: u32 = 3;

/// The clients' threads; they end when it is dropped.
pub struct Clients {
    stop: Arc<AtomicBool>,
    events: Arc<Mutex<Vec<Event>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    /// Starts to write, as soon as a server takes it. Times are counted from `begin`.
    pub fn start(servers: &Servers, begin: Instant) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let events = Arc::new(Mutex::new(Vec::new()));
        let start = |id| {
            let mut one = One {
                id,
                servers: servers.clone(),
                stop: stop.clone(),
                events: events.clone(),
                begin,
                session: 0,
                tried: 0,
            };
            std::thread::spawn(move || one.live())
        };
        let threads = (1..=CLIENTS).map(start).collect();
        Clients {
            stop,
            events,
            threads,
        }
    }

    /// Waits until some more writes are acknowledged.
    pub fn await_more(&self, count: usize, deadline: Duration) {
        let goal = acknowledged(&lock(&self.events)) + count;
        wait_for("acknowledged writes", deadline, || {
            (acknowledged(&lock(&self.events)) >= goal).then_some(())
        });
    }

    /// Stops; what happened.
    ///
    /// # Panics
    /// When a client did.
    pub fn finish(mut self) -> Vec<Event> {
        for ended in self.end() {
            ended.expect("a client goes on, whatever happens");
        }
        std::mem::take(&mut *lock(&self.events))
    }

    fn end(&mut self) -> Vec<std::thread::Result<()>> {
        self.stop.store(true, Ordering::Relaxed);
        let threads = self.threads.drain(..);
        threads.map(JoinHandle::join).collect()
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // Where it is dropped, something else has failed already.
        let _ = self.end();
    }
}

/// All that one server has of all clients, after a sync.
///
/// # Errors
/// When it does not tell.
pub fn told(instance: &str, server: Ipv4Addr) -> Result<Told, Error> {
    let client = Client::connect(&[server])?;
    let contents = |id| {
        // Its children are asked for after a sync.
        let names = match client.children(&path(id)) {
            Err(Error::NoNode) => BTreeSet::new(),
            names => names?,
        };
        let writes = names.iter().map(|name| name.parse().expect("a number"));
        let contents = Contents {
            writes: writes.collect(),
            register: read(&client, id)?,
        };
        Ok((id, contents))
    };
    Ok(Told {
        server: instance.to_owned(),
        clients: (1..=CLIENTS).map(contents).collect::<Result<_, Error>>()?,
    })
}

struct One {
    id: ClientId,
    servers: Servers,
    stop: Arc<AtomicBool>,
    events: Arc<Mutex<Vec<Event>>>,
    begin: Instant,
    session: u32,
    tried: u64,
}

impl One {
    fn live(&mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            self.session += 1;
            let servers = lock(&self.servers).clone();
            // Why a session ended is of no interest: what it knows is in the events.
            if self.session(&servers).is_err() {
                std::thread::sleep(RETRY);
            }
        }
    }

    /// Writes and reads in one session. When its connection is lost, it goes on at another server.
    fn session(&mut self, servers: &[Ipv4Addr]) -> Result<(), Error> {
        let client = Client::connect(servers)?;
        match client.create(&path(self.id)) {
            Ok(()) | Err(Error::NodeExists) => {}
            Err(error) => return Err(error),
        }
        let mut version = None;
        let mut moves = 0;
        for _ in 0..WRITES_OF_A_SESSION {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            match self.step(&client, &mut version) {
                Ok(()) => moves = 0,
                Err(Error::ConnectionLoss) if moves < MOVES => moves += 1,
                Err(error) => return Err(error),
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// One write, and a read of anybody's register. `version` is the own register's, if known.
    fn step(&mut self, client: &Client, version: &mut Option<i32>) -> Result<(), Error> {
        let expected = match version.take() {
            Some(version) => version,
            None => {
                client.sync(&path(self.id))?;
                self.read(client, self.id)?.version
            }
        };
        *version = self.write(client, expected)?;
        self.read(client, fastrand::u8(1..=CLIENTS))?;
        Ok(())
    }

    /// The register's version after a write of the next number; none when it was refused.
    fn write(&mut self, client: &Client, expected: i32) -> Result<Option<i32>, Error> {
        self.tried += 1;
        let number = self.tried.to_string();
        let (register, begun) = (path(self.id), self.begin.elapsed());
        let znode = format!("{register}/{number}");
        let written = client.create_and_set(&znode, &register, number.as_bytes(), expected);
        let outcome = match &written {
            Ok(version) => Outcome::Acknowledged { version: *version },
            Err(Error::BadVersion | Error::NodeExists | Error::NoNode) => Outcome::Refused,
            Err(_) => Outcome::Unknown,
        };
        let number = self.tried;
        self.note(begun, What::Write { number, outcome });
        match outcome {
            Outcome::Refused => Ok(None),
            _ => written.map(Some),
        }
    }

    fn read(&mut self, client: &Client, of: ClientId) -> Result<Register, Error> {
        let begun = self.begin.elapsed();
        let seen = read(client, of)?;
        self.note(begun, What::Read { of, seen });
        Ok(seen)
    }

    fn note(&self, begun: Duration, what: What) {
        lock(&self.events).push(Event {
            client: self.id,
            session: self.session,
            begun,
            ended: self.begin.elapsed(),
            what,
        });
    }
}

fn path(id: ClientId) -> String {
    format!("/client-{id}")
}

fn read(client: &Client, of: ClientId) -> Result<Register, Error> {
    let (data, version) = match client.read(&path(of)) {
        Err(Error::NoNode) => return Ok(Register::default()),
        read => read?,
    };
    let text = String::from_utf8(data).expect("a number");
    // A register is created empty.
    let number = match text.as_str() {
        "" => 0,
        text => text.parse().expect("a number"),
    };
    Ok(Register { version, number })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
