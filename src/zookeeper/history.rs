//! How far a server's data goes, read from its files: a server that does not serve tells nobody.
//!
//! The formats are those of ZooKeeper's `FileTxnLog` and `FileSnap` (3.8 and 3.9).

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::model::history::History;
use crate::model::id::Zxid;

use super::disk::Paths;

/// The files of the data could not be made sense of.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError<E> {
    /// A file or directory could not be opened.
    #[error("the data's files cannot be read")]
    Open(#[source] E),
    /// A file could not be read.
    #[error("{}: could not read it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is data, and no epoch beside it.
    #[error("{}: not an epoch: {text:?}", path.display())]
    Epoch {
        /// `currentEpoch`.
        path: PathBuf,
        /// What it says.
        text: String,
    },
}

/// `ZKLG`, version 2 and a database id.
const LOG_HEADER: usize = 16;
const LOG_MAGIC: &[u8] = b"ZKLG";
/// No transaction is longer than this: `jute.maxbuffer` is 1 MiB by default, and rarely raised far.
const LONGEST: u32 = 256 << 20;
/// Each transaction ends with it.
const END_OF_RECORD: u8 = b'B';
/// The zxid's place in a transaction's header, behind the session id and the cxid.
const ZXID: std::ops::Range<usize> = 12..20;
/// A snapshot that was written to its end ends with the string "/".
const SEAL: [u8; 5] = [0, 0, 0, 1, b'/'];

/// How far the data of a stopped server goes; `None` without data.
///
/// What counts is the last whole transaction in the logs, or the newest whole snapshot where there
/// is none after it: what ZooKeeper itself will restore.
///
/// # Errors
/// When a file that is there cannot be read, and when there is data without an epoch.
pub fn read<E, F: Read + Seek>(
    paths: &Paths,
    generation: u32,
    list: impl Fn(&Path) -> Result<Vec<String>, E>,
    open: impl Fn(&Path) -> Result<F, E>,
) -> Result<Option<History>, HistoryError<E>> {
    let [snapshots, logs] = paths.versions();
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| HistoryError::Read { path, source }
    };
    let files = |directory: &Path, kind: &str| -> Result<Vec<(Zxid, PathBuf)>, HistoryError<E>> {
        let names = list(directory).map_err(HistoryError::Open)?;
        let zxid = |name: &str| -> Option<Zxid> {
            let (of, zxid) = name.split_once('.')?;
            (of == kind).then(|| zxid.split('.').next()?.parse().ok())?
        };
        let found = names
            .iter()
            .filter_map(|n| Some((zxid(n)?, directory.join(n))));
        let mut found: Vec<(Zxid, PathBuf)> = found.collect();
        found.sort();
        Ok(found)
    };
    let mut last = None;
    for (_, path) in files(&logs, "log")?.iter().rev() {
        let log = open(path).map_err(HistoryError::Open)?;
        last = last_of_log(io::BufReader::new(log)).map_err(failed(path))?;
        if last.is_some() {
            break;
        }
    }
    for (zxid, path) in files(&snapshots, "snapshot")?.iter().rev() {
        let snapshot = open(path).map_err(HistoryError::Open)?;
        if is_sealed(path, snapshot).map_err(failed(path))? {
            last = last.max(Some(*zxid));
            break;
        }
    }
    let Some(zxid) = last else {
        return Ok(None);
    };
    let path = snapshots.join("currentEpoch");
    let mut text = String::new();
    let mut file = open(&path).map_err(HistoryError::Open)?;
    file.read_to_string(&mut text).map_err(failed(&path))?;
    match text.trim().parse() {
        Ok(epoch) => Ok(Some(History {
            generation,
            epoch,
            zxid,
        })),
        Err(_) => Err(HistoryError::Epoch { path, text }),
    }
}

