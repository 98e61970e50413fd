//! The data directory: what lies in it, and who may open it.
//!
//! | file | what |
//! |---|---|
//! | `pando.db` | the data; with PostgreSQL it lies in the database |
//! | `root.key` | a key with all scopes, mode 0600; the store holds only its hash. Of several processes over one PostgreSQL the one that made the store has it |
//! | `lock` | held (flock) by the process that has the folder; its pid |
//! | `server.json` | where the server that holds the lock listens |
//! | `imports/` | how far imports through a server have got |
//!
//! The lock goes with its process, however it ends, so nothing stale can block.

use crate::failure::fail;
use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A data directory, which may not exist yet.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
}

/// The right to open the data; given up when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    dir: DataDir,
}

/// Another process has the data open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its pid, where it could be read.
    pub pid: Option<u32>,
    /// Where it listens, if it is a server that is ready.
    pub server: Option<ServerFile>,
}

/// `server.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFile {
    /// The server's process.
    pub pid: u32,
    /// Where commands on this machine reach it.
    pub url: String,
    /// Which version it is.
    pub version: String,
}

impl DataDir {
    /// The directory at a path.
    pub fn new(path: impl Into<PathBuf>) -> DataDir {
        DataDir { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The data of the SQLite engine.
    pub fn database(&self) -> PathBuf {
        self.path.join("pando.db")
    }

    /// The root key.
    pub fn root_key(&self) -> PathBuf {
        self.path.join("root.key")
    }

    /// Whether there is data in it, or a server that keeps its data in memory. A folder that
    /// may not be looked into counts as one: opening it tells what is wrong.
    pub fn has_data(&self) -> bool {
        [self.database(), self.path.join("server.json")]
            .iter()
            .any(|file| file.try_exists().unwrap_or(true))
    }

    /// Makes it, if it is not there, for its owner only.
    pub fn create(&self) -> anyhow::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .map_err(|error| self.unusable("make", &error).into())
    }

    /// Takes the lock; `Ok(Err(held))` if another process has it.
    pub fn lock(&self) -> anyhow::Result<Result<Lock, Held>> {
        let path = self.path.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| self.unusable("write in", &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Only for the message: whoever holds the lock may be writing its pid now.
                let _ = file.read_to_string(&mut text);
                return Ok(Err(Held {
                    pid: text.trim().parse().ok(),
                    server: self.read_server_file(),
                }));
            }
            Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the data"),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|error| self.unusable("write in", &error))?;
        // Left behind by a server that was killed.
        let _ = fs::remove_file(self.path.join("server.json"));
        Ok(Ok(Lock {
            _file: file,
            dir: self.clone(),
        }))
    }

    /// Writes the root key, for its owner only, whole or not at all.
    pub fn write_root_key(&self, secret: &str) -> anyhow::Result<()> {
        self.replace("root.key", format!("{secret}\n").as_bytes())
            .context("cannot write the root key")
    }

    /// Removes a root key that opens nothing.
    pub fn remove_root_key(&self) -> anyhow::Result<()> {
        fs::remove_file(self.root_key()).context("cannot remove a root key that opens nothing")
    }

    /// The memory engine makes a root key at every start, in the same place. The key of the
    /// data that lies here is kept aside meanwhile; `false` puts it back.
    pub fn keep_root_key_aside(&self, aside: bool) -> anyhow::Result<()> {
        let kept = self.path.join("root.key.kept");
        let (from, to) = if aside {
            (self.root_key(), kept)
        } else {
            (kept, self.root_key())
        };
        let wanted = from.exists() && self.database().exists() && !(aside && to.exists());
        if wanted {
            fs::rename(from, to).context("cannot keep the root key")?;
        }
        Ok(())
    }

    /// The root key, if it is there and may be read.
    pub fn read_root_key(&self) -> Option<String> {
        let text = fs::read_to_string(self.root_key()).ok()?;
        Some(text.trim().to_owned()).filter(|key| !key.is_empty())
    }

    /// A small document that a command keeps: `FOLDER/NAME.json`.
    pub fn read_json<T: DeserializeOwned>(&self, folder: &str, name: &str) -> Option<T> {
        let text = fs::read(self.path.join(folder).join(format!("{name}.json"))).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps a small document, whole or not at all.
    pub fn write_json<T: Serialize>(
        &self,
        folder: &str,
        name: &str,
        document: &T,
    ) -> anyhow::Result<()> {
        DataDir::new(self.path.join(folder)).create()?;
        self.replace(
            &format!("{folder}/{name}.json"),
            &serde_json::to_vec(document)?,
        )
    }

    fn read_server_file(&self) -> Option<ServerFile> {
        let text = fs::read(self.path.join("server.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn replace(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        let target = self.path.join(name);
        let temporary = self.path.join(format!("{name}.new"));
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, &target)?;
        // The name is durable when its folder is.
        File::open(target.parent().unwrap_or(&self.path))?.sync_all()?;
        Ok(())
    }

    fn unusable(&self, verb: &str, error: &std::io::Error) -> crate::failure::Failure {
        fail(format!(
            "cannot {verb} the data directory {}: {error}",
            self.path.display()
        ))
        .hint("choose another with --data-dir, or give this user the right to write there")
    }
}

impl Lock {
    /// Tells commands on this machine where the server is. Gone when the lock is dropped.
    pub fn announce(&self, url: &str) -> anyhow::Result<()> {
        let server = ServerFile {
            pid: std::process::id(),
            url: url.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        self.dir
            .replace("server.json", &serde_json::to_vec(&server)?)
            .context("cannot write server.json")
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Best effort: a reader also checks who holds the lock.
        let _ = fs::remove_file(self.dir.path.join("server.json"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_second_lock_is_refused_with_the_holders_pid_and_address() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::new(folder.path().join("data"));
        dir.create().unwrap();
        let lock = dir.lock().unwrap().unwrap();
        lock.announce("http://127.0.0.1:1").unwrap();
        let held = dir.lock().unwrap().unwrap_err();
        assert_eq!(held.pid, Some(std::process::id()));
        assert_eq!(held.server.unwrap().url, "http://127.0.0.1:1");
        drop(lock);
        assert!(dir.lock().unwrap().is_ok());
    }

    #[test]
    fn the_key_of_data_on_disk_survives_servers_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::new(folder.path());
        fs::write(dir.database(), "data").unwrap();
        dir.write_root_key("of the data").unwrap();
        for volatile in ["first", "second"] {
            dir.keep_root_key_aside(true).unwrap();
            dir.write_root_key(volatile).unwrap();
        }
        dir.keep_root_key_aside(false).unwrap();
        assert_eq!(dir.read_root_key().as_deref(), Some("of the data"));
    }

    #[test]
    fn the_root_key_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::new(folder.path());
        dir.write_root_key("first").unwrap();
        dir.write_root_key("second").unwrap();
        assert_eq!(dir.read_root_key().as_deref(), Some("second"));
        let mode = fs::metadata(dir.root_key()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
