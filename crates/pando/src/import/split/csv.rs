//! CSV with a header line (RFC 4180).
//!
//! As in PostgreSQL's `COPY`, a field means something else where it stands in quotation marks: `""`
//! is the empty text, and nothing is NULL. Readers of whole records do not tell, so fields are read
//! one by one.

use super::{RECORD_BYTES_MAX, Record, Split, SplitError, malformed};
use csv::ByteRecord;
use csv_core::{ReadFieldResult, Reader};
use std::io::{BufRead, BufReader, Read};

const BUFFER_BYTES: usize = 1 << 16;

/// The records of a CSV file.
pub struct CsvRecords<R> {
    source: BufReader<R>,
    /// Boxed: its tables are large.
    reader: Box<Reader>,
    header: ByteRecord,
    /// The line that the next byte is in, from 1.
    line: u64,
    /// Where a field is put together.
    field: Vec<u8>,
}

/// A record: its fields, and which of them stood in quotation marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvRecord {
    fields: ByteRecord,
    quoted: Vec<usize>,
}

/// A field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvField<'a> {
    /// What it holds, without the quotation marks.
    pub text: &'a [u8],
    /// Whether it stood in quotation marks.
    pub quoted: bool,
}

impl CsvRecord {
    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// How many bytes they have.
    pub fn bytes(&self) -> usize {
        self.fields.as_slice().len()
    }

    /// Its fields, in their order.
    pub fn iter(&self) -> impl Iterator<Item = CsvField<'_>> {
        let mut quoted = self.quoted.iter().peekable();
        self.fields.iter().enumerate().map(move |(at, text)| {
            let quoted = quoted.next_if(|next| **next == at).is_some();
            CsvField { text, quoted }
        })
    }
}

impl<R: Read> CsvRecords<R> {
    /// Reads the header; refuses a file without one.
    pub fn new(source: R) -> Result<CsvRecords<R>, SplitError> {
        let mut records = CsvRecords {
            source: BufReader::with_capacity(BUFFER_BYTES, source),
            reader: Box::new(Reader::new()),
            header: ByteRecord::new(),
            line: 1,
            field: vec![0; 256],
        };
        let Some((_, header)) = records.read()? else {
            return Err(malformed(1, "the file is empty; a header line is needed"));
        };
        records.header = header.fields;
        Ok(records)
    }

    /// The names in the header line.
    pub fn header(&self) -> &ByteRecord {
        &self.header
    }

    /// The next record and the line it begins on. A row of another width than its header is a bad
    /// row, not the end of the file.
    fn read(&mut self) -> Result<Option<(u64, CsvRecord)>, SplitError> {
        if !self.skip_breaks()? {
            return Ok(None);
        }
        let line = self.line;
        let mut record = CsvRecord::default();
        loop {
            if self.source.fill_buf()?.first() == Some(&b'"') {
                record.quoted.push(record.len());
            }
            let (length, is_last) = self.read_field(line, record.bytes())?;
            record
                .fields
                .push_field(self.field.get(..length).unwrap_or_default());
            if is_last {
                return Ok(Some((line, record)));
            }
        }
    }

    /// Puts the next field together: its length, and whether its record ends with it.
    fn read_field(&mut self, line: u64, before: usize) -> Result<(usize, bool), SplitError> {
        let mut length = 0;
        loop {
            let input = self.source.fill_buf()?;
            let room = self.field.get_mut(length..).unwrap_or_default();
            let (result, taken, written) = self.reader.read_field(input, room);
            self.line += breaks_in(input.get(..taken).unwrap_or_default());
            self.source.consume(taken);
            length += written;
            if before + length > RECORD_BYTES_MAX {
                let reason = format!(
                    "the record is longer than {RECORD_BYTES_MAX} bytes; a quotation mark may be missing"
                );
                return Err(malformed(line, reason));
            }
            match result {
                ReadFieldResult::InputEmpty => {}
                ReadFieldResult::OutputFull => self.field.resize(self.field.len() * 2, 0),
                ReadFieldResult::Field { record_end } => return Ok((length, record_end)),
                ReadFieldResult::End => return Ok((length, true)),
            }
        }
    }

    /// Passes over the ends of lines, empty ones among them; `false` at the end of the file.
    fn skip_breaks(&mut self) -> Result<bool, SplitError> {
        loop {
            let input = self.source.fill_buf()?;
            let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
            let end = input.iter().position(|byte| !is_break(byte));
            let taken = end.unwrap_or(input.len());
            let is_end = input.is_empty();
            self.line += breaks_in(input.get(..taken).unwrap_or_default());
            self.source.consume(taken);
            if end.is_some() || is_end {
                return Ok(!is_end);
            }
        }
    }
}

impl<R: Read> Split for CsvRecords<R> {
    fn next_record(&mut self) -> Result<Option<(u64, Record)>, SplitError> {
        let read = self.read()?;
        Ok(read.map(|(line, record)| (line, Record::Csv(record))))
    }
}

fn breaks_in(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
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

    /// Bytes that come one by one, whatever is asked for.
    struct Dribble<'a>(&'a [u8]);

    impl Read for Dribble<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let room = buf.len().min(1);
            self.0.read(&mut buf[..room])
        }
    }

    fn records(source: impl Read) -> Vec<Vec<(String, bool)>> {
        let mut records = CsvRecords::new(source).unwrap();
        let mut all = Vec::new();
        while let Some((_, Record::Csv(record))) = records.next_record().unwrap() {
            let text = |field: CsvField<'_>| String::from_utf8(field.text.to_vec()).unwrap();
            all.push(record.iter().map(|f| (text(f), f.quoted)).collect());
        }
        all
    }

    #[test]
    fn a_field_in_quotation_marks_is_told_from_one_without() {
        // Longer than the room that a field has at first.
        let long = format!("{},\n", "x".repeat(1_000));
        let text = format!(
            "a,b,c\n,\"\",x\n\"\",,\"NA\"\r\n\"say \"\"hi\"\"\",a\"b,\"{long}\"\n1,2,\n\"\"\n,\"\""
        );
        let expected: Vec<Vec<(&str, bool)>> = vec![
            vec![("", false), ("", true), ("x", false)],
            vec![("", true), ("", false), ("NA", true)],
            vec![("say \"hi\"", true), ("a\"b", false), (&long, true)],
            vec![("1", false), ("2", false), ("", false)],
            vec![("", true)],
            vec![("", false), ("", true)],
        ];
        for found in [records(text.as_bytes()), records(Dribble(text.as_bytes()))] {
            let found: Vec<Vec<(&str, bool)>> = found
                .iter()
                .map(|row| row.iter().map(|(text, q)| (text.as_str(), *q)).collect())
                .collect();
            assert_eq!(found, expected);
        }
    }
}
