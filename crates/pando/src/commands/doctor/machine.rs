//! What the machine gives: disk, its speed, rights, files, the clock.

use super::{Finding, Severity};
use crate::config::{Config, EngineKind};
use crate::data_dir::DataDir;
use crate::report::grouped;
use rustix::fs::{fdatasync, statfs, statvfs};
use rustix::process::{Resource, getrlimit};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Below this much free room a warning is due: a migration that rebuilds a table, or a
/// backup, needs about as much as the data.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// How long syncs are timed: enough for twenty on a slow disk.
const SYNC_FOR: Duration = Duration::from_millis(400);
/// Below this many syncs a second, single writers feel it.
const SYNCS_SLOW: f64 = 50.0;
/// Above this many, no disk has them: something answers before the data is safe.
const SYNCS_INCREDIBLE: f64 = 50_000.0;
/// Files that a server needs besides one for each connection.
const FILES_BESIDES: u64 = 64;
/// Kinds of file system on which SQLite's locks or syncs do not hold (`statfs(2)`).
const REMOTE: [(i64, &str); 3] = [
    (0x6969, "NFS"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
];
const TMPFS: i64 = 0x0102_1994;

/// Looks at everything.
pub fn findings(config: &Config, dir: &DataDir) -> Vec<Finding> {
    let place = existing(dir.path());
    let mut findings = Vec::new();
    // With PostgreSQL the data is not here.
    if config.store.engine != EngineKind::Postgres {
        findings.extend([room(&place), sync_rate(&place)]);
        findings.extend(file_system(&place));
    }
    findings.extend(rights(dir));
    findings.push(open_files(config));
    findings.push(clock(dir));
    findings
}

/// The folder itself, or the nearest one above it that exists.
fn existing(path: &Path) -> PathBuf {
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = full.ancestors().find(|path| path.is_dir());
    found.unwrap_or(Path::new("/")).to_owned()
}

fn room(place: &Path) -> Finding {
    let free = match statvfs(place) {
        Ok(stat) => stat.f_bavail * stat.f_frsize,
        Err(error) => return Finding::new("disk", Severity::Warn, error.to_string()),
    };
    let message = format!(
        "{} MB free at {}",
        grouped(free / 1_000_000),
        place.display()
    );
    if free < FREE_BYTES_MIN {
        Finding::new("disk", Severity::Warn, message)
            .mend("free some, or move data_dir to a larger disk")
    } else {
        Finding::new("disk", Severity::Ok, message)
    }
}

fn sync_rate(place: &Path) -> Finding {
    let rate = match timed_syncs(place) {
        Ok(rate) => rate,
        Err(error) => {
            return Finding::new(
                "sync",
                Severity::Fail,
                format!("cannot write there: {error}"),
            )
            .mend(format!(
                "give this user the right to write in {}",
                place.display()
            ));
        }
    };
    let message = format!("{rate:.0} syncs/s");
    if rate < SYNCS_SLOW {
        Finding::new("sync", Severity::Warn, message)
            .mend("writes wait for the disk; a faster one, or more writers at once, help")
    } else if rate > SYNCS_INCREDIBLE {
        Finding::new("sync", Severity::Warn, message).mend(
            "faster than disks are: make sure that the disk does not answer before data is safe",
        )
    } else {
        Finding::new("sync", Severity::Ok, message)
    }
}

fn timed_syncs(place: &Path) -> std::io::Result<f64> {
    let mut file = tempfile::tempfile_in(place)?;
    let block = [0x5A; 4096];
    let began = Instant::now();
    let mut syncs = 0u32;
    while began.elapsed() < SYNC_FOR {
        file.write_all(&block)?;
        fdatasync(&file)?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / began.elapsed().as_secs_f64())
}

fn file_system(place: &Path) -> Option<Finding> {
    #[allow(clippy::unnecessary_cast)] // the field's width differs between targets
    let kind = statfs(place).ok()?.f_type as i64;
    if let Some((_, name)) = REMOTE.iter().find(|(magic, _)| *magic == kind) {
        let message = format!("{name} keeps neither locks nor syncs as SQLite needs them");
        return Some(
            Finding::new("file system", Severity::Fail, message)
                .mend("move data_dir to a local disk"),
        );
    }
    (kind == TMPFS).then(|| {
        Finding::new(
            "file system",
            Severity::Warn,
            "tmpfs: data is gone after a restart",
        )
        .mend("move data_dir to a disk")
    })
}

fn rights(dir: &DataDir) -> Vec<Finding> {
    let mode = |path: &Path| fs::metadata(path).map(|meta| meta.permissions().mode() & 0o777);
    let mut findings = Vec::new();
    if let Ok(mode) = mode(dir.path())
        && mode & 0o077 != 0
    {
        let path = dir.path().display();
        findings.push(
            Finding::new(
                "rights",
                Severity::Warn,
                format!("others may look into {path} ({mode:o})"),
            )
            .mend(format!("chmod 700 {path}")),
        );
    }
    if let Ok(mode) = mode(&dir.root_key())
        && mode & 0o077 != 0
    {
        let path = dir.root_key().display().to_string();
        findings.push(
            Finding::new(
                "rights",
                Severity::Fail,
                format!("others may read {path} ({mode:o})"),
            )
            .mend(format!(
                "chmod 600 {path}, and make a new key if anyone may have"
            )),
        );
    }
    if findings.is_empty() {
        findings.push(Finding::new(
            "rights",
            Severity::Ok,
            "only this user may read the data",
        ));
    }
    findings
}

fn open_files(config: &Config) -> Finding {
    let wanted = u64::from(config.limits.max_connections) + FILES_BESIDES;
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < wanted => Finding::new(
            "open files",
            Severity::Warn,
            format!("{limit} may be open, {wanted} are needed for limits.max_connections"),
        )
        .mend(format!(
            "ulimit -n {wanted}, or [limits] max_connections = {}",
            limit.saturating_sub(FILES_BESIDES)
        )),
        Some(limit) => Finding::new("open files", Severity::Ok, format!("{limit} may be open")),
        None => Finding::new("open files", Severity::Ok, "no limit"),
    }
}

fn clock(dir: &DataDir) -> Finding {
    let now = SystemTime::now();
    let written = File::open(dir.database())
        .and_then(|file| file.metadata())
        .and_then(|meta| meta.modified());
    let ahead = written
        .ok()
        .and_then(|written| written.duration_since(now).ok());
    match ahead {
        Some(ahead) if ahead > Duration::from_secs(1) => Finding::new(
            "clock",
            Severity::Fail,
            format!("the data was written {} s in the future", ahead.as_secs()),
        )
        .mend("set the clock (timedatectl set-ntp true)"),
        _ => Finding::new("clock", Severity::Ok, "it has not gone back"),
    }
}
