//! What the engine can be told.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of one shard's file. [`SqliteConfig::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    /// The file; made when it is not there. Its folder must exist.
    pub path: PathBuf,
    /// Connections for reads that may take long. As many again serve short reads on
    /// the caller's own thread.
    pub readers: usize,
    /// Writes that share one commit, and so one sync, at most.
    pub max_group: usize,
    /// Writes that may wait; one more is told to come back.
    pub queue_depth: usize,
    /// Page cache of the writer, in bytes; taken as needed.
    pub writer_cache_bytes: u64,
    /// Page cache of each reader, in bytes; taken as needed.
    pub reader_cache_bytes: u64,
    /// How much of the file readers map into memory; 0 maps nothing.
    pub mmap_bytes: u64,
    /// Pages of log after which it is folded into the file. A page that many commits have
    /// changed is written once then: under bulk loads, whose rows fall all over a table, a
    /// long log halves the writing.
    pub checkpoint_pages: u32,
    /// Whether it is opened for a bulk load and nothing else. Into a table that was empty rows
    /// then go without its indexes that are not unique; these are built when the engine is
    /// closed, or else when the file is next opened for anything but a load.
    pub bulk_load: bool,
    /// How long a read waits for a connection before it is told to come back.
    pub reader_wait: Duration,
    /// Files up to this size are checked page by page when they are opened.
    pub check_on_open_bytes: u64,
    /// Steps of SQLite's machine that the reads of one write may take together, while all other
    /// writes wait.
    pub write_read_steps: i64,
    /// What a commit waits for. Anything but [`Synchronous::Full`] loses acknowledged
    /// writes in a power cut; the tests show it.
    pub synchronous: Synchronous,
    /// SQLite's name of another file system layer; tests bring their own.
    pub vfs: Option<String>,
}

/// What a commit waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Its bytes are on stable storage.
    Full,
    /// Nothing. For tests, and only for them: it proves that they would notice.
    Normal,
}

impl SqliteConfig {
    /// The defaults for a file.
    pub fn new(path: impl Into<PathBuf>) -> SqliteConfig {
        SqliteConfig {
            path: path.into(),
            readers: std::thread::available_parallelism().map_or(2, usize::from),
            max_group: 512,
            queue_depth: 8_192,
            writer_cache_bytes: 16 << 20,
            reader_cache_bytes: 4 << 20,
            mmap_bytes: 0,
            checkpoint_pages: 8_000,
            bulk_load: false,
            reader_wait: Duration::from_secs(5),
            check_on_open_bytes: 32 << 20,
            // Half a second or a whole one.
            write_read_steps: 50_000_000,
            synchronous: Synchronous::Full,
            vfs: None,
        }
    }
}
