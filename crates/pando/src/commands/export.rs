//! `pando export`: a table page by page, in constant memory.

use super::Context;
use crate::access::{self, Access};
use crate::cli::ExportArgs;
use crate::failure::fail;
use crate::import::{Format, JsonValues, Record, Split, format_of};
use crate::report::grouped;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use pando_client::{Client, encoded};
use pando_store::Store;
use pando_store::request::{Query, Shape, TableRead};
use pando_store::session::Session;
use serde_json::json;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A page as it was answered, and where the next one begins.
struct Page {
    body: Bytes,
    rows: u64,
    cursor: Option<String>,
}

/// Where pages come from.
enum Pages<'a> {
    Store(&'a Store),
    Server(&'a Client),
}

/// Carries out `pando export`.
pub async fn run(args: ExportArgs, context: &Context) -> anyhow::Result<()> {
    let format = format(args.out.as_deref())?;
    if let Some(out) = &args.out
        && out.exists()
        && !args.yes
        && !context
            .report
            .confirm(&format!("Replace {}?", out.display()))
    {
        return fail(format!("{} exists", out.display()))
            .hint("name another file, or say --yes")
            .err();
    }
    let table = &args.target.table;
    let rows = match access::open_existing(context).await? {
        Access::Store(open) => {
            let pages = Pages::Store(open.store());
            let rows = export(table, format, args.out.as_deref(), &pages).await;
            open.close().await?;
            rows?
        }
        Access::Server(server) => {
            let pages = Pages::Server(&server.client);
            export(table, format, args.out.as_deref(), &pages).await?
        }
    };
    let Some(out) = &args.out else { return Ok(()) };
    let answer = json!({ "table": table, "rows": rows, "out": out.display().to_string() });
    context.report.answer(&answer, |_| {
        format!("{}: {} rows of {table}", out.display(), grouped(rows))
    })
}

async fn export(
    table: &str,
    format: Format,
    out: Option<&Path>,
    pages: &Pages<'_>,
) -> anyhow::Result<u64> {
    match write_pages(table, format, out, pages).await {
        // A reader that went away (`| head`) has seen enough: no error.
        Err(error) if out.is_none() && is_broken_pipe(&error) => Ok(0),
        done => done,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn write_pages(
    table: &str,
    format: Format,
    out: Option<&Path>,
    pages: &Pages<'_>,
) -> anyhow::Result<u64> {
    let mut output = Output::open(out)?;
    let mut writer = Writer::new(format);
    let (mut rows, mut cursor) = (0, None);
    loop {
        let page = pages.fetch(table, format, cursor.as_deref()).await?;
        rows += page.rows;
        writer.page(&page.body, &mut output)?;
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    writer.end(&mut output)?;
    output.finish()?;
    Ok(rows)
}

impl Pages<'_> {
    async fn fetch(
        &self,
        table: &str,
        format: Format,
        cursor: Option<&str>,
    ) -> anyhow::Result<Page> {
        match self {
            Pages::Store(store) => {
                let request = TableRead {
                    table: table.to_owned(),
                    query: Query {
                        cursor: cursor.map(str::to_owned),
                        ..Query::default()
                    },
                    count: None,
                    shape: match format {
                        Format::Csv => Shape::Csv,
                        Format::Json | Format::Ndjson => Shape::Array,
                    },
                };
                let (answer, _) = store.read_table(&request, &Session::default()).await?;
                Ok(Page {
                    body: answer.body,
                    rows: answer.rows,
                    cursor: answer.cursor,
                })
            }
            Pages::Server(client) => {
                let mut path = format!("/rest/v1/{}", encoded(table));
                if let Some(cursor) = cursor {
                    path.push_str(&format!("?cursor={}", encoded(cursor)));
                }
                let accept = match format {
                    Format::Csv => "text/csv",
                    Format::Json | Format::Ndjson => "application/json",
                };
                let answer = client.request(Method::GET, &path).accept(accept).await?;
                Ok(Page {
                    rows: answer.header("content-range").map_or(0, rows_of_range),
                    cursor: answer.header("pando-cursor").map(str::to_owned),
                    body: answer.body,
                })
            }
        }
    }
}

/// How many rows `0-999/*` speaks of.
fn rows_of_range(range: &str) -> u64 {
    let bounds = range
        .split('/')
        .next()
        .and_then(|range| range.split_once('-'));
    let numbers = bounds.and_then(|(a, b)| Some((a.parse::<u64>().ok()?, b.parse::<u64>().ok()?)));
    numbers.map_or(0, |(first, last)| last.saturating_sub(first) + 1)
}

/// Puts pages together into one file.
struct Writer {
    format: Format,
    /// CSV: the header line, as it begins every page.
    header: Option<Vec<u8>>,
    any: bool,
}

impl Writer {
    fn new(format: Format) -> Writer {
        Writer {
            format,
            header: None,
            any: false,
        }
    }

    fn page(&mut self, body: &[u8], out: &mut dyn Write) -> anyhow::Result<()> {
        match self.format {
            Format::Csv => match &self.header {
                Some(header) => {
                    let rows = body.strip_prefix(header.as_slice()).unwrap_or(body);
                    out.write_all(rows)?;
                    return end_line(rows, out);
                }
                None => {
                    self.header = Some(header_of(body)?);
                    out.write_all(body)?;
                    return end_line(body, out);
                }
            },
            Format::Json | Format::Ndjson => {
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
                }
            }
        }
        Ok(())
    }

    fn end(&self, out: &mut dyn Write) -> io::Result<()> {
        match (self.format, self.any) {
            (Format::Json, true) => out.write_all(b"\n]\n"),
            (Format::Json, false) => out.write_all(b"[]\n"),
            _ => Ok(()),
        }
    }
}

/// The header line of a CSV text, its line end included.
fn header_of(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(body);
    reader.byte_headers()?;
    let end = usize::try_from(reader.position().byte())?;
    Ok(body[..end.min(body.len())].to_vec())
}

fn end_line(written: &[u8], out: &mut dyn Write) -> anyhow::Result<()> {
    if !written.is_empty() && !written.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// A file that takes its name at the end, or standard output.
enum Output {
    Plain(BufWriter<File>, Named),
    Packed(Box<GzEncoder<BufWriter<File>>>, Named),
    Standard(BufWriter<io::Stdout>),
}

/// A file under the name that it has until it is whole; an export that fails leaves nothing.
struct Named {
    part: PathBuf,
    name: PathBuf,
}

impl Drop for Named {
    fn drop(&mut self) {
        // Behind the end it has its own name, and there is nothing to remove.
        let _ = std::fs::remove_file(&self.part);
    }
}

impl Output {
    fn open(out: Option<&Path>) -> anyhow::Result<Output> {
        let Some(name) = out else {
            return Ok(Output::Standard(BufWriter::new(io::stdout())));
        };
        let mut part = name.as_os_str().to_owned();
        part.push(".part");
        let named = Named {
            part: part.into(),
            name: name.to_owned(),
        };
        let file = File::create(&named.part)
            .map_err(|error| fail(format!("cannot write {}: {error}", name.display())))?;
        let file = BufWriter::with_capacity(1 << 16, file);
        Ok(match name.extension() {
            Some(end) if end == "gz" => Output::Packed(
                Box::new(GzEncoder::new(file, Compression::default())),
                named,
            ),
            _ => Output::Plain(file, named),
        })
    }

    fn finish(self) -> anyhow::Result<()> {
        let (file, named) = match self {
            Output::Standard(mut out) => return Ok(out.flush()?),
            Output::Plain(file, named) => (file, named),
            Output::Packed(packed, named) => (packed.finish()?, named),
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(std::fs::rename(&named.part, &named.name)?)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Plain(out, _) => out.write(bytes),
            Output::Packed(out, _) => out.write(bytes),
            Output::Standard(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Plain(out, _) => out.flush(),
            Output::Packed(out, _) => out.flush(),
            Output::Standard(out) => out.flush(),
        }
    }
}

fn format(out: Option<&Path>) -> anyhow::Result<Format> {
    let Some(out) = out else {
        return Ok(Format::Ndjson);
    };
    let bare = match out.extension() {
        Some(end) if end == "gz" => out.with_extension(""),
        _ => out.to_owned(),
    };
    format_of(&bare).ok_or_else(|| {
        fail(format!("{}: the name does not say a format", out.display()))
            .hint("end it in .csv, .json or .ndjson, or one of them and .gz")
            .usage()
            .into()
    })
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

    #[test]
    fn a_range_tells_its_rows() {
        for (range, rows) in [("0-999/*", 1_000), ("5-5/9", 1), ("*/0", 0)] {
            assert_eq!(rows_of_range(range), rows, "{range}");
        }
    }
}
