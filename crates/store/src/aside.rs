//! Long pieces of work, beside the threads that answer requests.
//!
//! What goes through some hundred kilobytes takes milliseconds, and all other requests of the
//! same thread would wait for it. Short work stays where it is: a hand-over costs more.

use crate::session::Result;
use pando_model::budget;
use pando_model::engine::Outcome;
use pando_model::error::EngineError;
use pando_model::plan::RowSet;

/// Bytes that are gone through in about a millisecond.
pub(crate) const LONG: usize = 256 << 10;

/// Does work that goes through so many bytes: elsewhere, where that is long.
pub(crate) async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    if bytes < LONG {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| EngineError::internal("do a long piece of work", error).into())
}

/// How large what was read is, counted until it is [`LONG`].
pub(crate) fn weight_of(outcomes: &[Outcome]) -> usize {
    let mut weight = 0;
    for outcome in outcomes {
        if let Some(rows) = &outcome.rows {
            weigh(rows, &mut weight);
        }
        weight += weight_of(&outcome.group);
        if weight >= LONG {
            break;
        }
    }
    weight
}

/// The same of a row set.
pub(crate) fn weight_of_rows(rows: &RowSet) -> usize {
    let mut weight = 0;
    weigh(rows, &mut weight);
    weight
}

fn weigh(set: &RowSet, weight: &mut usize) {
    for row in &set.rows {
        *weight += row.iter().map(budget::bytes_of).sum::<usize>();
        if *weight >= LONG {
            return;
        }
    }
    for child in &set.children {
        weigh(child, weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pando_model::value::Value;

    fn read(bytes: usize) -> Outcome {
        Outcome::found(RowSet {
            rows: vec![vec![Value::Bytes(vec![0; bytes])]],
            ..RowSet::default()
        })
    }

    #[tokio::test]
    async fn long_work_is_done_on_another_thread_and_short_work_on_this_one() {
        let here = std::thread::current().id();
        let nested = Outcome {
            group: vec![read(10), read(LONG)],
            ..Outcome::default()
        };
        for (outcomes, stays) in [
            (vec![], true),
            (vec![read(LONG / 2)], true),
            (vec![read(LONG)], false),
            (vec![read(LONG / 2), read(LONG / 2)], false),
            (vec![nested], false),
        ] {
            let weight = weight_of(&outcomes);
            let there = aside(weight, || std::thread::current().id()).await.unwrap();
            assert_eq!(there == here, stays, "{weight}");
        }
    }
}
