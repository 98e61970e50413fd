//! Which import this is, so that `--resume` goes on with it and with no other.

use super::source::Sources;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// How much of a file's begin and end is looked at: reading all of a large file to know
/// it again would cost as much as importing it.
const LOOKED_AT_BYTES: u64 = 1 << 16;

/// An import's name, and a digest of what its files hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The same for the same files into the same target.
    pub id: String,
    /// The files as they were given, for people.
    pub source: String,
    /// Changes when a file's size, begin or end changes.
    pub fingerprint: Vec<u8>,
}

impl Identity {
    /// Looks at the files.
    pub fn of(target: &str, sources: &Sources, settings: &[String]) -> anyhow::Result<Identity> {
        let mut id = blake3::Hasher::new();
        let mut content = blake3::Hasher::new();
        add(&mut id, target.as_bytes());
        for path in sources.files() {
            let full = path.canonicalize()?;
            add(&mut id, full.as_os_str().as_encoded_bytes());
            let mut file = File::open(path)?;
            let size = file.metadata()?.len();
            add(&mut content, &size.to_le_bytes());
            let mut bytes = Vec::new();
            file.by_ref()
                .take(LOOKED_AT_BYTES)
                .read_to_end(&mut bytes)?;
            add(&mut content, &bytes);
            file.seek(SeekFrom::Start(size.saturating_sub(LOOKED_AT_BYTES)))?;
            bytes.clear();
            file.take(LOOKED_AT_BYTES).read_to_end(&mut bytes)?;
            add(&mut content, &bytes);
        }
        // Other settings read other rows out of the same bytes.
        for setting in settings {
            add(&mut content, setting.as_bytes());
        }
        let names: Vec<_> = sources
            .files()
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        Ok(Identity {
            id: id.finalize().to_hex()[..32].to_owned(),
            source: names.join(" "),
            fingerprint: content.finalize().as_bytes().to_vec(),
        })
    }
}

fn add(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}
