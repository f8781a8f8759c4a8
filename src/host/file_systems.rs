//! What the file system of a directory says of itself, without being written to.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, major, minor, statvfs};
use rustix::io::Errno;

use super::files::{FileError, failed};

/// What a file system says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Whether it takes nothing that is written: mounted read-only, or closed by the kernel after an
    /// error of its device.
    pub read_only: bool,
    /// Bytes that are free to who is not root.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
    /// Whether no inode is free. (Some file systems make them as they need them, and count none.)
    pub out_of_inodes: bool,
}

/// What the file system of a directory says of itself; `None` when there is no such directory.
///
/// # Errors
/// When it is there and does not say.
pub fn space(directory: &Path) -> Result<Option<Space>, FileError> {
    let said = match statvfs(directory) {
        Ok(said) => said,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(failed(directory, "ask for its free space")(error.into())),
    };
    Ok(Some(Space {
        read_only: said.f_flag.contains(StatVfsMountFlags::RDONLY) || is_closed(directory),
        free: said.f_bavail.saturating_mul(said.f_frsize),
        size: said.f_blocks.saturating_mul(said.f_frsize),
        out_of_inodes: said.f_files > 0 && said.f_favail == 0,
    }))
}

/// Whether the kernel has closed it after an error, which `statvfs` does not tell of. Where that cannot
/// be read, `statvfs` alone counts.
fn is_closed(directory: &Path) -> bool {
    let device = fs::metadata(directory).map(|found| found.dev());
    let mounts = fs::read_to_string("/proc/self/mountinfo");
    let (Ok(device), Ok(mounts)) = (device, mounts) else {
        return false;
    };
    shows_error(&mounts, &format!("{}:{}", major(device), minor(device)))
}

/// Whether the mounts of a device (`259:1`) show that ext4 was stopped by an error: newer kernels leave
/// such a file system mounted `rw`, refuse every write, and add `emergency_ro` to the options of its
/// superblock, which are the last field of proc(5)'s `mountinfo`. (Older ones make it `ro`.)
fn shows_error(mounts: &str, device: &str) -> bool {
    let is_of = |line: &&str| line.split(' ').nth(2) == Some(device);
    let options = |line: &str| line.rsplit(' ').next().map(str::to_owned);
    let mut options = mounts.lines().filter(is_of).filter_map(options);
    options.any(|options| options.split(',').any(|option| option == "emergency_ro"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ext4_that_was_stopped_by_an_error_is_known_by_its_superblock_although_its_mount_is_rw() {
        let mounts = "\
            29 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
            63 29 7:0 / /var/lib/zookeeper rw,relatime shared:9 - ext4 /dev/loop0 rw,errors=remount-ro,emergency_ro\n\
            64 29 7:1 / /mnt/emergency_ro rw,relatime - ext4 /dev/loop1 rw,errors=remount-ro\n";
        assert!(shows_error(mounts, "7:0"));
        for sound in ["254:0", "7:1", "7:9"] {
            assert!(!shows_error(mounts, sound), "{sound}");
        }
    }
}
