//! Messages that come as new though they came before.
//!
//! A nats-server before 2.10.13 that has something to deliver again, and finds that nobody waits any
//! more, goes back by one among what is new (nats-server's pull request 5305). So the last message
//! of a consumer comes once more, as its first attempt, whether it was acknowledged or is another's.
//! The engine remembers what came last, and what was acknowledged last. What another process had,
//! or one that is gone, it does not know.

use crate::fault;
use crate::queue::Way;
use pando_model::broker::Result;
use std::collections::VecDeque;

/// A consumer goes back by one at a time, and forward with the next message.
const KEPT: usize = 64;

/// The last messages of a consumer.
#[derive(Debug, Default)]
pub(crate) struct Recent(VecDeque<(u64, Fate)>);

/// What is known of a message that came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is out, or waits for its next attempt.
    Open,
    /// It was acknowledged.
    Done,
}

impl Recent {
    /// A message came, for so many times by the server's count; what is known of it, where it
    /// should not have come. It may be faster than the answer to its acknowledgement: then it comes
    /// once more, behind that.
    pub(crate) fn came(&mut self, sequence: u64, attempt: u32) -> Option<Fate> {
        let known = self.0.iter().find(|(known, _)| *known == sequence);
        match known.map(|(_, fate)| *fate) {
            Some(Fate::Open) => (attempt == 1).then_some(Fate::Open),
            Some(Fate::Done) => Some(Fate::Done),
            None => {
                self.keep(sequence, Fate::Open);
                None
            }
        }
    }

    /// A message was acknowledged.
    pub(crate) fn acked(&mut self, sequence: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == sequence) {
            Some((_, fate)) => *fate = Fate::Done,
            None => self.keep(sequence, Fate::Done),
        }
    }

    fn keep(&mut self, sequence: u64, fate: Fate) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((sequence, fate));
    }
}

impl Way {
    /// What is known of a message that should not have come.
    pub(crate) async fn spurious(&self, sequence: u64, attempt: u32) -> Result<Option<Fate>> {
        let known = self.recent.lock().came(sequence, attempt);
        if known.is_none() {
            return Ok(None);
        }
        // A consumer that was set back is another of the same name, and gives everything anew.
        let info = self.consumer.get_info().await;
        let info = info.map_err(|error| fault::unavailable(&format!("lease: {error}")))?;
        let is_same = info.created == self.consumer.cached_info().created;
        Ok(known.filter(|_| is_same))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_known_with_its_fate_until_so_many_others_came() {
        let mut recent = Recent::default();
        assert_eq!(recent.came(1, 1), None);
        assert_eq!(recent.came(1, 1), Some(Fate::Open));
        assert_eq!(recent.came(1, 2), None);
        // Its first delivery was another process's.
        assert_eq!(recent.came(2, 3), None);
        assert_eq!(recent.came(2, 1), Some(Fate::Open));
        recent.acked(1);
        recent.acked(2);
        assert_eq!(recent.came(1, 1), Some(Fate::Done));
        assert_eq!(recent.came(2, 4), Some(Fate::Done));
        for sequence in 3..=KEPT as u64 + 2 {
            assert_eq!(recent.came(sequence, 1), None);
        }
        assert_eq!(recent.came(2, 1), None);
    }
}
