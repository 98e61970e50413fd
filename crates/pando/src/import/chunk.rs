//! Chunks: the unit of an import's work, as it was read and as it was parsed.

use super::split::CsvRecord;
use csv::ByteRecord;
use std::ops::Range;
use std::sync::Arc;

/// Records as they stand in a file, not yet looked into.
#[derive(Clone, Debug)]
pub struct RawChunk {
    /// The file they come from, as it is told to people (`a.zip:b.csv`).
    pub file: Arc<str>,
    /// How many records of the whole import come before them.
    pub first: u64,
    /// The records.
    pub records: Records,
    /// For each record the line it begins on.
    pub lines: Vec<u64>,
}

/// The records of a chunk.
#[derive(Clone, Debug)]
pub enum Records {
    /// CSV, under one header.
    Csv(Arc<ByteRecord>, Vec<CsvRecord>),
    /// JSON texts.
    Json(Vec<Vec<u8>>),
}

/// A chunk whose records were looked into.
#[derive(Clone, Debug)]
pub struct Prepared<T> {
    /// The chunk it was made from.
    pub raw: RawChunk,
    /// What can be stored, each with its place in the chunk.
    pub items: Vec<(usize, T)>,
    /// What cannot.
    pub faults: Vec<(usize, Fault)>,
}

/// Why a record cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The column, where one is to blame.
    pub column: Option<String>,
    /// PostgreSQL's code, or the import's own.
    pub code: String,
    /// The reason.
    pub reason: String,
}

impl Fault {
    /// A fault that the import itself finds.
    pub fn new(code: &str, reason: impl Into<String>) -> Fault {
        Fault {
            column: None,
            code: code.to_owned(),
            reason: reason.into(),
        }
    }

    /// The same fault, with the column to blame.
    #[must_use]
    pub fn at(mut self, column: &str) -> Fault {
        self.column = Some(column.to_owned());
        self
    }
}

impl RawChunk {
    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Some of its records, as a chunk of their own.
    pub fn part(&self, range: Range<usize>) -> RawChunk {
        RawChunk {
            file: Arc::clone(&self.file),
            first: self.first + range.start as u64,
            records: match &self.records {
                Records::Csv(header, records) => {
                    Records::Csv(Arc::clone(header), records[range.clone()].to_vec())
                }
                Records::Json(texts) => Records::Json(texts[range.clone()].to_vec()),
            },
            lines: self.lines[range].to_vec(),
        }
    }

    /// A record as it stands in the file, for the list of rejects.
    pub fn text(&self, at: usize) -> String {
        match &self.records {
            Records::Csv(_, records) => records.get(at).map_or_else(String::new, |record| {
                let texts = record
                    .iter()
                    .map(|field| String::from_utf8_lossy(field.text));
                texts.collect::<Vec<_>>().join(",")
            }),
            Records::Json(texts) => texts.get(at).map_or_else(String::new, |text| {
                String::from_utf8_lossy(text).into_owned()
            }),
        }
    }
}
