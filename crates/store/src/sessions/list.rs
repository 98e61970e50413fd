//! A user's sessions, oldest first.

use super::record::{COLUMNS, Record};
use super::relation::{GENERATION, ID, SESSIONS};
use super::token::Place;
use super::{alive, generation, of_user, read_mark};
use crate::kv::check_name;
use crate::operation::{Operation, Reach};
use crate::refused;
use crate::relation::{compare, equals, rows_of, select, tree};
use crate::store::Store;
use pando_model::engine::Step;
use pando_model::error::Refusal;
use pando_model::plan::{Comparison, Filter, Order, OrderBy, Scalar};
use pando_model::value::Value;

/// A page of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionList {
    /// The sessions, by id: in the order in which they were made.
    pub sessions: Vec<Record>,
    /// Where the next page begins, where there is one.
    pub cursor: Option<String>,
    /// Whether `max_rows` cut it.
    pub truncated: bool,
}

impl Store {
    /// Lists the sessions of a user that have not ended.
    pub fn session_list(
        &self,
        user: &str,
        limit: Option<u64>,
        cursor: Option<&str>,
    ) -> Result<Operation<SessionList>, Refusal> {
        check_name("user", user)?;
        let behind = match cursor {
            Some(cursor) => Some(self.open_list_cursor("sessions", user, cursor)?),
            None => None,
        };
        let behind: Option<i64> = match behind.map(|text| text.parse()).transpose() {
            Ok(behind) => behind,
            Err(_) => return Err(refused::malformed("the cursor is none of this list's")),
        };
        let max_rows = self.config().max_rows;
        let most = limit.unwrap_or(max_rows).min(max_rows);
        let capped = limit.is_none_or(|limit| limit > max_rows);
        let now_us = self.clock().now_us();
        let own = of_user(user);
        let page = Step::decide(move |outcomes| {
            let mut conditions = vec![own.clone(), alive(now_us)];
            conditions.push(equals(GENERATION, Value::Int(generation(outcomes.first()))));
            conditions.extend(behind.map(|id| compare(ID, Comparison::Gt, Value::Int(id))));
            let mut page = select(&SESSIONS, &COLUMNS, Filter::And(conditions));
            page.order = vec![Order {
                by: OrderBy::Scalar(Scalar::Column(ID)),
                descending: false,
                nulls_first: false,
            }];
            // One more than is listed tells whether there is another page.
            page.limit = Some(most.saturating_add(1));
            Ok(vec![Step::read(tree(page))])
        });
        let seal = self.list_cursors("sessions", user);
        let reach = Reach::Slot(Place::of_user(user).slot());
        Ok(Operation::reading(
            reach,
            vec![read_mark(), page],
            move |outcomes| {
                let rows = outcomes.get(1).map_or(&[][..], rows_of);
                let more = rows.len() as u64 > most;
                let kept = usize::try_from(most).unwrap_or(usize::MAX);
                let sessions: Vec<_> = rows.iter().take(kept).filter_map(Record::of).collect();
                let last = sessions.last().filter(|_| more);
                let cursor = last.map(|last| seal(&last.id.to_string()));
                Ok(SessionList {
                    sessions,
                    cursor,
                    truncated: more && capped,
                })
            },
        ))
    }
}
