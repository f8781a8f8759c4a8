//! What a directory stands on, and to whom it belongs.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::file_systems::space;
use super::files::{FileError, failed};
use crate::model::facts::FileSystem;

/// What the file system says of a directory; `None` when there is none.
///
/// # Errors
/// When it is there and cannot be looked at.
pub fn look(directory: &Path) -> Result<Option<FileSystem>, FileError> {
    let real = match fs::canonicalize(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        real => real.map_err(failed(directory, "find it"))?,
    };
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev());
    let found = fs::metadata(&real).map_err(failed(directory, "look at it"))?;
    let root = device(Path::new("/")).map_err(failed(directory, "look at /"))?;
    let same = |path: &&Path| device(path).is_ok_and(|other| other == found.dev());
    let mount = real.ancestors().take_while(same).last().unwrap_or(&real);
    let Some(space) = space(&real)? else {
        return Ok(None);
    };
    Ok(Some(FileSystem {
        mount: mount.to_owned(),
        on_root: found.dev() == root,
        owner: found.uid(),
        mode: found.mode() & 0o7777,
        free: space.free,
        size: space.size,
        read_only: space.read_only,
        out_of_inodes: space.out_of_inodes,
    }))
}

/// The mode of a file; `None` when there is none.
///
/// # Errors
/// When it may not be looked at.
pub fn mode(file: &Path) -> Result<Option<u32>, FileError> {
    match fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(file, "look at it")(error)),
        Ok(found) => Ok(Some(found.mode() & 0o7777)),
    }
}

/// The files in a directory with their sizes in bytes; none when there is no such directory.
///
/// # Errors
/// When it is there and cannot be listed.
pub fn sizes(directory: &Path) -> Result<Vec<(String, u64)>, FileError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed(directory, "list it"))?,
    };
    // A server may take a file away in between.
    let sized = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let size = entry.metadata().ok()?.len();
        Some((entry.file_name().to_string_lossy().into_owned(), size))
    });
    Ok(sized.collect())
}
