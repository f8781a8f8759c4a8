//! Files that are replaced whole or not at all.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file could not be read, written or renamed.
#[derive(Debug, thiserror::Error)]
#[error("{}: could not {what}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// read it, write it, rename it, …
    pub what: &'static str,
    /// Why.
    #[source]
    pub source: io::Error,
}

pub(super) fn failed<'a>(
    path: &'a Path,
    what: &'static str,
) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError {
        path: path.to_owned(),
        what,
        source,
    }
}

/// No file that is read here is longer: what is, is not what it should be.
const LONGEST: u64 = 1 << 20;

/// A small text file, or `None` when there is none.
///
/// # Errors
/// When it exists and cannot be read, is longer than 1 MiB, or is not UTF-8.
pub fn read(path: &Path) -> Result<Option<String>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, "open it")(error)),
    };
    let mut text = String::new();
    let length = file.take(LONGEST + 1).read_to_string(&mut text);
    let length = length.map_err(failed(path, "read it"))?;
    if length as u64 > LONGEST {
        let error = io::Error::new(io::ErrorKind::InvalidData, "longer than 1 MiB");
        return Err(failed(path, "read it")(error));
    }
    Ok(Some(text))
}

/// The names in a directory, in no order, without empty files: they hold nothing that anybody could
/// lose. None when there is no such directory.
///
/// # Errors
/// When it exists and cannot be listed.
pub fn list(directory: &Path) -> Result<Vec<String>, FileError> {
    list_where(directory, |found| found.len() > 0)
}

/// The same with the empty files that were written to after `since`: where a server runs, it may
/// have truncated one to write it anew.
///
/// # Errors
/// When the directory exists and cannot be listed.
pub fn list_with_begun(directory: &Path, since: SystemTime) -> Result<Vec<String>, FileError> {
    let begun = |found: &Metadata| found.modified().is_ok_and(|time| time > since);
    list_where(directory, |found| found.len() > 0 || begun(found))
}

fn list_where(
    directory: &Path,
    counts: impl Fn(&Metadata) -> bool,
) -> Result<Vec<String>, FileError> {
    let listed = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let found = match entry.metadata() {
                // Who listed it has removed it since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                found => found?,
            };
            if counts(&found) {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    };
    match listed() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(failed(directory, "list it")),
    }
}

/// When anything was last stored in a directory: the newest of its files that are not empty, or the
/// directory itself where there are none; `None` when there is no such directory. On a full file system
/// files can still be made, and a server that tries makes an empty one each time.
///
/// # Errors
/// When it is there and cannot be looked at.
pub fn stored(directory: &Path) -> Result<Option<SystemTime>, FileError> {
    let newest = || -> io::Result<SystemTime> {
        let mut newest = None;
        for entry in fs::read_dir(directory)? {
            // A server may take a file away in between.
            let found = entry?.metadata().ok();
            let stored = found.filter(|found| found.is_file() && found.len() > 0);
            newest = newest.max(stored.and_then(|found| found.modified().ok()));
        }
        newest.map_or_else(|| fs::metadata(directory)?.modified(), Ok)
    };
    match newest() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        newest => newest.map(Some).map_err(failed(directory, "list it")),
    }
}

/// A file for reading, of any length.
///
/// # Errors
/// When it is not there, or cannot be opened.
pub fn open(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(failed(path, "open it"))
}

/// Replaces a file's content as one step that a crash cannot halve: written beside, synced,
/// renamed, and the directory synced. A file that has the content and mode already is left alone.
///
/// # Errors
/// When any step fails; the file is then as it was.
pub fn replace(path: &Path, content: &str, mode: u32) -> Result<(), FileError> {
    let same_mode = || fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o777 == mode);
    if matches!(read(path), Ok(Some(present)) if present == content) && same_mode() {
        return Ok(());
    }
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory).map_err(failed(directory, "create it"))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let write = || -> io::Result<()> {
        let options = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&beside);
        let mut file = options?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(content.as_bytes())?;
        file.sync_all()
    };
    let written = write().map_err(failed(&beside, "write it"));
    let renamed =
        written.and_then(|()| fs::rename(&beside, path).map_err(failed(path, "replace it")));
    if renamed.is_err() {
        // A half-written file beside would do no harm, but would not be understood either.
        let _ = fs::remove_file(&beside);
    }
    renamed?;
    sync_directory(directory)
}

/// Removes a note of the agent's own; one that is not there is removed already.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn forget(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed(path, "remove it")(error))
        }
        _ => Ok(()),
    }
}

/// Renames each of `paths` that exists into the new directory `aside`. Nothing is deleted.
///
/// # Errors
/// When a rename fails; what was renamed before stays so, and a repetition moves the rest.
pub fn move_aside(paths: &[PathBuf], aside: &Path) -> Result<(), FileError> {
    fs::create_dir_all(aside).map_err(failed(aside, "create it"))?;
    for path in paths.iter().filter(|path| path.exists()) {
        let name = path.file_name().unwrap_or_default();
        fs::rename(path, aside.join(name)).map_err(failed(path, "move it aside"))?;
        sync_directory(path.parent().unwrap_or(Path::new("/")))?;
    }
    sync_directory(aside)
}

fn sync_directory(directory: &Path) -> Result<(), FileError> {
    let synced = File::open(directory).and_then(|d| d.sync_all());
    synced.map_err(failed(directory, "sync it"))
}
