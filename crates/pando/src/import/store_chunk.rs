//! Storing one chunk: whole, or found out which of its rows cannot be stored.

use super::chunk::{Fault, Prepared, RawChunk};
use super::pipeline::prepare;
use super::rejects::{Rejects, told};
use super::sink::{NotStored, Sink, Tally};
use crate::cli::OnError;
use crate::failure::fail;
use std::ops::Range;

/// Stores chunks, one after the other.
pub struct Storing<'a, S> {
    /// Where to.
    pub sink: &'a S,
    /// What happens to a row that cannot be stored.
    pub on_error: OnError,
    /// Where such rows go.
    pub rejects: Rejects,
    /// How much was dealt with.
    pub tally: Tally,
}

impl<S: Sink> Storing<'_, S> {
    /// Stores a chunk. With `stop`, a row that cannot be stored leaves its whole chunk out.
    pub async fn store(&mut self, chunk: Prepared<S::Item>) -> anyhow::Result<()> {
        let Prepared { raw, items, faults } = chunk;
        if let (OnError::Stop, Some((at, fault))) = (self.on_error, faults.first()) {
            return self.stop(&raw, *at, fault);
        }
        let after = Tally {
            records: raw.first + raw.len() as u64,
            written: self.tally.written + items.len() as u64,
            rejected: self.tally.rejected + faults.len() as u64,
        };
        let items = items.into_iter().map(|(_, item)| item).collect();
        match self.sink.commit(items, after).await {
            Ok(()) => self.passed(&raw, &faults, after),
            Err(NotStored::Failed(error)) => Err(error),
            Err(NotStored::Refused(fault)) => match self.on_error {
                OnError::Stop => self.find(raw, fault).await,
                OnError::Skip => self.sift(raw).await,
            },
        }
    }

    /// Leaves out the rows that are refused, and stores the others by halves: each half
    /// commits with the progress that it reaches.
    async fn sift(&mut self, raw: RawChunk) -> anyhow::Result<()> {
        let len = raw.len();
        // A stack of ranges rather than recursion: futures of unknown depth would be boxed.
        let mut left = Vec::from([Range { start: 0, end: len }]);
        while let Some(range) = left.pop() {
            let (part, faults) = self.part(&raw, &range)?;
            let after = Tally {
                records: raw.first + range.end as u64,
                written: self.tally.written + part.len() as u64,
                rejected: self.tally.rejected + faults.len() as u64,
            };
            let single = part.len() == 1;
            match self.sink.commit(part, after).await {
                Ok(()) => self.passed(&raw, &faults, after)?,
                Err(NotStored::Failed(error)) => return Err(error),
                Err(NotStored::Refused(fault)) if range.len() == 1 || single => {
                    let mut faults = faults;
                    faults.push((self.single(&raw, &range)?, fault));
                    let after = Tally {
                        written: self.tally.written,
                        rejected: after.rejected + 1,
                        ..after
                    };
                    self.passed(&raw, &faults, after)?;
                }
                Err(NotStored::Refused(_)) => {
                    let middle = range.start + range.len() / 2;
                    left.push(middle..range.end);
                    left.push(range.start..middle);
                }
            }
        }
        Ok(())
    }

    /// Finds the first row that is refused, stores nothing, and stops.
    async fn find(&mut self, raw: RawChunk, fault: Fault) -> anyhow::Result<()> {
        // The longest beginning that could be stored is found by halving.
        let (mut good, mut bad, mut reason) = (0, raw.len(), fault);
        while good + 1 < bad {
            let middle = good + (bad - good) / 2;
            let (part, faults) = self.part(&raw, &(0..middle))?;
            if let Some((at, fault)) = faults.first() {
                return self.stop(&raw, *at, fault);
            }
            match self.sink.rehearse(part).await {
                Some(Ok(())) => good = middle,
                Some(Err(NotStored::Refused(fault))) => (bad, reason) = (middle, fault),
                Some(Err(NotStored::Failed(error))) => return Err(error),
                None => {
                    let last = raw.lines.last().copied().unwrap_or(0);
                    let first = raw.lines.first().copied().unwrap_or(0);
                    let file = &raw.file;
                    return fail(format!(
                        "a row between {file}:{first} and line {last}: {}",
                        reason.reason
                    ))
                    .hint("--on-error skip leaves such rows out, and tells each with its line")
                    .err();
                }
            }
        }
        self.stop(&raw, good, &reason)
    }

    /// The rows of a range that are right by themselves, and the faults of the others.
    #[allow(clippy::type_complexity)]
    fn part(
        &self,
        raw: &RawChunk,
        range: &Range<usize>,
    ) -> anyhow::Result<(Vec<S::Item>, Vec<(usize, Fault)>)> {
        let prepared = prepare(self.sink, raw.part(range.clone()))?;
        let mut faults: Vec<(usize, Fault)> = prepared.faults;
        for (at, _) in &mut faults {
            *at += range.start;
        }
        let mut part = Vec::new();
        for (at, item) in prepared.items {
            match self.sink.check(&item) {
                Some(fault) => faults.push((range.start + at, fault)),
                None => part.push(item),
            }
        }
        faults.sort_by_key(|(at, _)| *at);
        Ok((part, faults))
    }

    /// The place of the only row of a range that is right by itself.
    fn single(&self, raw: &RawChunk, range: &Range<usize>) -> anyhow::Result<usize> {
        let prepared = prepare(self.sink, raw.part(range.clone()))?;
        let right = prepared
            .items
            .iter()
            .find(|(_, item)| self.sink.check(item).is_none());
        Ok(right.map_or(range.start, |(at, _)| range.start + at))
    }

    /// Everything up to here was dealt with.
    fn passed(
        &mut self,
        raw: &RawChunk,
        faults: &[(usize, Fault)],
        after: Tally,
    ) -> anyhow::Result<()> {
        for (at, fault) in faults {
            self.rejects.add(raw, *at, fault)?;
        }
        self.tally = after;
        self.rejects.flush()
    }

    fn stop(&mut self, raw: &RawChunk, at: usize, fault: &Fault) -> anyhow::Result<()> {
        self.rejects.add(raw, at, fault)?;
        self.rejects.flush()?;
        fail(told(raw, at, fault))
            .hint(format!(
                "{} rows before this chunk are stored; --on-error skip leaves such rows out, \
                 with --resume behind those that are stored",
                self.tally.written
            ))
            .err()
    }
}
