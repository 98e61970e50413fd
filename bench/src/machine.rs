//! What the machine is and what it can do today.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Cores, processor and kernel, in a line.
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1))
        .unwrap_or("unknown")
        .trim()
        .to_owned();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores, {model}, Linux {}", kernel.trim())
}

/// How many 4 KiB appends a second can be synced one by one.
pub fn fdatasync_per_s(directory: &Path) -> std::io::Result<f64> {
    let path = directory.join("fdatasync.probe");
    let file: File = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(&path)?;
    let page = [0x5a_u8; 4096];
    let start = Instant::now();
    let mut synced = 0_u64;
    while start.elapsed() < Duration::from_millis(700) {
        file.write_all_at(&page, synced * 4096)?;
        file.sync_data()?;
        synced += 1;
    }
    std::fs::remove_file(&path)?;
    Ok(synced as f64 / start.elapsed().as_secs_f64())
}
