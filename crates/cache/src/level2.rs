//! What a record of the second level ([`pando_model::level2`]) says, as bytes.
//!
//! The process that takes a record compares it with its own floors and with what its own follower
//! consumed ([`Cache::take`](crate::Cache::take)), as it does with a slow read of its own.

use crate::entry::{Times, Value};
use crate::tag::Tag;
use bytes::{Buf, BufMut, Bytes};
use pando_model::level2::Record;
use pando_model::stamp::Position;
use xxhash_rust::xxh3::xxh3_64;

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shared {
    pub(crate) value: Value,
    pub(crate) low: Position,
    pub(crate) high: Position,
    pub(crate) tags: Vec<Tag>,
    pub(crate) times: Times,
}

/// Goes up with every change of the form, or of how tags are hashed.
const FORM: u8 = 1;
/// The form, two positions, five times, whether there is something, and how many tags.
const HEAD_BYTES: usize = 1 + 2 * 12 + 5 * 8 + 1 + 4;
const SUM_BYTES: usize = 8;

impl Shared {
    /// Little-endian, in the order of [`HEAD_BYTES`]; then tags, the value, and XXH3 of it all.
    pub(crate) fn encode(&self) -> Record {
        let value = match &self.value {
            Value::Found(bytes) => bytes,
            Value::Absent => &Bytes::new(),
        };
        let mut body =
            Vec::with_capacity(HEAD_BYTES + self.tags.len() * 8 + value.len() + SUM_BYTES);
        body.put_u8(FORM);
        for position in [self.low, self.high] {
            body.put_u32_le(position.timeline);
            body.put_u64_le(position.p);
        }
        let times = &self.times;
        for time in [
            times.filled_at_us,
            times.load_us,
            times.fresh_until_us,
            times.stale_until_us,
            times.error_until_us,
        ] {
            body.put_i64_le(time);
        }
        body.put_u8(u8::from(self.value != Value::Absent));
        // No entry has more than a thousand.
        body.put_u32_le(u32::try_from(self.tags.len()).unwrap_or(u32::MAX));
        for tag in &self.tags {
            body.put_u64_le(tag.number());
        }
        body.put_slice(value);
        body.put_u64_le(xxh3_64(&body));
        Record {
            at: self.low,
            body: body.into(),
        }
    }

    /// `None` where it is of another form, or damaged: it is as if nothing lay there.
    pub(crate) fn decode(record: &Record) -> Option<Shared> {
        let mut body = record.body.clone();
        let mut sum = body.split_off(body.len().checked_sub(SUM_BYTES)?);
        if sum.get_u64_le() != xxh3_64(&body) || body.len() < HEAD_BYTES || body.get_u8() != FORM {
            return None;
        }
        let mut position = || Position {
            timeline: body.get_u32_le(),
            p: body.get_u64_le(),
        };
        let (low, high) = (position(), position());
        let times = Times {
            filled_at_us: body.get_i64_le(),
            load_us: body.get_i64_le(),
            fresh_until_us: body.get_i64_le(),
            stale_until_us: body.get_i64_le(),
            error_until_us: body.get_i64_le(),
        };
        let is_found = body.get_u8() == 1;
        let tags = body.get_u32_le() as usize;
        if body.len() / 8 < tags || low != record.at {
            return None;
        }
        let tags = (0..tags)
            .map(|_| Tag::numbered(body.get_u64_le()))
            .collect();
        let value = match is_found {
            true => Value::Found(body),
            false => Value::Absent,
        };
        Some(Shared {
            value,
            low,
            high,
            tags,
            times,
        })
    }
}

#[cfg(test)]
mod tests;
