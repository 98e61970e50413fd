//! How steps are taken: in order, each seeing what those before it did.

use crate::engine::{Outcome, Step};
use crate::error::Refusal;
use std::vec::IntoIter;

/// Takes steps; their outcomes. `carry_out` is given changes and reads. What a step decides
/// comes before the steps behind it, without recursion: a search may decide ten thousand
/// times what to read next. Only groups recur, as deep as they were written.
pub fn take<E: From<Refusal>>(
    steps: &[Step],
    carry_out: &mut dyn FnMut(&Step) -> Result<Outcome, E>,
) -> Result<Vec<Outcome>, E> {
    let mut outcomes = Vec::with_capacity(steps.len());
    let mut given = steps.iter();
    let mut decided: Vec<IntoIter<Step>> = Vec::new();
    loop {
        let next;
        let step = match decided.last_mut() {
            Some(steps) => match steps.next() {
                Some(step) => {
                    next = step;
                    &next
                }
                None => {
                    decided.pop();
                    continue;
                }
            },
            None => match given.next() {
                Some(step) => step,
                None => return Ok(outcomes),
            },
        };
        let outcome = match step {
            Step::Change(_) | Step::Read { .. } => carry_out(step)?,
            Step::Decide(decide) => {
                let steps = decide(&outcomes)?;
                decided.pop_if(|left| left.len() == 0);
                decided.push(steps.into_iter());
                continue;
            }
            Step::Group(steps) => Outcome {
                group: take(steps, carry_out)?,
                ..Outcome::default()
            },
        };
        outcomes.push(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decides so many times more.
    fn chain(left: u32) -> Step {
        Step::decide(move |_| {
            Ok(match left {
                0 => vec![Step::Group(Vec::new())],
                _ => vec![chain(left - 1)],
            })
        })
    }

    #[test]
    fn a_long_chain_of_decisions_needs_no_stack() {
        let taken = take::<Refusal>(&[chain(200_000)], &mut |_| Ok(Outcome::default()));
        assert_eq!(taken.map(|outcomes| outcomes.len()), Ok(1));
    }

    #[test]
    fn what_is_decided_comes_before_what_is_left() {
        let seen = |at: usize| {
            Step::decide(move |outcomes| {
                assert_eq!(outcomes.len(), at);
                Ok(vec![Step::Group(Vec::new())])
            })
        };
        let first = Step::decide(move |_| Ok(vec![seen(0), seen(1)]));
        let steps = [first, seen(2), Step::Group(vec![seen(0)]), seen(4)];
        let taken = take::<Refusal>(&steps, &mut |_| Ok(Outcome::default()));
        assert_eq!(taken.map(|outcomes| outcomes.len()), Ok(5));
    }
}
