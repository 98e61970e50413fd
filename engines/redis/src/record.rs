//! What lies in Redis: the position as twelve bytes that compare as positions do, then the body.

use bytes::Bytes;
use pando_model::level2::Record;
use pando_model::stamp::Position;

/// The timeline and `p`, big-endian. The scripts know this number.
pub(crate) const POSITION_BYTES: usize = 12;

pub(crate) fn position(at: Position) -> [u8; POSITION_BYTES] {
    let mut bytes = [0; POSITION_BYTES];
    bytes[..4].copy_from_slice(&at.timeline.to_be_bytes());
    bytes[4..].copy_from_slice(&at.p.to_be_bytes());
    bytes
}

pub(crate) fn write(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(POSITION_BYTES + record.body.len());
    bytes.extend_from_slice(&position(record.at));
    bytes.extend_from_slice(&record.body);
    bytes
}

/// `None` where it is none of ours, or larger than is taken: it is as if it were not there.
pub(crate) fn read(bytes: Vec<u8>, body_bytes_max: usize) -> Option<Record> {
    let (head, body) = bytes.split_first_chunk::<POSITION_BYTES>()?;
    if body.len() > body_bytes_max {
        return None;
    }
    let (timeline, p) = head.split_first_chunk::<4>()?;
    let at = Position {
        timeline: u32::from_be_bytes(*timeline),
        p: u64::from_be_bytes(p.try_into().ok()?),
    };
    let mut body = Bytes::from(bytes);
    let body = body.split_off(POSITION_BYTES);
    Some(Record { at, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_compare_as_their_bytes_do() {
        let at = |timeline, p| Position { timeline, p };
        let rising = [
            at(0, 0),
            at(1, 255),
            at(1, 256),
            at(1, u64::MAX),
            at(2, 0),
            at(256, 1),
            at(u32::MAX, 0),
        ];
        for pair in rising.windows(2) {
            assert!(position(pair[0]) < position(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_what_is_short_or_large_is_not() {
        let record = Record {
            at: Position { timeline: 7, p: 9 },
            body: Bytes::from_static(b"body"),
        };
        let bytes = write(&record);
        assert_eq!(read(bytes.clone(), 4), Some(record));
        assert_eq!(read(bytes.clone(), 3), None);
        assert_eq!(read(bytes[..11].to_vec(), 4), None);
    }
}
