//! Sessions that begin, and tokens that take the place of others.

use super::config::micros;
use super::record::{COLUMNS, Record};
use super::relation::{EXPIRES_AT, GENERATION, HASH, ID, PLACE, SEEN_AT, SESSIONS};
use super::token::{Place, Token};
use super::{
    alive, delete, found, generation, key, merged, of_user, reach, read, read_mark, too_large,
};
use crate::kv::check_name;
use crate::operation::{Operation, Reach};
use crate::refused;
use crate::relation::{equals, rows_of, select, tree};
use crate::session::Result;
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::json::{self, Node};
use pando_model::plan::{Change, Filter, Insert, Row};
use pando_model::value::Value;
use std::sync::Arc;
use std::time::Duration;

/// A session that is to begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begin {
    /// Whose it is, who has just shown who they are; `None` for somebody who is not known yet.
    pub user: Option<String>,
    /// What is kept in it: a JSON object; `None` for an empty one.
    pub data: Option<String>,
    /// How long it lives without being used.
    pub idle: Option<Duration>,
    /// How long it lives in all.
    pub absolute: Option<Duration>,
    /// The session that was there before in its place, and ends with this.
    pub instead_of: Option<Token>,
}

/// How a session changes when it gets another token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotate {
    /// Who has just shown, for the first time or again, who they are. The session's absolute time
    /// begins anew; without it, it goes on.
    pub user: Option<String>,
    /// A merge patch (RFC 7396) of its data.
    pub data: Option<String>,
    /// How long it lives without being used, from now on.
    pub idle: Option<Duration>,
    /// How long it lives in all, from now on; with a user only.
    pub absolute: Option<Duration>,
}

impl Store {
    /// Begins a session, and gives the token that it will have.
    pub async fn session_begin(&self, begin: Begin) -> Result<(Operation<Record>, Token)> {
        if let Some(user) = &begin.user {
            check_name("user", user)?;
        }
        let now_us = self.clock().now_us();
        let id = self.new_version().await?;
        let (idle_us, absolute_us) = self.session_times(begin.idle, begin.absolute)?;
        let record = Record {
            id,
            data: self.session_data(begin.data.as_deref())?,
            version: id,
            created_at_us: now_us,
            authenticated_at_us: begin.user.as_ref().map(|_| now_us),
            seen_at_us: now_us,
            idle_us,
            absolute_at_us: now_us.saturating_add(absolute_us),
            generation: 0,
            user: begin.user,
        };
        let token = Token::new(record.place())?;
        let mut steps = vec![read_mark()];
        steps.extend(record.user.as_deref().map(read_others));
        let per_user_max = self.config().sessions.per_user_max;
        let (own, planned, before) = (token.clone(), record.clone(), begin.instead_of);
        let reached = reach(&token).and(before.as_ref().map_or(Reach::Nothing, reach));
        steps.push(Step::decide(move |outcomes| {
            let now = generation(outcomes.first());
            let mut record = planned.clone();
            record.generation = now;
            let rows = outcomes.get(1).map_or(&[][..], rows_of);
            let mut gone = surplus(rows, now, now_us, per_user_max, before.as_ref());
            gone.extend(before.as_ref().map(key));
            Ok(replaced(gone, record.row(&own)))
        }));
        // Of nobody's the place is another each time; a receipt has to be found again.
        let reach = match &record.user {
            Some(_) => reached,
            None => Reach::Many,
        };
        let begun = move |_| Ok(record.clone());
        Ok((Operation::writing(reach, steps, begun), token))
    }

    /// Gives a session another token, and gives that; its old one is none any more. `None` where
    /// there is no such session. Refused (`conflict`) if it is another user's.
    pub async fn session_rotate(
        &self,
        token: &Token,
        rotate: Rotate,
    ) -> Result<(Operation<Option<Record>>, Token)> {
        if let Some(user) = &rotate.user {
            check_name("user", user)?;
        }
        let patch = rotate.data.as_deref();
        if let Some(patch) = patch {
            json::check_merge_patch(patch).map_err(|error| crate::docs::unpatched(&error))?;
        }
        let now_us = self.clock().now_us();
        let version = self.new_version().await?;
        let (_, absolute_us) = self.session_times(rotate.idle, rotate.absolute)?;
        let limits = self.config().sessions.patch_limits();
        let per_user_max = self.config().sessions.per_user_max;
        let new = match &rotate.user {
            Some(user) => Token::new(Place::of_user(user))?,
            None => Token::new(token.place())?,
        };
        let mut steps = read(token, now_us);
        steps.extend(rotate.user.as_deref().map(read_others));
        let rotated = move |outcomes: &[Outcome]| -> std::result::Result<_, Refusal> {
            let Some(mut record) = found(outcomes) else {
                return Ok(None);
            };
            if let Some(user) = &rotate.user {
                if record.user.as_ref().is_some_and(|own| own != user) {
                    return Err(of_another());
                }
                record.user = Some(user.clone());
                record.authenticated_at_us = Some(now_us);
                record.absolute_at_us = now_us.saturating_add(absolute_us);
            }
            if let Some(idle) = rotate.idle {
                record.idle_us = micros(idle);
            }
            if let Some(patch) = &rotate.data {
                record.data = merged(&record.data, patch, &limits)?;
            }
            record.version = version;
            record.seen_at_us = now_us;
            Ok(Some(record))
        };
        let rotated = Arc::new(rotated);
        let (old, own, decided) = (token.clone(), new.clone(), Arc::clone(&rotated));
        steps.push(Step::decide(move |outcomes| {
            let Some(record) = decided(outcomes)? else {
                return Ok(Vec::new());
            };
            let rows = outcomes.get(2).map_or(&[][..], rows_of);
            let now = record.generation;
            let mut gone = surplus(rows, now, now_us, per_user_max, Some(&old));
            gone.push(key(&old));
            Ok(replaced(gone, record.row(&own)))
        }));
        let reach = reach(token).and(Reach::Slot(new.place().slot()));
        let rotated = move |outcomes: Vec<Outcome>| rotated(&outcomes);
        Ok((Operation::writing(reach, steps, rotated), new))
    }

