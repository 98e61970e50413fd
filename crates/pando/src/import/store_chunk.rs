//! Storing one chunk: whole, or found out which of its rows cannot be stored.

use super::chunk::{Fault, Prepared, RawChunk};
use super::pipeline::prepare;
use super::rejects::{Rejects, told};
use super::sink::{NotStored, Sink, Tally};
use crate::cli::OnError;
use crate::failure::{Failure, fail};
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

/// Some rows of a chunk, each with its place in it: those that are right by themselves, and
/// the faults of the others.
struct Part<T> {
    items: Vec<(usize, T)>,
    faults: Vec<(usize, Fault)>,
}

impl<S: Sink> Storing<'_, S> {
    /// Stores a chunk: whole; or, where a row cannot be stored or it is too large for that, in
    /// spans, shorter ones after a span that was refused, longer ones again where all goes
    /// well. Each span commits with the progress that it reaches. With `stop`, a row that
    /// cannot be stored leaves all of its span out.
    pub async fn store(&mut self, chunk: Prepared<S::Item>) -> anyhow::Result<()> {
        let Prepared { raw, items, faults } = chunk;
        let (mut from, mut span) = (0, raw.len());
        let mut ready = Some(Part { items, faults });
        // The next row that is known to be refused.
        let mut known: Option<(usize, Fault)> = None;
        while from < raw.len() {
            if let Some((at, fault)) = known.take_if(|(at, _)| *at == from) {
                self.leave_out(&raw, at, fault)?;
                from += 1;
                continue;
            }
            let to = match &known {
                Some((at, _)) => *at,
                None => raw.len().min(from + span),
            };
            let unchecked = ready.is_some();
            let Part { items, faults } = match ready.take() {
                Some(ready) => ready,
                None => self.part(&raw, &(from..to))?,
            };
            if let (OnError::Stop, Some((at, fault))) = (self.on_error, faults.first()) {
                return self.stop(&raw, *at, fault);
            }
            let after = Tally {
                records: raw.first + to as u64,
                written: self.tally.written + items.len() as u64,
                rejected: self.tally.rejected + faults.len() as u64,
            };
            let (places, items): (Vec<usize>, Vec<S::Item>) = items.into_iter().unzip();
            let (at, fault) = match self.sink.commit(items, after).await {
                Ok(()) => {
                    self.passed(&raw, &faults, after)?;
                    (from, span) = (to, span.saturating_mul(2));
                    continue;
                }
                Err(NotStored::Failed(error)) => return Err(broken_off(error, self.tally.written)),
                Err(NotStored::Refused { at: Some(n), fault }) => (places.get(n).copied(), fault),
                // Each row by itself may tell at once which of them it is.
                Err(NotStored::Refused { .. }) if unchecked && self.on_error == OnError::Skip => {
                    continue;
                }
                Err(NotStored::Refused { at: None, fault }) if self.on_error == OnError::Stop => {
                    return self.find(raw.part(from..to), fault).await;
                }
                Err(NotStored::Refused { at: None, fault } | NotStored::TooLarge(fault)) => {
                    (single(&places), fault)
                }
            };
            match at {
                Some(at) if self.on_error == OnError::Stop => return self.stop(&raw, at, &fault),
                Some(at) => {
                    span = (at - from).max(1);
                    known = Some((at, fault));
                }
                None if to - from == 1 => return fail(fault.reason).err(),
                None => span = (to - from) / 2,
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
            let Part { items, faults } = self.part(&raw, &(0..middle))?;
            if let Some((at, fault)) = faults.first() {
                return self.stop(&raw, *at, fault);
            }
            let items = items.into_iter().map(|(_, item)| item).collect();
            match self.sink.rehearse(items).await {
                Some(Ok(())) => good = middle,
                Some(Err(NotStored::Refused { fault, .. } | NotStored::TooLarge(fault))) => {
                    (bad, reason) = (middle, fault);
                }
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

    /// The rows of a range.
    fn part(&self, raw: &RawChunk, range: &Range<usize>) -> anyhow::Result<Part<S::Item>> {
        let prepared = prepare(self.sink, raw.part(range.clone()))?;
        let mut faults = prepared.faults;
        for (at, _) in &mut faults {
            *at += range.start;
        }
        let mut items = Vec::new();
        for (at, item) in prepared.items {
            match self.sink.check(&item) {
                Some(fault) => faults.push((range.start + at, fault)),
                None => items.push((range.start + at, item)),
            }
        }
        faults.sort_by_key(|(at, _)| *at);
        Ok(Part { items, faults })
    }

    /// Leaves a row out that was refused.
    fn leave_out(&mut self, raw: &RawChunk, at: usize, fault: Fault) -> anyhow::Result<()> {
        let after = Tally {
            records: raw.first + at as u64 + 1,
            rejected: self.tally.rejected + 1,
            ..self.tally
        };
        self.passed(raw, &[(at, fault)], after)
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

/// What kept a chunk from being stored has nothing to do with its rows: it can be gone on with.
fn broken_off(error: anyhow::Error, written: u64) -> anyhow::Error {
    let answered = error.downcast_ref::<pando_client::Error>();
    let status = answered.and_then(pando_client::Error::status);
    if error.is::<Failure>() || status.is_some_and(|status| status.is_client_error()) {
        return error; // it knows a way out of its own
    }
    let hint = format!("{written} rows are stored; the same command with --resume goes on there");
    fail(format!("{error:#}")).hint(hint).into()
}

/// The only one of some places.
fn single(places: &[usize]) -> Option<usize> {
    match places {
        [only] => Some(*only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_broke_an_import_off_tells_how_it_goes_on_unless_it_knows_a_way_out() {
        let lost = anyhow::anyhow!("connection refused").context("the server does not answer");
        let told = broken_off(lost, 7);
        assert_eq!(
            told.to_string(),
            "the server does not answer: connection refused"
        );
        let hint = |error: &anyhow::Error| format!("{:?}", error.downcast_ref::<Failure>());
        assert!(hint(&told).contains("7 rows are stored"), "{}", hint(&told));
        assert!(hint(&told).contains("--resume"), "{}", hint(&told));
        let own = broken_off(fail("x").hint("mend x").into(), 7);
        assert!(!hint(&own).contains("--resume"), "{}", hint(&own));
    }
}
