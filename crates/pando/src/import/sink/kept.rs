//! How far an import over HTTP has got: a file of the data directory, and the name of the run
//! that makes its idempotency keys.

use super::super::identity::Identity;
use super::Tally;
use crate::data_dir::DataDir;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};

/// One run of an import.
pub struct Run {
    dir: DataDir,
    identity: Identity,
    /// Its name: the same file imported again later is another import.
    name: String,
    /// Whether it is written down.
    is_kept: AtomicBool,
}

/// What is kept of it.
#[derive(Serialize, Deserialize)]
struct Kept {
    run: String,
    fingerprint: Vec<u8>,
    records: u64,
    written: u64,
    rejected: u64,
    finished: bool,
}

impl Run {
    /// A run; with `resume` the one that was broken off.
    pub fn begin(dir: DataDir, identity: Identity, resume: bool) -> anyhow::Result<Run> {
        let kept: Option<Kept> = dir.read_json("imports", &identity.id);
        let (name, is_kept) = match kept {
            Some(kept) if resume && kept.fingerprint == identity.fingerprint => (kept.run, true),
            _ => {
                let random = getrandom::u64().map_err(|error| anyhow::anyhow!("{error}"))?;
                (format!("{random:016x}"), false)
            }
        };
        Ok(Run {
            dir,
            identity,
            name,
            is_kept: AtomicBool::new(is_kept),
        })
    }

    /// The key of a chunk. Rows, range and run name it: the same one is never stored twice.
    pub(super) fn key(&self, tally: Tally, rows: usize) -> String {
        format!("import-{}-{}-{rows}", self.name, tally.records)
    }

    /// Writes the run down before its first chunk is sent: should the answer not reach this
    /// process, the run that goes on sends it under the same key, and it is stored once.
    pub(super) fn announce(&self) -> anyhow::Result<()> {
        if !self.is_kept.load(Ordering::Relaxed) {
            self.keep(Tally::default(), false)?;
            self.is_kept.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Writes down how far it has got.
    pub(super) fn keep(&self, tally: Tally, finished: bool) -> anyhow::Result<()> {
        let kept = Kept {
            run: self.name.clone(),
            fingerprint: self.identity.fingerprint.clone(),
            records: tally.records,
            written: tally.written,
            rejected: tally.rejected,
            finished,
        };
        self.dir.write_json("imports", &self.identity.id, &kept)
    }

    /// How far the same import got before.
    pub(super) fn fetch(&self, identity: &Identity) -> Option<(Tally, bool)> {
        let kept: Kept = self.dir.read_json("imports", &identity.id)?;
        (kept.fingerprint == identity.fingerprint).then_some((
            Tally {
                records: kept.records,
                written: kept.written,
                rejected: kept.rejected,
            },
            kept.finished,
        ))
    }
}
