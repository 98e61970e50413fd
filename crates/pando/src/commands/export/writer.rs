//! Puts pages together into one file.

use crate::import::{Format, JsonValues, Record, Split};
use std::io::{self, Write};

/// Puts pages together into one file.
pub(super) struct Writer {
    format: Format,
    /// Whether anything was written: CSV begins every page with its header.
    any: bool,
}

impl Writer {
    pub(super) fn new(format: Format) -> Writer {
        Writer { format, any: false }
    }

    /// Writes a page: CSV with its header, or JSON values in an array or one after the other.
    /// Gives how many rows it had.
    pub(super) fn page(&mut self, body: &[u8], out: &mut dyn Write) -> anyhow::Result<u64> {
        if self.format == Format::Csv {
            return self.csv(body, out);
        }
        let mut rows = 0;
        let mut values = JsonValues::new(body);
        while let Some((_, Record::Json(value))) = values.next_record()? {
            match (self.format, self.any) {
                (Format::Json, false) => out.write_all(b"[\n")?,
                (Format::Json, true) => out.write_all(b",\n")?,
                _ => {}
            }
            out.write_all(&value)?;
            if self.format == Format::Ndjson {
                out.write_all(b"\n")?;
            }
            self.any = true;
            rows += 1;
        }
        Ok(rows)
    }

    fn csv(&mut self, body: &[u8], out: &mut dyn Write) -> anyhow::Result<u64> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(body);
        reader.byte_headers()?;
        let end = usize::try_from(reader.position().byte())?.min(body.len());
        let (mut rows, mut record) = (0, csv::ByteRecord::new());
        while reader.read_byte_record(&mut record)? {
            rows += 1;
        }
        let body = match self.any {
            true => &body[end..],
            false => body,
        };
        self.any = true;
        out.write_all(body)?;
        if !body.is_empty() && !body.ends_with(b"\n") {
            out.write_all(b"\n")?;
        }
        Ok(rows)
    }

    pub(super) fn end(&self, out: &mut dyn Write) -> io::Result<()> {
        match (self.format, self.any) {
            (Format::Json, true) => out.write_all(b"\n]\n"),
            (Format::Json, false) => out.write_all(b"[]\n"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(format: Format, pages: &[&str]) -> String {
        let mut writer = Writer::new(format);
        let mut out = Vec::new();
        for page in pages {
            writer.page(page.as_bytes(), &mut out).unwrap();
        }
        writer.end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn pages_become_one_file() {
        let pages = ["[{\"a\":1},\n {\"a\":2}]", "[{\"a\":3}]"];
        assert_eq!(
            joined(Format::Json, &pages),
            "[\n{\"a\":1},\n{\"a\":2},\n{\"a\":3}\n]\n"
        );
        assert_eq!(
            joined(Format::Ndjson, &pages),
            "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"
        );
        assert_eq!(
            joined(Format::Csv, &["a,b\n1,2\n3,4", "a,b\n5,6"]),
            "a,b\n1,2\n3,4\n5,6\n"
        );
        assert_eq!(joined(Format::Json, &["[]"]), "[]\n");
    }
}
