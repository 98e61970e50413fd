//! Sessions of an application's users, as OWASP ASVS 5.0 (chapter 7) asks for them.
//!
//! A session is found by the hash of its token, in the slot of its user ([`relation`]). It ends
//! when it was not used for a while, when its time is up, and when it is ended: by itself, with
//! all of its user's, or with all there are. Whoever asks after that is told that there is none;
//! what has run out is swept away later ([`crate::expiry`]). Nothing else ever removes one.
//!
//! What is here does not know who may do what: the web tier does.

mod begin;
mod config;
mod list;
mod record;
mod relation;
mod token;

pub use begin::{Begin, Rotate};
pub use config::SessionsConfig;
pub use list::SessionList;
pub use record::Record;
pub(crate) use relation::{EXPIRES_AT, MARK, SESSIONS};
pub use token::{TOKEN_PREFIX, Token};

use crate::docs::unpatched;
use crate::kv::{NAME_BYTES_MAX, check_name};
use crate::operation::{Operation, Reach};
use crate::precondition::Precondition;
use crate::refused;
use crate::relation::{compare, equals, rows_of, select, tree};
use crate::session::Result;
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::json::{self, PatchLimits};
use pando_model::plan::{Change, Comparison, Conflict, Delete, Filter, Insert, Update};
use pando_model::value::Value;
use record::COLUMNS;
use relation::{DATA, HASH, ID, PLACE, SEEN_AT, USER, VERSION, mark};
use std::sync::Arc;
use token::Place;

/// Bytes of a user's name at most.
pub const USER_BYTES_MAX: usize = NAME_BYTES_MAX;
/// The only row of [`MARK`].
const ALL: &str = "all";

impl Store {
    /// The session of a token; `None` where there is none, or none any more.
    pub fn session_get(&self, token: &Token) -> Operation<Option<Record>> {
        let now_us = self.clock().now_us();
        Operation::reading(reach(token), read(token, now_us), |outcomes| {
            Ok(found(&outcomes))
        })
    }

    /// Writes down that a session was used, where that is due: so long after the last time that
    /// it was ([`SessionsConfig::touch`]). `None` where it is not.
    pub fn session_touch(&self, token: &Token, found: &Record) -> Option<Operation<bool>> {
        let now_us = self.clock().now_us();
        let due_us = self.config().sessions.held_back_us(found.idle_us);
        if now_us.saturating_sub(found.seen_at_us) < due_us {
            return None;
        }
        let mut touched = found.clone();
        touched.seen_at_us = now_us;
        // Neither what was touched later meanwhile, nor what has ended.
        let filter = Filter::And(vec![
            row(token, now_us),
            compare(SEEN_AT, Comparison::Lt, Value::Timestamp(now_us)),
        ]);
        let touch = update(filter, &touched, Vec::new());
        Some(Operation::writing(reach(token), vec![touch], |outcomes| {
            Ok(outcomes.first().is_some_and(|done| done.affected > 0))
        }))
    }

    /// Changes a session's data by a merge patch (RFC 7396), and answers what is there then;
    /// `None` where there is no such session.
    pub async fn session_patch(
        &self,
        token: &Token,
        patch: &str,
        precondition: Precondition,
    ) -> Result<Operation<Option<Record>>> {
        json::check_merge_patch(patch).map_err(|error| unpatched(&error))?;
        let now_us = self.clock().now_us();
        let version = self.new_version().await?;
        let limits = self.config().sessions.patch_limits();
        let patch: Arc<str> = patch.into();
        let patched = move |outcomes: &[Outcome]| -> std::result::Result<_, Refusal> {
            let Some(mut record) = found(outcomes) else {
                return Ok(None);
            };
            precondition.check(Some(record.version))?;
            record.data = merged(&record.data, &patch, &limits)?;
            record.version = version;
            record.seen_at_us = now_us.max(record.seen_at_us);
            Ok(Some(record))
        };
        let (patched, own) = (Arc::new(patched), token.clone());
        let mut steps = read(token, now_us);
        let decided = Arc::clone(&patched);
        steps.push(Step::decide(move |outcomes| {
            let record = decided(outcomes)?;
            let set = |record: Record| {
                let data = Value::Jsonb(record.data.clone());
                let set = vec![(DATA, data), (VERSION, Value::Int(version))];
                update(row(&own, now_us), &record, set)
            };
            Ok(record.map(set).into_iter().collect())
        }));
        Ok(Operation::writing(reach(token), steps, move |outcomes| {
            patched(&outcomes)
        }))
    }

    /// Ends a session; `false` where there is none.
    pub fn session_end(&self, token: &Token, precondition: Precondition) -> Operation<bool> {
        let own = token.clone();
        let mut steps = read(token, self.clock().now_us());
        steps.push(Step::decide(move |outcomes| {
            let Some(record) = found(outcomes) else {
                return Ok(Vec::new());
            };
            precondition.check(Some(record.version))?;
            Ok(vec![delete(key(&own))])
        }));
        Operation::writing(reach(token), steps, |outcomes| {
            Ok(found(&outcomes).is_some())
        })
    }

