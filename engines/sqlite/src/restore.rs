//! Backups as files: their seal, and how one becomes a data file again.
//!
//! A backup is a database, followed by a trailer of 48 bytes:
//!
//! ```text
//! "PandoBk1" · length of the database, u64 little-endian · BLAKE3 of it, 32 bytes
//! ```
//!
//! SQLite ignores the trailer. A backup that was cut off has none, and one in which a byte
//! was changed has another digest; neither is restored.

use crate::config::SqliteConfig;
use crate::connection::{Conn, Purpose};
use crate::fault::{Step, corrupt};
use crate::open::{check_ours, create_private, read_history, read_shard, sync_folder};
use crate::verify::verify_data;
use pando_model::engine::Result;
use pando_model::error::EngineError;
use pando_model::stamp::{Fork, Position};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MARK: &[u8; 8] = b"PandoBk1";
const TRAILER_BYTES: u64 = 8 + 8 + 32;
const CHUNK_BYTES: usize = 1 << 20;

/// Makes a data file at `target`, where nothing may be yet, from a backup. The history goes
/// on there on a timeline of its own, which begins at the position given back.
///
/// A damaged backup is [`EngineError::Corrupt`]; nothing is left at `target` then.
pub fn restore(backup: &Path, target: &Path) -> Result<Position> {
    // A log that lies beside would be taken for the restored file's own.
    for ending in ["", "-wal", "-journal"] {
        let name = with_ending(target, ending);
        if name.exists() {
            return Err(EngineError::internal(
                "restore a backup",
                format!("{} exists already", name.display()),
            ));
        }
    }
    match check_trailer(backup)? {
        Some(wrong) => return Err(corrupt(wrong)),
        None if !has_trailer(backup)? => {
            return Err(corrupt(format!(
                "{} is not a whole backup: its end is missing",
                backup.display()
            )));
        }
        None => {}
    }
    let beside = beside(target);
    let made = make(backup, &beside).and_then(|at| {
        // A link, unlike a rename, never replaces what has come to be there meanwhile.
        std::fs::hard_link(&beside, target)
            .map_err(|error| EngineError::internal("put the restored file in place", error))?;
        Ok(at)
    });
    for ending in ["", "-journal", "-wal", "-shm"] {
        let _ = std::fs::remove_file(with_ending(&beside, ending));
    }
    let at = made?;
    sync_folder(target)?;
    Ok(at)
}

/// Adds the trailer to a copy, and makes all of it durable.
pub(crate) fn seal(path: &Path) -> Result<()> {
    let sealed = || -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        let digest = digest_of(&mut file, length)?;
        file.write_all(MARK)?;
        file.write_all(&length.to_le_bytes())?;
        file.write_all(&digest)?;
        file.sync_all()
    };
    sealed().map_err(|error| EngineError::internal("seal a backup", error))
}

/// What is wrong with a file that has a trailer; `None` if nothing is, or if it has none.
pub(crate) fn check_trailer(path: &Path) -> Result<Option<String>> {
    let check = || -> io::Result<Option<String>> {
        let mut file = File::open(path)?;
        let Some((length, digest)) = read_trailer(&mut file)? else {
            return Ok(None);
        };
        let same = digest_of(&mut file, length)? == digest;
        Ok((!same).then(|| format!("{} has other bytes than were written", path.display())))
    };
    check().map_err(|error| EngineError::internal("read a backup", error))
}

fn has_trailer(path: &Path) -> Result<bool> {
    let look = || read_trailer(&mut File::open(path)?);
    let trailer = look().map_err(|error| EngineError::internal("read a backup", error))?;
    Ok(trailer.is_some())
}

fn read_trailer(file: &mut File) -> io::Result<Option<(u64, [u8; 32])>> {
    let all = file.metadata()?.len();
    let Some(start) = all.checked_sub(TRAILER_BYTES) else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(start))?;
    let (mut mark, mut length, mut digest) = ([0; 8], [0; 8], [0; 32]);
    file.read_exact(&mut mark)?;
    file.read_exact(&mut length)?;
    file.read_exact(&mut digest)?;
    let length = u64::from_le_bytes(length);
    Ok((&mark == MARK && length == start).then_some((length, digest)))
}

fn digest_of(file: &mut File, length: u64) -> io::Result<[u8; 32]> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(CHUNK_BYTES, file).take(length);
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut reader, &mut hasher)?;
    Ok(*hasher.finalize().as_bytes())
}

/// The data file, checked and on its new timeline, at a path that nobody looks at yet.
fn make(backup: &Path, beside: &Path) -> Result<Position> {
    copy_database(backup, beside).map_err(|error| EngineError::internal("copy a backup", error))?;
    let config = SqliteConfig::new(beside);
    let make = || -> Step<Position> {
        let conn = Conn::open(&config, false)?;
        check_ours(&conn)?;
        conn.settle(&config, Purpose::Write)?;
        if let Some(line) = verify_data(&conn)?.first() {
            return Err(corrupt(format!("the backup has a fault: {line}")).into());
        }
        let at = fork(&conn)?;
        conn.db().pragma_update(None, "journal_mode", "WAL")?;
        conn.into_db().close().map_err(|(_, error)| error)?;
        Ok(at)
    };
    make().map_err(|fault| fault.into_engine("restore a backup"))
}

/// Begins a new timeline at the position that the file has reached.
fn fork(conn: &Conn) -> Step<Position> {
    let at = read_shard(conn)?.at;
    let begun = Position {
        timeline: at.timeline + 1,
        p: at.p,
    };
    let mut forks = read_history(conn)?.forks().to_vec();
    forks.push(Fork {
        timeline: begun.timeline,
        at: begun.p,
    });
    let forks = serde_json::to_string(&forks)
        .map_err(|error| EngineError::internal("write the history", error))?;
    conn.execute(
        "UPDATE _pando_shard SET timeline = ?, forks = ?",
        &[
            crate::cell::Param::Int(i64::from(begun.timeline)),
            crate::cell::Param::Text(forks.into()),
        ],
    )?;
    Ok(begun)
}

fn copy_database(backup: &Path, beside: &Path) -> io::Result<()> {
    let mut from = File::open(backup)?;
    let Some((length, _)) = read_trailer(&mut from)? else {
        return Err(io::Error::other("the trailer is gone"));
    };
    from.seek(SeekFrom::Start(0))?;
    let mut to = create_private(beside)?;
    io::copy(&mut from.take(length), &mut to)?;
    to.sync_all()
}

fn beside(target: &Path) -> PathBuf {
    with_ending(target, &format!(".restoring-{}", std::process::id()))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
