//! A session as it is stored, and its row.

use super::relation::{
    ABSOLUTE_AT, AUTHENTICATED_AT, CREATED_AT, DATA, EXPIRES_AT, GENERATION, HASH, ID, IDLE_US,
    PLACE, SEEN_AT, SESSIONS, USER, VERSION,
};
use super::token::{Place, Token};
use pando_model::plan::Row;
use pando_model::schema::ColumnIx;
use pando_model::value::Value;

/// A session: everything about it but its token, which is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Names it in lists. It stays when the token is rotated, and is not secret.
    pub id: i64,
    /// Whose it is; `None` until somebody logs in.
    pub user: Option<String>,
    /// What the application keeps in it: canonical text of a JSON object.
    pub data: String,
    /// Its version: another one with each change of `data` and each rotation.
    pub version: i64,
    /// When it was made, in microseconds since 1970, as all times here.
    pub created_at_us: i64,
    /// When its user last showed who they are.
    pub authenticated_at_us: Option<i64>,
    /// When it was last used, give or take what touches are held back for.
    pub seen_at_us: i64,
    /// How long it lives without being used.
    pub idle_us: i64,
    /// When it ends, however much it is used.
    pub absolute_at_us: i64,
    /// Which sessions ended together with it, where all were ended.
    pub(super) generation: i64,
}

/// The columns that [`Record::of`] reads, in its order.
pub(super) const COLUMNS: [ColumnIx; 10] = [
    ID,
    USER,
    DATA,
    VERSION,
    CREATED_AT,
    AUTHENTICATED_AT,
    SEEN_AT,
    IDLE_US,
    ABSOLUTE_AT,
    GENERATION,
];

impl Record {
    /// When it ends if it is not used again.
    pub fn expires_at_us(&self) -> i64 {
        self.absolute_at_us
            .min(self.seen_at_us.saturating_add(self.idle_us))
    }

    /// Where it lies.
    pub(super) fn place(&self) -> Place {
        Place::of(self.user.as_deref(), self.id)
    }

    /// Its row, under a token.
    pub(super) fn row(&self, token: &Token) -> Row {
        let mut row = vec![Value::Null; SESSIONS.columns.len()];
        row[PLACE] = token.place().value();
        row[HASH] = token.hash();
        row[ID] = Value::Int(self.id);
        row[USER] = self.user.clone().map_or(Value::Null, Value::Text);
        row[DATA] = Value::Jsonb(self.data.clone());
        row[VERSION] = Value::Int(self.version);
        row[GENERATION] = Value::Int(self.generation);
        row[CREATED_AT] = Value::Timestamp(self.created_at_us);
        row[AUTHENTICATED_AT] = self
            .authenticated_at_us
            .map_or(Value::Null, Value::Timestamp);
        row[SEEN_AT] = Value::Timestamp(self.seen_at_us);
        row[IDLE_US] = Value::Int(self.idle_us);
        row[ABSOLUTE_AT] = Value::Timestamp(self.absolute_at_us);
        row[EXPIRES_AT] = Value::Timestamp(self.expires_at_us());
        row
    }

    /// What a row of [`COLUMNS`] says.
    pub(super) fn of(row: &Row) -> Option<Record> {
        let [
            Value::Int(id),
            user,
            Value::Jsonb(data),
            Value::Int(version),
            Value::Timestamp(created_at_us),
            authenticated_at,
            Value::Timestamp(seen_at_us),
            Value::Int(idle_us),
            Value::Timestamp(absolute_at_us),
            Value::Int(generation),
        ] = row.as_slice()
        else {
            return None;
        };
        Some(Record {
            id: *id,
            user: match user {
                Value::Text(user) => Some(user.clone()),
                _ => None,
            },
            data: data.clone(),
            version: *version,
            created_at_us: *created_at_us,
            authenticated_at_us: match authenticated_at {
                Value::Timestamp(at) => Some(*at),
                _ => None,
            },
            seen_at_us: *seen_at_us,
            idle_us: *idle_us,
            absolute_at_us: *absolute_at_us,
            generation: *generation,
        })
    }
}
