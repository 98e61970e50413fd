//! Where an export goes: a file that takes its name when it is whole, or standard output.

use crate::failure::fail;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that takes its name at the end, or standard output.
pub(super) enum Output {
    Plain(BufWriter<File>, Named),
    Packed(Box<GzEncoder<BufWriter<File>>>, Named),
    Standard(BufWriter<io::Stdout>),
}

/// A file under the name that it has until it is whole; an export that fails leaves nothing.
pub(super) struct Named {
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
    pub(super) fn open(out: Option<&Path>) -> anyhow::Result<Output> {
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

    pub(super) fn finish(self) -> anyhow::Result<()> {
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
