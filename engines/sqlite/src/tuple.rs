//! Tuples as single values, so that a list of them is one parameter, however long: what
//! `rarray` hands out for each is taken apart again by `pando_part(tuple, place)`.
//!
//! A part is a byte for its kind, its length (4 bytes, little-endian), and its bytes. Tuples
//! live as long as their statement; nothing of the form is stored.

use crate::cell::Param;
use crate::fault::Fault;
use rusqlite::functions::Context;
use rusqlite::types::Value as Owned;

/// A tuple of cells.
pub(crate) fn pack<'p>(parts: impl IntoIterator<Item = Param<'p>>) -> Owned {
    let mut packed = Vec::new();
    for part in parts {
        let (kind, bytes) = match part.into_owned() {
            Owned::Null => (0, Vec::new()),
            Owned::Integer(number) => (1, number.to_le_bytes().to_vec()),
            Owned::Real(number) => (2, number.to_le_bytes().to_vec()),
            Owned::Text(text) => (3, text.into_bytes()),
            Owned::Blob(bytes) => (4, bytes),
        };
        packed.push(kind);
        packed.extend((bytes.len() as u32).to_le_bytes());
        packed.extend(bytes);
    }
    Owned::Blob(packed)
}

/// `pando_part(tuple, place)`.
pub(crate) fn part(context: &Context<'_>) -> Result<Owned, Fault> {
    let place = context.get::<i64>(1)?;
    let tuple = context.get_raw(0).as_blob().unwrap_or_default();
    part_of(tuple, place)
        .ok_or_else(|| Fault::Sqlite(rusqlite::Error::UserFunctionError("malformed tuple".into())))
}

fn part_of(mut tuple: &[u8], place: i64) -> Option<Owned> {
    for _ in 0..place {
        tuple = split(tuple)?.2;
    }
    let (kind, bytes, _) = split(tuple)?;
    Some(match kind {
        0 => Owned::Null,
        1 => Owned::Integer(i64::from_le_bytes(bytes.try_into().ok()?)),
        2 => Owned::Real(f64::from_le_bytes(bytes.try_into().ok()?)),
        3 => Owned::Text(String::from_utf8(bytes.to_vec()).ok()?),
        _ => Owned::Blob(bytes.to_vec()),
    })
}

/// The first part's kind and bytes, and what is behind it.
fn split(tuple: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = tuple.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (bytes, rest) = rest.split_at_checked(length)?;
    Some((*kind, bytes, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn a_tuple_gives_back_its_parts_and_nothing_behind_them() {
        let parts = [
            Param::Null,
            Param::Int(-7),
            Param::Real(0.5),
            Param::Text(Cow::Borrowed("é\0")),
            Param::Text(Cow::Borrowed("")),
            Param::Blob(Cow::Borrowed(&[0, 255])),
        ];
        let Owned::Blob(packed) = pack(parts.clone()) else {
            panic!("not packed");
        };
        for (place, part) in (0..).zip(parts) {
            assert_eq!(part_of(&packed, place), Some(part.into_owned()));
        }
        assert_eq!(part_of(&packed, 6), None);
        assert_eq!(part_of(&packed[..packed.len() - 1], 5), None);
        assert_eq!(part_of(&[], 0), None);
    }
}
