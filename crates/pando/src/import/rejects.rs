//! Rejected rows: told one by one, and written to a file where one is named.

use super::chunk::{Fault, RawChunk};
use crate::failure::fail;
use crate::report::Report;
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// How many are told on standard error before only their number is.
const TOLD_MAX: u64 = 20;

/// Where rejected rows go.
pub struct Rejects {
    file: Option<BufWriter<File>>,
    report: Report,
    told: u64,
}

/// A rejected row, as it is written.
#[derive(Clone, Debug, Serialize)]
pub struct Reject<'a> {
    file: &'a str,
    line: u64,
    column: Option<&'a str>,
    code: &'a str,
    reason: &'a str,
    record: String,
}

impl Rejects {
    /// Opens the file; a resumed import goes on at its end.
    pub fn open(path: Option<&Path>, resume: bool, report: Report) -> anyhow::Result<Rejects> {
        let file = path
            .map(|path| {
                File::options()
                    .create(true)
                    .write(true)
                    .append(resume)
                    .truncate(!resume)
                    .open(path)
                    .map_err(|error| fail(format!("cannot write {}: {error}", path.display())))
            })
            .transpose()?;
        Ok(Rejects {
            file: file.map(BufWriter::new),
            report,
            told: 0,
        })
    }

    /// Takes a rejected row.
    pub fn add(&mut self, raw: &RawChunk, at: usize, fault: &Fault) -> anyhow::Result<()> {
        let reject = Reject {
            file: &raw.file,
            line: raw.lines.get(at).copied().unwrap_or(0),
            column: fault.column.as_deref(),
            code: &fault.code,
            reason: &fault.reason,
            record: raw.text(at),
        };
        if let Some(file) = &mut self.file {
            serde_json::to_writer(&mut *file, &reject)?;
            file.write_all(b"\n")?;
        }
        self.told += 1;
        if self.told <= TOLD_MAX {
            self.report
                .remark(&format!("rejected {}", told(raw, at, fault)));
        }
        Ok(())
    }

    /// Hands everything to the system.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        Ok(())
    }

    /// Says how many were not told.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.flush()?;
        if self.told > TOLD_MAX {
            let more = self.told - TOLD_MAX;
            let place = if self.file.is_some() {
                "they are in the file of rejects"
            } else {
                "--rejects FILE keeps them all"
            };
            self.report.remark(&format!("… and {more} more; {place}"));
        }
        Ok(())
    }
}

/// A fault with its place: `weather.csv:7321: column hour: …`.
pub fn told(raw: &RawChunk, at: usize, fault: &Fault) -> String {
    let line = raw.lines.get(at).copied().unwrap_or(0);
    match &fault.column {
        Some(column) => format!("{}:{line}: column {column}: {}", raw.file, fault.reason),
        None => format!("{}:{line}: {}", raw.file, fault.reason),
    }
}
