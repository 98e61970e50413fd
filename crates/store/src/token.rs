//! Stamp tokens: what `Pando-Stamp` holds. Opaque and authenticated
//! ([`crate::seal`]).
//!
//! In bytes, all numbers as LEB128: the slot map's version, 1 if strong, the
//! number of positions, and for each shard, timeline, `p`; shards ascending.

use pando_model::stamp::Position;

/// Bytes of a sealed token's text at most: what fits a header and a cookie.
pub const TEXT_MAX: usize = 2_048;

/// The stamps of what a caller has written and seen, merged by maximum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// The version of the slot map that the caller's answers were made with.
    pub map_version: u64,
    /// By shard number, ascending; one shard has number 0.
    pub positions: Vec<(u32, Position)>,
    /// The caller has seen more shards than a token holds: only owners may answer.
    pub strong: bool,
}

impl Token {
    /// The token of an answer by one shard.
    pub fn of(shard: u32, position: Position) -> Token {
        Token {
            map_version: 0,
            positions: vec![(shard, position)],
            strong: false,
        }
    }

    /// What the caller requires of a shard.
    pub fn position(&self, shard: u32) -> Option<Position> {
        self.positions
            .iter()
            .find(|(known, _)| *known == shard)
            .map(|(_, position)| *position)
    }

    /// Takes in another token: for each shard the greater position.
    pub fn merge(&mut self, other: &Token) {
        self.map_version = self.map_version.max(other.map_version);
        self.strong |= other.strong;
        for (shard, position) in &other.positions {
            match self
                .positions
                .binary_search_by_key(shard, |(known, _)| *known)
            {
                Ok(at) => self.positions[at].1 = self.positions[at].1.max(*position),
                Err(at) => self.positions.insert(at, (*shard, *position)),
            }
        }
    }

    /// Its bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.positions.len() * 12);
        put(&mut out, self.map_version);
        put(&mut out, u64::from(self.strong));
        put(&mut out, self.positions.len() as u64);
        for (shard, position) in &self.positions {
            put(&mut out, u64::from(*shard));
            put(&mut out, u64::from(position.timeline));
            put(&mut out, position.p);
        }
        out
    }

    /// What [`Token::encode`] wrote; `None` for other bytes.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Token> {
        let input = &mut bytes;
        let map_version = take(input)?;
        let strong = match take(input)? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let count = usize::try_from(take(input)?).ok()?;
        if count > input.len() {
            return None;
        }
        let mut positions: Vec<(u32, Position)> = Vec::with_capacity(count);
        for _ in 0..count {
            let shard = u32::try_from(take(input)?).ok()?;
            let timeline = u32::try_from(take(input)?).ok()?;
            let p = take(input)?;
            if positions.last().is_some_and(|(last, _)| *last >= shard) {
                return None;
            }
            positions.push((shard, Position { timeline, p }));
        }
        input.is_empty().then_some(Token {
            map_version,
            positions,
            strong,
        })
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
