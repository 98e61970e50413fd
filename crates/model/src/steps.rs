//! How steps are taken: in order, each seeing what those before it did.

use crate::engine::{Outcome, Step};
use crate::error::Refusal;
use std::vec::IntoIter;

/// Carries a run of steps out, and adds an outcome for each.
pub type CarryRun<'c, E> = dyn FnMut(&[Step], &mut Vec<Outcome>) -> Result<(), E> + 'c;

/// Takes steps; their outcomes. `carry_out` is given changes and reads. What a step decides
/// comes before the steps behind it, without recursion: a search may decide ten thousand
/// times what to read next. Only groups recur, as deep as they were written.
pub fn take<E: From<Refusal>>(
    steps: &[Step],
    carry_out: &mut dyn FnMut(&Step) -> Result<Outcome, E>,
) -> Result<Vec<Outcome>, E> {
    take_in_runs(steps, &mut |run, outcomes| {
        for step in run {
            outcomes.push(carry_out(step)?);
        }
        Ok(())
    })
}

/// The same, where `carry_out` is given reads that stand one behind the other all at once: none of
/// them looks at what another has found.
pub fn take_in_runs<E: From<Refusal>>(
    steps: &[Step],
    carry_out: &mut CarryRun<'_, E>,
) -> Result<Vec<Outcome>, E> {
    let mut outcomes = Vec::with_capacity(steps.len());
    let mut given = steps;
    let mut decided: Vec<IntoIter<Step>> = Vec::new();
    loop {
        let (is_given, left) = match decided.last() {
            Some(decided) => (false, decided.as_slice()),
            None => (true, given),
        };
        let taken = match left.first() {
            None if is_given => return Ok(outcomes),
            None => {
                decided.pop();
                continue;
            }
            Some(Step::Decide(decide)) => {
                let steps = decide(&outcomes)?;
                pass(&mut given, &mut decided, 1);
                decided.pop_if(|left| left.len() == 0);
                decided.push(steps.into_iter());
                continue;
            }
            Some(Step::Group(steps)) => {
                outcomes.push(Outcome {
                    group: take_in_runs(steps, carry_out)?,
                    ..Outcome::default()
                });
                1
            }
            Some(Step::Change(_)) => {
                carry_out(&left[..1], &mut outcomes)?;
                1
            }
            Some(Step::Read { .. }) => {
                let is_read = |step: &&Step| matches!(step, Step::Read { .. });
                let reads = left.iter().take_while(is_read).count();
                carry_out(&left[..reads], &mut outcomes)?;
                reads
            }
        };
        pass(&mut given, &mut decided, taken);
    }
}

/// Goes on behind steps that were taken.
fn pass(given: &mut &[Step], decided: &mut [IntoIter<Step>], count: usize) {
    match decided.last_mut() {
        Some(decided) => {
            decided.nth(count - 1);
        }
        None => *given = &given[count..],
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
