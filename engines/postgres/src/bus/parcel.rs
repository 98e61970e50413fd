//! Messages as payloads: `{sender}.{number}.{part}.{parts}.{channel}.{base64}`, where what is before the
//! last dot tells which parts belong together.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;

/// PostgreSQL takes less than 8,000 bytes. What is before the text has a hundred at most, and three bytes
/// take four letters.
const PART_BYTES: usize = 5_760;

/// The payloads of a message, the `number`th of a sender's, in order.
pub(super) fn write(sender: u64, number: u64, channel: &str, message: &[u8]) -> Vec<String> {
    let parts = message.len().div_ceil(PART_BYTES).max(1);
    let payload = |part: usize| {
        let from = part * PART_BYTES;
        let bytes = message.get(from..message.len().min(from + PART_BYTES));
        let text = STANDARD_NO_PAD.encode(bytes.unwrap_or_default());
        format!("{sender:x}.{number:x}.{part}.{parts}.{channel}.{text}")
    };
    (0..parts).map(payload).collect()
}

/// Puts messages together that come in parts.
#[derive(Debug, Default)]
pub(super) struct Reader {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    sender: u64,
    number: u64,
    parts: usize,
    next: usize,
    bytes: Vec<u8>,
}

/// What came of a payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A message of a channel is there.
    Whole(String, Bytes),
    /// More of it is to come.
    Part,
    /// It belongs to nothing that came before, or is none of ours: something was lost.
    Broken,
}

impl Reader {
    /// Takes the next payload.
    pub(super) fn read(&mut self, payload: &str) -> Read {
        let before = self.open.take();
        let Some((channel, part, open)) = parse(payload) else {
            return Read::Broken;
        };
        let mut open = match (before, part) {
            (None, 0) => open,
            (Some(before), part)
                if before.next == part
                    && (before.sender, before.number, before.parts)
                        == (open.sender, open.number, open.parts) =>
            {
                let mut bytes = before.bytes;
                bytes.extend_from_slice(&open.bytes);
                Open { bytes, ..open }
            }
            _ => return Read::Broken,
        };
        open.next = part + 1;
        if open.next == open.parts {
            return Read::Whole(channel.to_owned(), open.bytes.into());
        }
        self.open = Some(open);
        Read::Part
    }
}

fn parse(payload: &str) -> Option<(&str, usize, Open)> {
    let mut fields = payload.splitn(5, '.');
    let sender = u64::from_str_radix(fields.next()?, 16).ok()?;
    let number = u64::from_str_radix(fields.next()?, 16).ok()?;
    let part: usize = fields.next()?.parse().ok()?;
    let parts: usize = fields.next()?.parse().ok()?;
    let (channel, text) = fields.next()?.rsplit_once('.')?;
    let most = super::MESSAGE_BYTES_MAX.div_ceil(PART_BYTES);
    if part >= parts || parts > most {
        return None;
    }
    let open = Open {
        sender,
        number,
        parts,
        next: 0,
        bytes: STANDARD_NO_PAD.decode(text).ok()?,
    };
    Some((channel, part, open))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(payloads: &[String]) -> Vec<Read> {
        let mut reader = Reader::default();
        let reads = payloads.iter().map(|payload| reader.read(payload));
        reads.filter(|read| *read != Read::Part).collect()
    }

    #[test]
    fn a_message_of_any_size_comes_as_it_was_in_payloads_that_postgresql_takes() {
        for size in [
            0,
            1,
            PART_BYTES,
            PART_BYTES + 1,
            super::super::MESSAGE_BYTES_MAX,
        ] {
            let message: Vec<u8> = (0..size).map(|n| n as u8).collect();
            let payloads = write(u64::MAX, u64::MAX, &"c".repeat(40), &message);
            assert!(payloads.iter().all(|payload| payload.len() < 8_000));
            let whole = Read::Whole("c".repeat(40), message.into());
            assert_eq!(read_all(&payloads), [whole], "{size} bytes");
        }
    }

    #[test]
    fn what_is_not_whole_is_never_taken_for_a_message() {
        let message = vec![7; 3 * PART_BYTES];
        let payloads = write(1, 2, "c", &message);
        let other = write(1, 3, "c", b"x");
        let without_first = [&payloads[1..], &other[..]].concat();
        let whole = || Read::Whole("c".to_owned(), Bytes::from_static(b"x"));
        assert_eq!(
            read_all(&without_first),
            [Read::Broken, Read::Broken, whole()]
        );
        let torn = [&payloads[..2], &other[..], &other[..]].concat();
        assert_eq!(read_all(&torn), [Read::Broken, whole()]);
        for payload in [
            "",
            "x",
            "1.2.0.1.c",
            "1.2.1.1.c.eA",
            "1.2.0.9999.c.eA",
            "1.2.0.1.c.?",
        ] {
            assert_eq!(read_all(&[payload.to_owned()]), [Read::Broken], "{payload}");
        }
    }
}
