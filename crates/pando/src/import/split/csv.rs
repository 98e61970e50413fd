//! CSV with a header line (RFC 4180).

use super::{Record, Split, SplitError, malformed};
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::io::Read;

/// The records of a CSV file.
pub struct CsvRecords<R> {
    reader: Reader<R>,
    header: ByteRecord,
    ends: LineEnds,
}

/// How a file's lines end, which its header shows.
#[derive(Clone, Copy)]
enum LineEnds {
    /// `\n`, counted with the record before it.
    Lf,
    /// `\r\n`: the reader stops behind `\r`, and counts `\n` with the record after it.
    CrLf,
}

impl<R: Read> CsvRecords<R> {
    /// Reads the header; refuses a file without one.
    pub fn new(source: R) -> Result<CsvRecords<R>, SplitError> {
        // Flexible: a record of another width is a bad row, not the end of the file.
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .buffer_capacity(1 << 16)
            .from_reader(source);
        let header = reader.byte_headers().map_err(told)?.clone();
        if header.is_empty() {
            return Err(malformed(1, "the file is empty; a header line is needed"));
        }
        let ends = match reader.position().line() {
            next if next == 1 + breaks_in(&header) => LineEnds::CrLf,
            _ => LineEnds::Lf,
        };
        Ok(CsvRecords {
            reader,
            header,
            ends,
        })
    }

    /// The names in the header line.
    pub fn header(&self) -> &ByteRecord {
        &self.header
    }
}

impl<R: Read> Split for CsvRecords<R> {
    fn next_record(&mut self) -> Result<Option<(u64, Record)>, SplitError> {
        let mut record = ByteRecord::new();
        if !self.reader.read_byte_record(&mut record).map_err(told)? {
            return Ok(None);
        }
        let next = self.reader.position().line();
        let line = match self.ends {
            LineEnds::Lf => line_of(&record, next),
            LineEnds::CrLf => next - breaks_in(&record),
        };
        Ok(Some((line, Record::Csv(record))))
    }
}

/// The line a record begins on; `next` is the one behind it. The reader's own answer is that
/// of the empty lines before the record, where there are any.
fn line_of(record: &ByteRecord, next: u64) -> u64 {
    let told = record.position().map_or(0, csv::Position::line);
    if next <= told + 1 {
        return told;
    }
    told.max(next - 1 - breaks_in(record))
}

/// Line breaks inside of a record's fields.
fn breaks_in(record: &ByteRecord) -> u64 {
    let breaks = record.as_slice().iter().filter(|byte| **byte == b'\n');
    breaks.count() as u64
}

fn told(error: csv::Error) -> SplitError {
    let line = error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(error) => SplitError::Io(error),
        kind => malformed(line, format!("{kind:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_with_the_line_they_begin_on() {
        let text = "a,b\n1,2\n\"x\ny\",3\n\n4\n";
        for text in [
            text.to_owned(),
            text.replace('\n', "\r\n"),
            format!("\u{feff}{}", text.trim_end().replace('\n', "\r\n")),
        ] {
            let mut records = CsvRecords::new(text.as_bytes()).unwrap();
            let mut lines = Vec::new();
            while let Some((line, Record::Csv(record))) = records.next_record().unwrap() {
                lines.push((line, record.len()));
            }
            assert_eq!(lines, [(2, 2), (3, 2), (6, 1)], "{text:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_name() {
        let records = CsvRecords::new("\u{feff}a,b\n".as_bytes()).unwrap();
        assert_eq!(records.header(), &ByteRecord::from(vec!["a", "b"]));
        assert!(CsvRecords::new("".as_bytes()).is_err());
    }
}
