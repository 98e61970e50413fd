//! Splitting: a stream of bytes into records, without looking into them.

mod csv;
mod json;
mod lines;

pub use csv::{CsvField, CsvRecord, CsvRecords};
pub use json::JsonValues;
pub use lines::Lines;

/// What some programs begin UTF-8 files with.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// No record may be larger: memory stays bounded whatever a file holds.
const RECORD_BYTES_MAX: usize = 64 << 20;

/// Why a stream cannot be split any further.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is not what it should be.
    #[error("line {line}: {reason}")]
    Malformed {
        /// Where.
        line: u64,
        /// Why.
        reason: String,
    },
}

/// Cuts a stream into records.
pub trait Split {
    /// The next record and the line it begins on; `None` at the end.
    fn next_record(&mut self) -> Result<Option<(u64, Record)>, SplitError>;
}

/// A record, not yet looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Fields.
    Csv(CsvRecord),
    /// A JSON text.
    Json(Vec<u8>),
}

fn malformed(line: u64, reason: impl Into<String>) -> SplitError {
    SplitError::Malformed {
        line,
        reason: reason.into(),
    }
}
