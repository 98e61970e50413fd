//! What went wrong: a text that says what to do, with the end of the log where there is one.

use std::fmt;
use std::path::Path;

/// Lines of a log that an error shows.
const TAIL_LINES: usize = 40;

/// The outcome of what the harness does.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the harness could not do it. `Debug` is the same text, because tests unwrap.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Error {
        Error(text.into())
    }

    /// What failed on a file, and how.
    pub(crate) fn file(verb: &str, path: &Path, error: &std::io::Error) -> Error {
        Error(format!("cannot {verb} {}: {error}", path.display()))
    }

    /// The same, with the end of a log beneath it.
    #[must_use]
    pub(crate) fn with_log(self, path: &Path) -> Error {
        Error(format!("{}\n{}:\n{}", self.0, path.display(), tail(path)))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The last lines of a log; what is wrong with it where it cannot be read.
pub(crate) fn tail(path: &Path) -> String {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return format!("(no log: {error})"),
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