/// The zxid of the last whole transaction of a log, which ends with zeros or anywhere.
fn last_of_log(mut log: impl Read) -> io::Result<Option<Zxid>> {
    let mut last = None;
    let mut header = [0; LOG_HEADER];
    if !fills(&mut log, &mut header)? || &header[..4] != LOG_MAGIC {
        return Ok(None);
    }
    let mut prefix = [0; 12];
    let mut record = Vec::new();
    while fills(&mut log, &mut prefix)? {
        let checksum = u64::from_be_bytes(prefix[..8].try_into().expect("eight bytes"));
        let length = u32::from_be_bytes(prefix[8..].try_into().expect("four bytes"));
        if length == 0 || length > LONGEST {
            break;
        }
        record.clear();
        let whole = u64::from(length) + 1;
        if log.by_ref().take(whole).read_to_end(&mut record)? as u64 != whole {
            break;
        }
        let end = record.pop();
        let sound = u64::from(adler2::adler32_slice(&record)) == checksum;
        let Some(zxid) = record
            .get(ZXID)
            .filter(|_| sound && end == Some(END_OF_RECORD))
        else {
            break;
        };
        last = Some(Zxid(u64::from_be_bytes(
            zxid.try_into().expect("eight bytes"),
        )));
    }
    Ok(last)
}

/// Fills the buffer, unless the input ends before.
fn fills(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(buffer) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

/// Whether a snapshot was written to its end. A compressed one (`.gz`, `.snappy`) does not show
/// it, and is believed: ZooKeeper gives a snapshot its name only when it is whole.
fn is_sealed(path: &Path, mut snapshot: impl Read + Seek) -> io::Result<bool> {
    let plain = path
        .extension()
        .is_some_and(|e| e.to_string_lossy().parse::<Zxid>().is_ok());
    if !plain {
        return Ok(true);
    }
    let length = snapshot.seek(SeekFrom::End(0))?;
    if length < SEAL.len() as u64 {
        return Ok(false);
    }
    let mut end = [0; SEAL.len()];
    snapshot.seek(SeekFrom::End(-(SEAL.len() as i64)))?;
    snapshot.read_exact(&mut end)?;
    Ok(end == SEAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of transactions as ZooKeeper writes it, with room for more.
    fn log(zxids: &[u64]) -> Vec<u8> {
        let mut log = [LOG_MAGIC, &[0, 0, 0, 2], &[0; 8]].concat();
        for zxid in zxids {
            let record = [&[7; 12][..], &zxid.to_be_bytes(), &[0; 20]].concat();
            let checksum = u64::from(adler2::adler32_slice(&record));
            log.extend(checksum.to_be_bytes());
            log.extend((record.len() as u32).to_be_bytes());
            log.extend(record);
            log.push(END_OF_RECORD);
        }
        log.extend([0; 64]);
        log
    }

    fn last(log: &[u8]) -> Option<u64> {
        last_of_log(log).expect("readable").map(|zxid| zxid.0)
    }

    #[test]
    fn the_last_transaction_before_the_padding_counts() {
        assert_eq!(
            last(&log(&[0x1_0000_0001, 0x1_0000_0002])),
            Some(0x1_0000_0002)
        );
        assert_eq!(last(&log(&[])), None);
        assert_eq!(last(b""), None);
        assert_eq!(last(b"not a log of transactions"), None);
    }

    #[test]
    fn a_torn_or_damaged_transaction_ends_the_log_before_it() {
        let whole = log(&[5, 6]);
        let first = LOG_HEADER + 12 + 40 + 1;
        for length in first..first + 12 + 40 {
            assert_eq!(last(&whole[..length]), Some(5), "cut at {length}");
        }
        for place in first..first + 12 + 40 + 1 {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            let found = last(&damaged);
            assert!(found == Some(5), "{found:?} with byte {place} damaged");
        }
    }

    #[test]
    fn a_snapshot_counts_when_it_was_written_to_its_end() {
        let sealed = |bytes: &[u8]| {
            let path = Path::new("version-2/snapshot.100000007");
            is_sealed(path, io::Cursor::new(bytes.to_vec())).expect("readable")
        };
        assert!(sealed(b"ZKSN and so on\0\0\0\x01/"));
        assert!(!sealed(b"ZKSN and so on"));
        assert!(!sealed(b""));
    }

    proptest::proptest! {
        #[test]
        fn no_log_makes_it_panic(bytes: Vec<u8>) {
            let log = [&log(&[9])[..69], &bytes[..]].concat();
            proptest::prop_assert!(last_of_log(&log[..]).is_ok());
        }
    }
}