    /// Gives a session whose token did not arrive another one, and nothing else of it changes.
    /// It is named by its user and its id; `None` where it has ended.
    pub fn session_rekey(
        &self,
        user: Option<&str>,
        id: i64,
    ) -> Result<(Operation<Option<Record>>, Token)> {
        let place = Place::of(user, id);
        let new = Token::new(place)?;
        let own = Filter::And(vec![
            equals(PLACE, place.value()),
            equals(ID, Value::Int(id)),
        ]);
        let there = Filter::And(vec![own.clone(), alive(self.clock().now_us())]);
        let mut steps = vec![
            Step::read(tree(select(&SESSIONS, &COLUMNS, there))),
            read_mark(),
        ];
        let token = new.clone();
        steps.push(Step::decide(move |outcomes| {
            let record = found(outcomes);
            let again = record.map(|record| replaced(vec![own.clone()], record.row(&token)));
            Ok(again.unwrap_or_default())
        }));
        let rekeyed = |outcomes: Vec<Outcome>| Ok(found(&outcomes));
        Ok((Operation::writing(reach(&new), steps, rekeyed), new))
    }

    /// How long a session lives, unused and in all, in microseconds.
    fn session_times(
        &self,
        idle: Option<Duration>,
        absolute: Option<Duration>,
    ) -> std::result::Result<(i64, i64), Refusal> {
        let config = &self.config().sessions;
        let (idle, absolute) = (
            idle.unwrap_or(config.idle),
            absolute.unwrap_or(config.absolute),
        );
        for (what, time) in [("idle", idle), ("absolute", absolute)] {
            if time.is_zero() || time > config.absolute_max {
                let most = config.absolute_max.as_secs();
                let message = format!("{what} is more than nothing and {most}s at most");
                return Err(refused::unprocessable(message)
                    .hint("[sessions] max_absolute says how long a session may live."));
            }
        }
        Ok((micros(idle), micros(absolute)))
    }

    /// What is kept in a new session.
    fn session_data(&self, data: Option<&str>) -> std::result::Result<String, Refusal> {
        let data = data.unwrap_or("{}");
        let Node::Object(members) = json::parse(data)? else {
            return Err(refused::unprocessable(format!(
                "the data of a session is a JSON object, not {}",
                json::with_article(json::type_of(data))
            )));
        };
        let text = Node::Object(members).to_text();
        let bytes_max = self.config().sessions.data_bytes_max;
        match text.len() > bytes_max {
            true => Err(too_large(bytes_max)),
            false => Ok(text),
        }
    }
}

/// Reads what has to be known of a user's sessions when one more begins.
fn read_others(user: &str) -> Step {
    let columns = [HASH, SEEN_AT, EXPIRES_AT, GENERATION, PLACE];
    Step::read(tree(select(&SESSIONS, &columns, of_user(user))))
}

/// Of the rows that [`read_others`] has found, those that go: what has ended, and what was not
/// used for longest, so that there is room for one more. `instead_of` goes anyway.
fn surplus(
    rows: &[Row],
    generation: i64,
    now_us: i64,
    per_user_max: usize,
    instead_of: Option<&Token>,
) -> Vec<Filter> {
    let old = instead_of.map(Token::hash);
    let mut gone = Vec::new();
    let mut alive = Vec::new();
    for row in rows {
        let [
            hash,
            Value::Timestamp(seen_at),
            Value::Timestamp(expires_at),
            Value::Int(own),
            place,
        ] = row.as_slice()
        else {
            continue;
        };
        if old.as_ref() == Some(hash) {
            continue;
        }
        let key = Filter::And(vec![
            equals(PLACE, place.clone()),
            equals(HASH, hash.clone()),
        ]);
        match *expires_at > now_us && *own == generation {
            true => alive.push((*seen_at, key)),
            false => gone.push(key),
        }
    }
    let room = per_user_max.saturating_sub(1);
    let many = alive.len().saturating_sub(room);
    alive.sort_by_key(|(seen_at, _)| *seen_at);
    gone.extend(alive.into_iter().take(many).map(|(_, key)| key));
    gone
}

/// Rows that go, and one that comes.
fn replaced(gone: Vec<Filter>, row: Row) -> Vec<Step> {
    let mut steps: Vec<Step> = gone.into_iter().map(delete).collect();
    steps.push(Step::from(Change::Insert(Insert {
        table: Arc::clone(&SESSIONS),
        rows: vec![row],
        conflict: None,
        returning: None,
    })));
    steps
}

fn of_another() -> Refusal {
    refused::conflict("the session is another user's")
        .hint("End it, and begin a new one: POST /sessions/v1.")
}
