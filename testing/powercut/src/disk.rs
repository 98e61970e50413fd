//! What a disk remembers.

use crate::file::{File, Pending};
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What becomes of writes that were not synced when the power was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// All of them are lost.
    Nothing,
    /// Each sector of each write is there or not, by a coin with this seed.
    Sectors(u64),
    /// All of them reached the disk, and only the answer did not come: what was in doubt is
    /// there.
    Everything,
}

/// A disk. Clones are the same disk.
#[derive(Clone)]
pub struct Disk {
    name: String,
    state: Arc<Mutex<State>>,
}

/// Why the disk did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Its power is off, or this operation was told to fail.
    Broken,
    /// It is full.
    Full,
}

#[derive(Default)]
struct State {
    files: HashMap<String, File>,
    is_off: bool,
    operations_left: Option<u64>,
    syncs_left: Option<u64>,
    syncs_to_fail: u32,
    capacity_bytes: Option<u64>,
    syncs: u64,
}

impl Disk {
    /// Makes a disk known to SQLite under `name`, which no other may have.
    pub fn install(name: &str) -> Disk {
        let disk = Disk {
            name: name.to_owned(),
            state: Arc::default(),
        };
        crate::vfs::register(&disk);
        disk
    }

    /// SQLite's name of it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Cuts the power now.
    pub fn cut_power(&self) {
        self.state.lock().is_off = true;
    }

    /// Cuts the power at the write, sync, truncation or deletion after the next `operations`.
    pub fn cut_power_after(&self, operations: u64) {
        self.state.lock().operations_left = Some(operations);
    }

    /// Cuts the power at the sync after the next `syncs`: when a commit has been written and
    /// not answered.
    pub fn cut_power_at_sync(&self, syncs: u64) {
        self.state.lock().syncs_left = Some(syncs);
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.state.lock().is_off
    }

    /// Brings the power back. Nobody may have files of this disk open: they are given the
    /// bytes that the disk remembers.
    pub fn restore_power(&self, survival: Survival) -> io::Result<()> {
        let mut state = self.state.lock();
        let mut coin = match survival {
            Survival::Sectors(seed) => Some(StdRng::seed_from_u64(seed)),
            Survival::Nothing | Survival::Everything => None,
        };
        state.is_off = false;
        state.operations_left = None;
        state.syncs_left = None;
        let mut paths: Vec<String> = state.files.keys().cloned().collect();
        // The same seed has the same effect.
        paths.sort();
        for path in paths {
            let Some(file) = state.files.get_mut(&path) else {
                continue;
            };
            if let Some(coin) = &mut coin {
                file.keep_some(coin);
            } else if survival == Survival::Everything && !file.pending.is_empty() {
                file.keep_all();
            }
            file.pending.clear();
            file.length = file.durable.as_ref().map_or(0, |bytes| bytes.len() as u64);
            match &file.durable {
                Some(bytes) => std::fs::write(&path, bytes)?,
                None => {
                    remove(Path::new(&path))?;
                    state.files.remove(&path);
                }
            }
            remove(Path::new(&format!("{path}-shm")))?;
        }
        Ok(())
    }

    /// The next `count` syncs fail, and what they were to make durable is not made so by any
    /// later one.
    pub fn fail_syncs(&self, count: u32) {
        self.state.lock().syncs_to_fail = count;
    }

    /// The disk holds so many bytes and no more; `None` for no limit.
    pub fn limit_bytes(&self, capacity: Option<u64>) {
        self.state.lock().capacity_bytes = capacity;
    }

    /// How many bytes its files have.
    pub fn used_bytes(&self) -> u64 {
        self.state.lock().used_bytes()
    }

