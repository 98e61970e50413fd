//! Answers of a group.
//!
//! To wake a task from outside of its runtime takes a lock and may take a system call. So the
//! thread wakes one caller only, who hands the others their answers from within.

use super::interrupted;
use pando_model::engine::{Result, WriteAnswer};
use tokio::sync::oneshot::Sender;

/// A caller's answer, and those that he is to hand on; whatever becomes of him, they are.
pub(super) struct Answered {
    own: Option<Result<WriteAnswer>>,
    others: Vec<(Sender<Answered>, Result<WriteAnswer>)>,
}

impl Answered {
    /// Gives each caller his answer. One that has gone away needs none; his receipt has it.
    pub(super) fn hand_over(mut answers: Vec<(Sender<Answered>, Result<WriteAnswer>)>) {
        while let Some((caller, answer)) = answers.pop() {
            let answered = Answered {
                own: Some(answer),
                others: answers,
            };
            match caller.send(answered) {
                Ok(()) => return,
                Err(mut back) => answers = std::mem::take(&mut back.others),
            }
        }
    }

    /// The caller's own answer; the others are handed theirs.
    pub(super) fn take(mut self) -> Result<WriteAnswer> {
        self.own.take().unwrap_or_else(|| Err(interrupted()))
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        for (caller, answer) in self.others.drain(..) {
            let own = Some(answer);
            // He may have gone away.
            let _ = caller.send(Answered {
                own,
                others: Vec::new(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pando_model::stamp::Position;
    use tokio::sync::oneshot::{Receiver, channel};

    fn answer(p: u64) -> Result<WriteAnswer> {
        let at = Position { timeline: 1, p };
        let answer = p.to_be_bytes().to_vec();
        Ok(WriteAnswer::Done { at, answer })
    }

    /// Callers, and the answers that are handed to them.
    fn handed_over(count: u64) -> Vec<Option<Receiver<Answered>>> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| channel()).unzip();
        Answered::hand_over(senders.into_iter().zip((0..count).map(answer)).collect());
        receivers.into_iter().map(Some).collect()
    }

    fn taken(caller: &mut Option<Receiver<Answered>>) -> Option<Vec<u8>> {
        match caller.take()?.try_recv().ok()?.take() {
            Ok(WriteAnswer::Done { answer, .. }) => Some(answer),
            _ => None,
        }
    }

    #[test]
    fn each_caller_has_his_own_answer_once_the_one_that_is_woken_has_taken_his() {
        let mut callers = handed_over(5);
        assert_eq!(taken(&mut callers[4]), Some(4_u64.to_be_bytes().to_vec()));
        for (place, caller) in callers[..4].iter_mut().enumerate() {
            let own = (place as u64).to_be_bytes().to_vec();
            assert_eq!(taken(caller), Some(own));
        }
    }

    #[test]
    fn callers_that_go_away_keep_no_answer_from_the_others() {
        let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..4).map(|_| channel()).unzip();
        // Before they are answered, and behind it.
        receivers.truncate(3);
        let mut callers: Vec<_> = receivers.into_iter().map(Some).collect();
        Answered::hand_over(senders.into_iter().zip((0..4).map(answer)).collect());
        callers[2] = None;
        for (place, caller) in callers[..2].iter_mut().enumerate() {
            let own = (place as u64).to_be_bytes().to_vec();
            assert_eq!(taken(caller), Some(own));
        }
    }
}
