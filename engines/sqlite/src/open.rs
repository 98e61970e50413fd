//! Opening a file: making a new one, and refusing what is damaged or not ours.

use crate::cell::Param;
use crate::config::SqliteConfig;
use crate::connection::{Conn, Purpose};
use crate::fault::{Fault, Step, corrupt};
use crate::layout::{APPLICATION_ID, INTERNAL_TABLES, LAYOUT_VERSION};
use pando_model::engine::Result;
use pando_model::error::EngineError;
use pando_model::slot::{Epoch, Slot};
use pando_model::stamp::{Fork, History, Position};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The one row that tells how far a shard's history has got.
#[derive(Clone, Debug)]
pub(crate) struct ShardRow {
    pub(crate) at: Position,
    pub(crate) schema_version: u64,
    /// Whether somebody follows the feed.
    pub(crate) followed: bool,
}

/// Opens or makes the file, and gives the connection that writes it.
pub(crate) fn open_writer(config: &SqliteConfig) -> Result<Conn> {
    // Looked at by its name only: opening and closing a file here would take away the locks
    // that this process's connections hold on it.
    let is_new = std::fs::metadata(&config.path).map_or(true, |data| data.len() == 0);
    if is_new && config.vfs.is_none() {
        match create_private(&config.path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(EngineError::internal("make the data file", error));
            }
            _ => {}
        }
    }
    let open = || -> Step<Conn> {
        let conn = Conn::open(config, true)?;
        if is_blank(&conn)? {
            create(&conn, config)?;
            return Ok(conn);
        }
        check_sound(&conn, config)?;
        Ok(conn)
    };
    let conn = open().map_err(|fault| fault.into_engine("open the data file"))?;
    if is_new && config.vfs.is_none() {
        sync_folder(&config.path)?;
    }
    Ok(conn)
}

/// Opens the file that a writer had open before. One that is gone meanwhile, or empty, is an
/// error: a new one in its place would pass for the data.
pub(crate) fn reopen_writer(config: &SqliteConfig) -> Result<Conn> {
    let open = || -> Step<Conn> {
        let conn = Conn::open(config, false)?;
        check_sound(&conn, config)?;
        Ok(conn)
    };
    open().map_err(|fault| fault.into_engine("open the data file again"))
}

/// Whether there is a file with something in it; refuses one that is no database.
pub(crate) fn check_header(path: &Path) -> Result<bool> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(EngineError::internal("open the data file", error)),
    };
    let mut head = Vec::with_capacity(MAGIC.len());
    Read::by_ref(&mut file)
        .take(MAGIC.len() as u64)
        .read_to_end(&mut head)
        .map_err(|error| EngineError::internal("read the data file", error))?;
    match head.as_slice() {
        [] => Ok(false),
        head if head == MAGIC => Ok(true),
        _ => Err(corrupt(format!(
            "{} does not begin as a database does",
            path.display()
        ))),
    }
}

/// Refuses a database that is not Pando's, or of a later layout.
pub(crate) fn check_ours(conn: &Conn) -> Step<()> {
    let id = conn.first_int("PRAGMA application_id", &[])?;
    if id != Some(i64::from(APPLICATION_ID)) {
        return Err(corrupt("the file is a database, but not one of Pando's").into());
    }
    let version = conn.first_int("PRAGMA user_version", &[])?;
    if version != Some(i64::from(LAYOUT_VERSION)) {
        let version = version.unwrap_or(0);
        return Err(Fault::Engine(EngineError::Corrupt(format!(
            "the file has layout {version}, this version of Pando reads layout {LAYOUT_VERSION}; \
             use the version that wrote it"
        ))));
    }
    Ok(())
}

/// The shard's row.
pub(crate) fn read_shard(conn: &Conn) -> Step<ShardRow> {
    let mut found = None;
    conn.select(
        "SELECT timeline, position, schema_version, followed FROM _pando_shard",
        &[],
        |row| {
            found = Some(ShardRow {
                at: Position {
                    timeline: row.get(0)?,
                    p: row.get::<_, i64>(1)?.unsigned_abs(),
                },
                schema_version: row.get::<_, i64>(2)?.unsigned_abs(),
                followed: row.get(3)?,
            });
            Ok(())
        },
    )?;
    found.ok_or_else(|| corrupt("the shard's own row is missing").into())
}

/// The forks of the shard's history.
pub(crate) fn read_history(conn: &Conn) -> Step<History> {
    let mut text = String::new();
    conn.select("SELECT forks FROM _pando_shard", &[], |row| {
        text = row.get(0)?;
        Ok(())
    })?;
    let forks: Vec<Fork> = serde_json::from_str(&text)
        .map_err(|error| corrupt(format!("the forks of the history: {error}")))?;
    Ok(History::new(forks))
}

/// Makes an empty file that only its owner may read, where nothing is yet: it will hold
/// people's data, and what signs stamps. SQLite gives its log the same rights.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Makes a folder's entry of a new file durable.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| EngineError::internal("sync the data folder", error))
}

/// Whether nothing was ever put into the file: a power cut may have come between its making
/// and its first transaction.
fn is_blank(conn: &Conn) -> Step<bool> {
    let things = conn.first_int("SELECT count(*) FROM sqlite_schema", &[])?;
    let id = conn.first_int("PRAGMA application_id", &[])?;
    Ok(things == Some(0) && id == Some(0))
}

/// Settles a connection to a file that should be Pando's, and refuses one that is not sound.
fn check_sound(conn: &Conn, config: &SqliteConfig) -> Step<()> {
    check_ours(conn)?;
    conn.settle(config, Purpose::Write)?;
    check_pages(conn, config)?;
    read_shard(conn)?;
    Ok(())
}

fn create(conn: &Conn, config: &SqliteConfig) -> Step<()> {
    conn.db().pragma_update(None, "page_size", 4_096)?;
    conn.db().pragma_update(None, "journal_mode", "WAL")?;
    conn.settle(config, Purpose::Write)?;
    conn.batch("BEGIN IMMEDIATE")?;
    conn.batch(INTERNAL_TABLES)?;
    conn.batch("INSERT INTO _pando_shard VALUES (1, 1, 0, 0, '[]', 0, 0, 0)")?;
    for slot in Slot::all() {
        conn.execute(
            "INSERT INTO _pando_fence VALUES (?, ?, 0, 0, 0)",
            &[
                Param::Int(i64::from(slot.number())),
                Param::Int(Epoch::FIRST.number() as i64),
            ],
        )?;
    }
    conn.db()
        .pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.db()
        .pragma_update(None, "user_version", LAYOUT_VERSION)?;
    conn.batch("COMMIT")
}

/// Small files are read through when they are opened; a large one would keep the server from
/// being ready, and is checked by `pando doctor`.
fn check_pages(conn: &Conn, config: &SqliteConfig) -> Step<()> {
    let pages = conn.first_int("PRAGMA page_count", &[])?.unwrap_or(0);
    let size = conn.first_int("PRAGMA page_size", &[])?.unwrap_or(0);
    if (pages * size).unsigned_abs() > config.check_on_open_bytes {
        return Ok(());
    }
    let mut verdict = String::new();
    conn.select("PRAGMA quick_check(1)", &[], |row| {
        verdict = row.get(0)?;
        Ok(())
    })?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(corrupt(format!("the file is damaged: {}", verdict.trim())).into())
}
