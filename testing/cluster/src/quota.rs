//! A CPU quota for the processes of one host: a cgroup of version 1.

use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const CONTROLLER: &str = "/sys/fs/cgroup/cpu";
/// The period that a quota is counted in: the kernel's default.
const PERIOD_US: f64 = 100_000.0;
/// The kernel lets a cgroup be removed a moment after its last process has gone.
const REMOVAL: Duration = Duration::from_secs(2);

/// A cgroup, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Quota {
    folder: PathBuf,
}

impl Quota {
    /// A cgroup for one host of a lease.
    pub(crate) fn create(number: u32, host: &str) -> Result<Quota> {
        let controller = Path::new(CONTROLLER);
        if !controller.join("cpu.cfs_quota_us").exists() {
            return Err(Error::new(format!(
                "a CPU quota needs cgroup v1's controller `cpu` at {CONTROLLER}: \
                 mount -t cgroup -o cpu cgroup {CONTROLLER}"
            )));
        }
        let folder = controller.join(format!("{}{host}", prefix(number)));
        fs::create_dir(&folder).map_err(|error| Error::file("create", &folder, &error))?;
        Ok(Quota { folder })
    }

    /// Cores that may be used; nothing for all of them.
    pub(crate) fn set(&self, cores: Option<f64>) -> Result<()> {
        #[allow(clippy::cast_possible_truncation)] // microseconds of a few cores
        let quota = cores.map_or(-1, |cores| (cores * PERIOD_US).max(1000.0) as i64);
        self.write("cpu.cfs_quota_us", &quota.to_string())
    }

    /// The file that takes a process in, and with it those that it starts.
    pub(crate) fn members(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// For how long its processes had to wait.
    pub(crate) fn throttled(&self) -> Result<Duration> {
        let path = self.folder.join("cpu.stat");
        let text = fs::read_to_string(&path).map_err(|error| Error::file("read", &path, &error))?;
        let nanoseconds = text
            .lines()
            .find_map(|line| line.strip_prefix("throttled_time "))
            .and_then(|number| number.parse().ok());
        let nanoseconds =
            nanoseconds.ok_or_else(|| Error::new(format!("no throttled_time in {text:?}")))?;
        Ok(Duration::from_nanos(nanoseconds))
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.folder.join(file);
        fs::write(&path, text).map_err(|error| Error::file("write", &path, &error))
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// Removes what a process that was killed has left of a number.
pub(crate) fn sweep(number: u32) {
    let prefix = prefix(number);
    for entry in fs::read_dir(CONTROLLER).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            remove(&entry.path());
        }
    }
}

fn prefix(number: u32) -> String {
    format!("pando-cluster-{number}-")
}

fn remove(folder: &Path) {
    let start = Instant::now();
    while let Err(error) = fs::remove_dir(folder) {
        if start.elapsed() > REMOVAL || !folder.exists() {
            eprintln!("pando-cluster: cannot remove {}: {error}", folder.display());
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
