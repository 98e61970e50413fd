//! A number that is the test's alone on this machine, and the folder that goes with it.
//!
//! Addresses, names of links and of cgroups are made of the number, so that tests can run at
//! the same time. A lock on a file holds it: the kernel lets go when the process ends,
//! however it ends, and whoever gets the number next removes what was left.

use crate::error::{Error, Result};
use crate::program::Account;
use crate::quota;
use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// As many as there are networks of 64 addresses in 198.18.0.0/15.
const NUMBERS: u32 = 2048;

/// A number and its folder; both are given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    number: u32,
    folder: PathBuf,
    lock: PathBuf,
    _locked: File,
}

impl Lease {
    /// Takes the lowest number that is free.
    pub(crate) fn take(account: Account) -> Result<Lease> {
        let base = base(account)?;
        for number in 0..NUMBERS {
            let lock = base.join(format!("{number}.lock"));
            let Some(locked) = try_lock(&lock)? else {
                continue;
            };
            let folder = base.join(number.to_string());
            quota::sweep(number);
            remove(&folder)?;
            create(&folder)?;
            return Ok(Lease {
                number,
                folder,
                lock,
                _locked: locked,
            });
        }
        let base = base.display();
        Err(Error::new(format!(
            "all {NUMBERS} numbers in {base} are taken"
        )))
    }

    /// The number: below 2048.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The folder, which exists and is empty at first.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        quota::sweep(self.number);
        if let Err(error) = remove(&self.folder) {
            eprintln!("pando-cluster: {error}");
        }
        // While it is locked: whoever opened it before looks again at what it is.
        let _ = fs::remove_file(&self.lock);
    }
}

/// The folder of all leases, which others may pass through and not write to. Not in `TMPDIR`:
/// tests that have different ones must see the same locks.
pub(crate) fn base(account: Account) -> Result<PathBuf> {
    let uid = account.own_uid();
    let path = PathBuf::from(format!("/tmp/pando-cluster-{uid}"));
    if !path.exists() {
        create(&path)?;
    }
    let owner = fs::symlink_metadata(&path).map_err(|error| Error::file("read", &path, &error))?;
    if owner.uid() != uid || !owner.is_dir() {
        let path = path.display();
        return Err(Error::new(format!("{path} is not ours: remove it")));
    }
    Ok(path)
}

/// The file, locked; nothing where another has it.
fn try_lock(path: &Path) -> Result<Option<File>> {
    let failed = |error: &io::Error| Error::file("lock", path, error);
    let file = File::create(path).map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(failed(&error)),
    }
    // It may have been removed between opening and locking.
    let ours = file.metadata().map_err(|error| failed(&error))?;
    let is_it = fs::metadata(path).is_ok_and(|there| there.ino() == ours.ino());
    Ok(is_it.then_some(file))
}

/// A folder that all may pass through, also where the test's umask forbids it.
fn create(folder: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::file("create", folder, &error);
    match fs::create_dir(folder) {
        // Another test was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        done => done.map_err(failed)?,
    }
    fs::set_permissions(folder, Permissions::from_mode(0o711)).map_err(failed)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::file("remove", folder, &error))
        }
        _ => Ok(()),
    }
}
