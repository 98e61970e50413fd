//! Where a key lies in Redis.
//!
//! `pando{TAG}r…` is the record of a key, `pando{TAG}l…` its lease. The tag is a hash of the key:
//! what stands between the braces is all that a cluster places by, so both lie on one node, where
//! one script sees them; and as the key itself, which may hold braces, is not asked, keys are
//! spread evenly. A long key is named by its BLAKE3, and by its beginning for people.

use std::fmt::Write;
use xxhash_rust::xxh3::xxh3_64;

/// The two names of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) record: Vec<u8>,
    pub(crate) lease: Vec<u8>,
}

/// Names are kept in memory by Redis, one for each record.
const KEY_BYTES_MAX: usize = 256;
/// Enough to see which collection it is of.
const KEY_BYTES_SHOWN: usize = 96;

impl Place {
    pub(crate) fn of(key: &[u8]) -> Place {
        // Four bytes of it are enough to spread keys over 16,384 slots.
        let tag = xxh3_64(key) as u32;
        let name = |kind: char| {
            let mut name = String::new();
            // Into a string nothing fails.
            let _ = write!(name, "pando{{{tag:08x}}}{kind}");
            let mut name = name.into_bytes();
            if key.len() <= KEY_BYTES_MAX {
                name.push(b'=');
                name.extend_from_slice(key);
            } else {
                name.push(b'#');
                name.extend_from_slice(blake3::hash(key).as_bytes());
                name.extend_from_slice(&key[..KEY_BYTES_SHOWN]);
            }
            name
        };
        Place {
            record: name('r'),
            lease: name('l'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_and_its_lease_have_one_tag_whatever_the_key_holds() {
        for key in [&b""[..], b"a}b{", b"{", b"\0\xff", &[b'}'; 1_000]] {
            let place = Place::of(key);
            assert_ne!(place.record, place.lease);
            let tag = |name: &[u8]| name[..15].to_vec();
            assert_eq!(tag(&place.record), tag(&place.lease));
            assert_eq!((place.record[5], place.record[14]), (b'{', b'}'));
        }
    }

    #[test]
    fn long_keys_are_told_apart_by_their_end_too_and_none_is_named_as_a_short_one() {
        let long = |end: u8| {
            let mut key = vec![b'k'; 5_000];
            key.push(end);
            key
        };
        let (one, other) = (Place::of(&long(1)), Place::of(&long(2)));
        assert_ne!(one.record[15..], other.record[15..]);
        assert!(one.record.len() < 200, "{}", one.record.len());
        let short = Place::of(&one.record[17..]);
        assert_ne!(short.record[15..], one.record[15..]);
    }
}
