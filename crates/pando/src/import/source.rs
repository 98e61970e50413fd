//! Sources: files as they are, or as .gz or .zip of them, opened as streams.

use super::split::{BYTE_ORDER_MARK, CsvRecords, JsonValues, Lines, SplitError};
use crate::failure::fail;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zip::ZipArchive;

/// How a stream is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With a header line.
    Csv,
    /// An array, or values one after the other.
    Json,
    /// One value on each line.
    Ndjson,
}

/// A stream of records, split as its format is.
pub enum Stream<'a> {
    /// CSV.
    Csv(CsvRecords<Box<dyn Read + 'a>>),
    /// JSON.
    Json(JsonValues<Box<dyn Read + 'a>>),
    /// NDJSON.
    Ndjson(Lines<Box<dyn Read + 'a>>),
}

/// Files to import, in order, and how much of them was read.
#[derive(Clone, Debug)]
pub struct Sources {
    files: Vec<PathBuf>,
    read: Arc<AtomicU64>,
    total: u64,
}

/// A reader that counts what is read through it.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl Sources {
    /// Looks at the files; one that is not there is refused before anything begins.
    pub fn open(files: &[PathBuf]) -> anyhow::Result<Sources> {
        let mut total = 0;
        for file in files {
            let metadata = std::fs::metadata(file)
                .map_err(|error| fail(format!("cannot read {}: {error}", file.display())))?;
            if metadata.is_dir() {
                return fail(format!("{} is a folder", file.display()))
                    .hint("name the files in it")
                    .err();
            }
            total += metadata.len();
        }
        Ok(Sources {
            files: files.to_vec(),
            read: Arc::default(),
            total,
        })
    }

    /// The files.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Bytes read so far, as they lie on the disk, and in all.
    pub fn bytes(&self) -> (u64, u64) {
        (self.read.load(Ordering::Relaxed), self.total)
    }

    /// Hands every stream to `each`, with its name, in order.
    pub fn for_each(
        &self,
        each: &mut dyn FnMut(&str, Stream<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for path in &self.files {
            let file = Counted {
                inner: File::open(path)?,
                read: Arc::clone(&self.read),
            };
            let name = path.display().to_string();
            if has_extension(path, "zip") {
                each_member(&name, file, each)?;
            } else if has_extension(path, "gz") {
                let unpacked = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file));
                hand_over(&name, &path.with_extension(""), Box::new(unpacked), each)?;
            } else {
                hand_over(&name, path, Box::new(file), each)?;
            }
        }
        Ok(())
    }
}

fn each_member(
    name: &str,
    file: Counted<File>,
    each: &mut dyn FnMut(&str, Stream<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut archive =
        ZipArchive::new(BufReader::with_capacity(1 << 16, file)).map_err(|error| {
            fail(format!(
                "{name} is not a zip file that can be read: {error}"
            ))
        })?;
    let mut found = false;
    for at in 0..archive.len() {
        let member = archive
            .by_index(at)
            .map_err(|error| fail(format!("cannot unpack {name}: {error}")))?;
        let inner = member
            .name()
            .map_err(|error| fail(format!("cannot unpack {name}: {error}")))?
            .into_owned();
        let path = PathBuf::from(&inner);
        // macOS adds a shadow of each file under this name.
        if member.is_dir() || path.starts_with("__MACOSX") {
            continue;
        }
        found = true;
        let full = format!("{name}:{inner}");
        hand_over(&full, &path, Box::new(member), each)?;
    }
    if found {
        Ok(())
    } else {
        fail(format!("{name} holds no file")).err()
    }
}

fn hand_over(
    name: &str,
    path: &Path,
    mut bytes: Box<dyn Read + '_>,
    each: &mut dyn FnMut(&str, Stream<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let format = match format_of(path) {
        Some(format) => format,
        None => {
            let (format, begin) = sniff(&mut bytes)?;
            bytes = Box::new(Cursor::new(begin).chain(bytes));
            format
        }
    };
    let stream = match format {
        Format::Csv => Stream::Csv(CsvRecords::new(bytes).map_err(|error| located(name, error))?),
        Format::Json => Stream::Json(JsonValues::new(bytes)),
        Format::Ndjson => Stream::Ndjson(Lines::new(bytes)),
    };
    each(name, stream)
}

/// A splitting error, with the file it is in.
pub fn located(name: &str, error: SplitError) -> anyhow::Error {
    match error {
        SplitError::Io(error) => fail(format!("cannot read {name}: {error}")).into(),
        SplitError::Malformed { line, reason } => fail(format!("{name}:{line}: {reason}")).into(),
    }
}

/// The format that a name says; `None` if it says nothing.
pub fn format_of(path: &Path) -> Option<Format> {
    [
        ("csv", Format::Csv),
        ("json", Format::Json),
        ("ndjson", Format::Ndjson),
        ("jsonl", Format::Ndjson),
    ]
    .into_iter()
    .find(|(extension, _)| has_extension(path, extension))
    .map(|(_, format)| format)
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

/// Looks at the first bytes: an array is JSON, an object NDJSON, all else CSV.
fn sniff(bytes: &mut dyn Read) -> io::Result<(Format, Vec<u8>)> {
    let mut begin = vec![0; 4096];
    let read = bytes.read(&mut begin)?;
    begin.truncate(read);
    let text = begin.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&begin);
    let format = match text.trim_ascii_start().first() {
        Some(b'[') => Format::Json,
        Some(b'{') => Format::Ndjson,
        _ => Format::Csv,
    };
    Ok((format, begin))
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_telling_name_is_known_by_how_it_begins() {
        for (text, format) in [
            (" [{}]", Format::Json),
            ("\n{\"a\":1}", Format::Ndjson),
            ("a,b\n1,2", Format::Csv),
            ("", Format::Csv),
        ] {
            for mark in ["", "\u{feff}"] {
                let whole = format!("{mark}{text}");
                let (found, begin) = sniff(&mut whole.as_bytes()).unwrap();
                assert_eq!(found, format, "{whole:?}");
                assert_eq!(begin, whole.as_bytes());
            }
        }
    }
}
