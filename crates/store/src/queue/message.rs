//! A message, and its rows in the log and among what waits for its time.

use super::Lane;
use super::relation::{LANE, LOG, QUEUE, later, log};
use super::row::text;
use bytes::Bytes;
use pando_model::plan::Row;
use pando_model::schema::ColumnIx;
use pando_model::value::Value;

/// What a message is for whoever leases it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: i64,
    /// The bytes.
    pub body: Bytes,
    /// What they were sent as.
    pub content_type: String,
    /// What else is said of it, a JSON object: the attributes of a CloudEvent.
    pub attributes: Option<String>,
    /// Its priority; the highest comes first.
    pub priority: u8,
    /// Messages of one key are leased one at a time, in order.
    pub ordering_key: Option<String>,
    /// When it was published: microseconds since 1970.
    pub published_at_us: i64,
}

/// Where a message is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub rank: i64,
    pub position: i64,
    pub place: i64,
}

/// The columns of the log that make a message, behind its spot.
pub(super) const MESSAGE: [ColumnIx; 9] = [
    log::RANK,
    log::POSITION,
    log::PLACE,
    log::ID,
    log::BODY,
    log::CONTENT_TYPE,
    log::ATTRIBUTES,
    log::ORDERING_KEY,
    log::PUBLISHED_AT,
];

impl Spot {
    /// Rank, position and place.
    pub(super) fn key(self) -> Row {
        [self.rank, self.position, self.place]
            .map(Value::Int)
            .to_vec()
    }
}

impl Message {
    /// The row of the log. Its position is the engine's to give.
    pub(super) fn into_row(self, lane: &Lane, place: i64) -> Row {
        let mut row = Vec::with_capacity(LOG.columns.len());
        row.extend(lane.key());
        row.extend([rank_of(self.priority), 0, place, self.id].map(Value::Int));
        row.extend(self.into_content());
        row
    }

    /// The row of what waits for its time.
    pub(super) fn into_later_row(self, lane: &Lane, due_us: i64) -> Row {
        let mut row = lane.key();
        row.push(Value::Timestamp(due_us));
        row.extend([self.id, rank_of(self.priority)].map(Value::Int));
        row.extend(self.into_content());
        row
    }

    fn into_content(self) -> [Value; 5] {
        let optional = |text: Option<String>| text.map_or(Value::Null, Value::Text);
        [
            Value::Bytes(self.body.into()),
            Value::Text(self.content_type),
            optional(self.attributes),
            optional(self.ordering_key),
            Value::Timestamp(self.published_at_us),
        ]
    }

    /// Reads the columns [`MESSAGE`].
    pub(super) fn read(row: &[Value]) -> Option<(Spot, Message)> {
        let [
            Value::Int(rank),
            Value::Int(position),
            Value::Int(place),
            Value::Int(id),
            Value::Bytes(body),
            Value::Text(content_type),
            attributes,
            ordering_key,
            Value::Timestamp(published_at_us),
        ] = row
        else {
            return None;
        };
        let spot = Spot {
            rank: *rank,
            position: *position,
            place: *place,
        };
        let message = Message {
            id: *id,
            body: body.clone().into(),
            content_type: content_type.clone(),
            attributes: text(attributes),
            priority: priority_of(*rank),
            ordering_key: text(ordering_key),
            published_at_us: *published_at_us,
        };
        Some((spot, message))
    }
}

/// What becomes the message's row in the log, of a row of what waits for its time.
pub(super) fn from_later(row: &[Value], place: i64) -> Row {
    let mut moved = vec![row[QUEUE].clone(), row[LANE].clone()];
    moved.extend([row[later::RANK].clone(), Value::Int(0), Value::Int(place)]);
    moved.push(row[later::ID].clone());
    moved.extend_from_slice(&row[later::BODY..later::COLUMNS]);
    moved
}

/// Lower comes first.
pub(super) fn rank_of(priority: u8) -> i64 {
    -i64::from(priority)
}

pub(super) fn priority_of(rank: i64) -> u8 {
    u8::try_from(-rank).unwrap_or(0)
}