    /// Ends one of a user's sessions by its id; `false` where there is none.
    pub fn session_end_one(
        &self,
        user: &str,
        id: i64,
    ) -> std::result::Result<Operation<bool>, Refusal> {
        check_name("user", user)?;
        let now_us = self.clock().now_us();
        let own = Filter::And(vec![of_user(user), equals(ID, Value::Int(id))]);
        let there = Filter::And(vec![own.clone(), alive(now_us)]);
        let steps = vec![
            Step::read(tree(select(&SESSIONS, &COLUMNS, there))),
            read_mark(),
            delete(own),
        ];
        let reach = Reach::Slot(Place::of_user(user).slot());
        Ok(Operation::writing(reach, steps, |outcomes| {
            Ok(found(&outcomes).is_some())
        }))
    }

    /// Ends all sessions of a user, but for the one of an id where one is named.
    pub fn session_end_user(
        &self,
        user: &str,
        except: Option<i64>,
    ) -> std::result::Result<Operation<()>, Refusal> {
        check_name("user", user)?;
        let mut ended = vec![of_user(user)];
        ended.extend(except.map(|id| compare(ID, Comparison::Ne, Value::Int(id))));
        let steps = vec![delete(Filter::And(ended))];
        let reach = Reach::Slot(Place::of_user(user).slot());
        Ok(Operation::writing(reach, steps, |_| Ok(())))
    }

    /// Ends all sessions there are, of everybody: one row is written, however many they are.
    pub fn session_end_all(&self) -> Operation<()> {
        let raise = Step::decide(|outcomes| {
            let next = generation(outcomes.first()).saturating_add(1);
            Ok(vec![Step::from(Change::Insert(Insert {
                table: Arc::clone(&MARK),
                rows: vec![vec![Value::Text(ALL.to_owned()), Value::Int(next)]],
                conflict: Some(Conflict {
                    target: MARK.primary_key.columns.clone(),
                    merge: Some(vec![mark::GENERATION]),
                }),
                returning: None,
            }))])
        });
        Operation::writing(Reach::Many, vec![read_mark(), raise], |_| Ok(()))
    }
}

/// Which slot a session's own row lies in. The mark is as each shard has it.
fn reach(token: &Token) -> Reach {
    Reach::Slot(token.place().slot())
}

/// The row of a token.
fn key(token: &Token) -> Filter {
    Filter::And(vec![
        equals(PLACE, token.place().value()),
        equals(HASH, token.hash()),
    ])
}

/// The same, unless it has run out.
fn row(token: &Token, now_us: i64) -> Filter {
    Filter::And(vec![key(token), alive(now_us)])
}

/// The rows of a user. Places may meet, names do not.
fn of_user(user: &str) -> Filter {
    Filter::And(vec![
        equals(PLACE, Place::of_user(user).value()),
        equals(USER, Value::Text(user.to_owned())),
    ])
}

fn alive(now_us: i64) -> Filter {
    compare(EXPIRES_AT, Comparison::Gt, Value::Timestamp(now_us))
}

/// Reads a session, and which generation counts; [`found`] is what comes of it.
fn read(token: &Token, now_us: i64) -> Vec<Step> {
    let row = select(&SESSIONS, &COLUMNS, row(token, now_us));
    vec![Step::read(tree(row)), read_mark()]
}

fn read_mark() -> Step {
    let own = equals(mark::NAME, Value::Text(ALL.to_owned()));
    Step::read(tree(select(&MARK, &[mark::GENERATION], own)))
}

/// The session that the first step has found, if its generation is the one that the second did.
fn found(outcomes: &[Outcome]) -> Option<Record> {
    let record = Record::of(rows_of(outcomes.first()?).first()?)?;
    (record.generation == generation(outcomes.get(1))).then_some(record)
}

/// What a read of the mark has found.
fn generation(outcome: Option<&Outcome>) -> i64 {
    let row = outcome.and_then(|read| rows_of(read).first());
    match row.map(Vec::as_slice) {
        Some([Value::Int(generation)]) => *generation,
        _ => 0,
    }
}

fn delete(filter: Filter) -> Step {
    Step::from(Change::Delete(Delete {
        table: Arc::clone(&SESSIONS),
        filter,
        max_affected: None,
        returning: None,
    }))
}

/// Sets when a session was used, and more.
fn update(filter: Filter, record: &Record, more: Vec<(usize, Value)>) -> Step {
    let mut set = vec![
        (SEEN_AT, Value::Timestamp(record.seen_at_us)),
        (EXPIRES_AT, Value::Timestamp(record.expires_at_us())),
    ];
    set.extend(more);
    Step::from(Change::Update(Update {
        table: Arc::clone(&SESSIONS),
        filter,
        set,
        max_affected: None,
        returning: None,
    }))
}

fn merged(data: &str, patch: &str, limits: &PatchLimits) -> std::result::Result<String, Refusal> {
    json::merge_patch(data, patch, limits).map_err(|error| match error.kind() {
        json::PatchErrorKind::TooLarge => too_large(limits.bytes_max),
        _ => unpatched(&error),
    })
}

fn too_large(bytes_max: usize) -> Refusal {
    refused::too_large(format!(
        "the data of a session has {bytes_max} bytes of JSON at most"
    ))
    .hint("Keep what is large elsewhere, and its key here; or raise [sessions] max_data.")
}
