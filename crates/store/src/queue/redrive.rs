//! Giving the dead another chance.

use super::ack::keys_of;
use super::cursor;
use super::keys;
use super::relation::{OUT, out};
use super::row::{COLUMNS, Out, State, out_of, outs, put_out};
use super::{DEFAULT_GROUP, Lane, check_key};
use crate::operation::Operation;
use crate::refused;
use crate::relation::{equals, rows_of, select, tree};
use crate::session::Result;
use crate::store::Store;
use pando_model::engine::Step;
use pando_model::plan::Filter;
use std::collections::HashSet;

/// Dead letters that one request gives another chance.
const REDRIVEN_MAX: u64 = 10_000;

/// What a redrive did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// So many dead letters can be leased again.
    pub redriven: u64,
    /// Whether there may be more.
    pub more: bool,
}

impl Store {
    /// Gives dead letters of a group another chance: those of `ids`, or as many as one write
    /// takes. They have all their attempts again.
    pub fn queue_redrive(
        &self,
        queue: &str,
        group: Option<&str>,
        ids: Option<Vec<i64>>,
    ) -> Result<Operation<Redriven>> {
        let lane = Lane::of(queue)?;
        let group = group.unwrap_or(DEFAULT_GROUP).to_owned();
        check_key("a group", &group)?;
        let now_us = self.clock().now_us();
        let mut filters = match &ids {
            Some(ids) if ids.is_empty() || ids.len() as u64 > REDRIVEN_MAX => {
                let message = format!("there are 1 to {REDRIVEN_MAX} ids, not {}", ids.len());
                return Err(refused::malformed(message).into());
            }
            Some(ids) => vec![out_of(&lane, &group, ids.iter().copied())],
            None => cursor::of_group(&lane, out::GROUP, &group),
        };
        filters.push(equals(out::STATE, State::Dead.value()));
        let mut dead = select(&OUT, &COLUMNS, Filter::And(filters));
        dead.limit = Some(REDRIVEN_MAX);
        let reach = lane.reach();
        let steps = vec![
            Step::read(tree(dead)),
            cursor::read(&lane, &group),
            revived(lane, group, now_us),
        ];
        Ok(Operation::writing(reach, steps, |outcomes| {
            let redriven = outcomes.first().map_or(0, |read| rows_of(read).len()) as u64;
            Ok(Redriven {
                redriven,
                more: redriven == REDRIVEN_MAX,
            })
        }))
    }
}

/// Makes dead letters due again, those of a key one behind the other.
fn revived(lane: Lane, group: String, now_us: i64) -> Step {
    Step::decide(move |outcomes| {
        let dead = outs(outcomes.first());
        let (lane, group) = (lane.clone(), group.clone());
        let mut steps = keys::read(&lane, &group, keys_of(&dead), std::iter::empty());
        steps.push(Step::decide(move |outcomes| {
            let mut dead = outs(outcomes.first());
            dead.sort_by_key(|out| out.spot);
            let due_us = cursor::found(outcomes.get(1)).standing.not_below(now_us);
            let alive = keys::found(outcomes.iter().skip(2)).into_iter();
            let mut busy: HashSet<String> = alive.filter_map(|out| out.ordering_key).collect();
            let each = dead.into_iter().map(|mut out| {
                out.attempt = 0;
                match &out.ordering_key {
                    Some(key) if !busy.insert(key.clone()) => out.held(now_us),
                    _ => out.waiting(due_us, now_us),
                }
            });
            let rows: Vec<Out> = each.collect();
            Ok(put_out(&lane, &group, &rows).into_iter().collect())
        }));
        Ok(steps)
    })
}