    /// How many syncs it has done.
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// A file was opened; `bytes` reads what it holds, if the disk does not know it yet.
    pub(crate) fn opened(
        &self,
        path: &str,
        bytes: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Result<(), Failure> {
        let mut state = self.state.lock();
        state.check_power()?;
        if !state.files.contains_key(path) {
            let durable = bytes().filter(|bytes| !bytes.is_empty());
            let length = durable.as_ref().map_or(0, |bytes| bytes.len() as u64);
            let file = File {
                durable,
                pending: Vec::new(),
                length,
            };
            state.files.insert(path.to_owned(), file);
        }
        Ok(())
    }

    /// Whether anything can be done at all.
    pub(crate) fn check_power(&self) -> Result<(), Failure> {
        self.state.lock().check_power()
    }

    /// A write is about to be done. When the power goes in its midst, a part of it may be on
    /// the disk.
    pub(crate) fn write(&self, path: &str, at: u64, bytes: &[u8]) -> Result<(), Failure> {
        let mut state = self.state.lock();
        let result = state.tick();
        let used = state.used_bytes();
        let capacity = state.capacity_bytes;
        let Some(file) = state.files.get_mut(path) else {
            return result;
        };
        let end = at + bytes.len() as u64;
        let growth = end.saturating_sub(file.length);
        if result.is_ok() && growth > 0 && capacity.is_some_and(|most| used + growth > most) {
            return Err(Failure::Full);
        }
        file.pending.push(Pending::Write {
            at: at as usize,
            bytes: bytes.to_vec(),
        });
        file.length = file.length.max(end);
        result
    }

    /// A file is about to be cut.
    pub(crate) fn truncate(&self, path: &str, length: u64) -> Result<(), Failure> {
        let mut state = self.state.lock();
        state.tick()?;
        if let Some(file) = state.files.get_mut(path) {
            file.pending.push(Pending::Truncate(length as usize));
            file.length = length;
        }
        Ok(())
    }

    /// A file is synced.
    pub(crate) fn sync(&self, path: &str) -> Result<(), Failure> {
        let mut state = self.state.lock();
        state.tick()?;
        state.tick_sync()?;
        let fails = state.syncs_to_fail > 0;
        if fails {
            state.syncs_to_fail -= 1;
        } else {
            state.syncs += 1;
        }
        let Some(file) = state.files.get_mut(path) else {
            return Ok(());
        };
        if fails {
            // The pages are taken for clean now, and stay where they are: in memory.
            file.pending.clear();
            return Err(Failure::Broken);
        }
        file.keep_all();
        Ok(())
    }

    /// A file is about to be deleted; that is durable at once.
    pub(crate) fn delete(&self, path: &str) -> Result<(), Failure> {
        let mut state = self.state.lock();
        state.tick()?;
        state.files.remove(path);
        Ok(())
    }
}

impl State {
    fn check_power(&self) -> Result<(), Failure> {
        if self.is_off {
            return Err(Failure::Broken);
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), Failure> {
        self.check_power()?;
        self.is_off = count_down(&mut self.operations_left);
        self.check_power()
    }

    fn tick_sync(&mut self) -> Result<(), Failure> {
        self.is_off = count_down(&mut self.syncs_left);
        self.check_power()
    }

    fn used_bytes(&self) -> u64 {
        self.files.values().map(|file| file.length).sum()
    }
}

/// Whether there are none left.
fn count_down(left: &mut Option<u64>) -> bool {
    match left {
        Some(0) => true,
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> Disk {
        Disk {
            name: "unregistered".to_owned(),
            state: Arc::default(),
        }
    }

    fn durable(disk: &Disk, path: &str) -> Option<Vec<u8>> {
        let state = disk.state.lock();
        state.files.get(path).and_then(|file| file.durable.clone())
    }

    #[test]
    fn only_what_was_synced_survives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file").display().to_string();
        let disk = disk();
        disk.opened(&path, || None).unwrap();
        disk.write(&path, 0, b"first").unwrap();
        disk.sync(&path).unwrap();
        disk.write(&path, 2, b"second").unwrap();
        disk.cut_power();
        assert_eq!(disk.write(&path, 0, b"x"), Err(Failure::Broken));
        disk.restore_power(Survival::Nothing).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn a_failed_sync_is_not_made_good_by_the_next() {
        let disk = disk();
        disk.opened("f", || None).unwrap();
        disk.write("f", 0, b"lost").unwrap();
        disk.fail_syncs(1);
        assert_eq!(disk.sync("f"), Err(Failure::Broken));
        disk.write("f", 4, b"kept").unwrap();
        disk.sync("f").unwrap();
        assert_eq!(durable(&disk, "f").unwrap(), b"\0\0\0\0kept");
    }

    #[test]
    fn the_power_goes_at_the_operation_that_was_named() {
        let disk = disk();
        disk.opened("f", || None).unwrap();
        disk.cut_power_after(2);
        assert_eq!(disk.write("f", 0, b"a"), Ok(()));
        assert_eq!(disk.sync("f"), Ok(()));
        assert_eq!(disk.sync("f"), Err(Failure::Broken));
        assert!(disk.is_off());
    }

    #[test]
    fn the_power_goes_at_the_sync_that_was_named() {
        let disk = disk();
        disk.opened("f", || None).unwrap();
        disk.cut_power_at_sync(1);
        assert_eq!(disk.sync("f"), Ok(()));
        assert_eq!(disk.write("f", 0, b"a"), Ok(()));
        assert_eq!(disk.sync("f"), Err(Failure::Broken));
        assert_eq!(disk.write("f", 0, b"a"), Err(Failure::Broken));
    }

    #[test]
    fn what_was_not_synced_may_have_reached_the_disk_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file").display().to_string();
        let disk = disk();
        disk.opened(&path, || None).unwrap();
        disk.write(&path, 0, b"first").unwrap();
        disk.truncate(&path, 3).unwrap();
        disk.cut_power_at_sync(0);
        assert_eq!(disk.sync(&path), Err(Failure::Broken));
        disk.restore_power(Survival::Everything).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"fir");
    }

    #[test]
    fn a_full_disk_takes_what_needs_no_room() {
        let disk = disk();
        disk.opened("f", || Some(vec![0; 8])).unwrap();
        disk.limit_bytes(Some(10));
        assert_eq!(disk.write("f", 4, b"1234"), Ok(()));
        assert_eq!(disk.write("f", 8, b"123"), Err(Failure::Full));
        assert_eq!(disk.write("f", 8, b"12"), Ok(()));
        assert_eq!(disk.used_bytes(), 10);
    }
}
