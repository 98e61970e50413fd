//! `<` and `>` in a request line, which HTTP forbids and PostgREST's documents
//! write (`select=doc->>name`): hyper would refuse the request before it is seen
//! here, so they are percent-encoded on their way in.
//!
//! Only the first line that comes after an answer (or on a new connection) is
//! looked at, so a body is never touched; requests that were sent ahead of an
//! answer, and HTTP/2, get no such help.

/// What is known of the bytes that come in.
#[derive(Debug, Default)]
pub(super) struct Lenient {
    line: Line,
    /// Bytes that did not fit where they were to go.
    left: Vec<u8>,
    /// How many of `left` are gone.
    given: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Line {
    /// The connection is new: HTTP/2 would say so in its first bytes.
    #[default]
    First,
    /// A request line is coming in.
    Open,
    /// It has come in.
    Closed,
    /// HTTP/2.
    Binary,
}

/// How every HTTP/2 connection begins.
const HTTP_2: &[u8] = b"PRI";

impl Lenient {
    /// A new request begins with the next byte.
    pub(super) fn expect_request(&mut self) {
        if self.line == Line::Closed {
            self.line = Line::Open;
        }
    }

    /// Looks at bytes that came in; `Some` is what they are to be instead.
    pub(super) fn look(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.line == Line::First {
            let is_http_2 = bytes.starts_with(HTTP_2) || HTTP_2.starts_with(bytes);
            self.line = if is_http_2 { Line::Binary } else { Line::Open };
        }
        if self.line != Line::Open {
            return None;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        if end.is_some() {
            self.line = Line::Closed;
        }
        let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        if !line.iter().any(|byte| matches!(byte, b'<' | b'>')) {
            return None;
        }
        let mut encoded = Vec::with_capacity(bytes.len() + 16);
        for byte in line {
            match byte {
                b'<' => encoded.extend_from_slice(b"%3C"),
                b'>' => encoded.extend_from_slice(b"%3E"),
                other => encoded.push(*other),
            }
        }
        encoded.extend_from_slice(rest);
        Some(encoded)
    }

    /// Keeps what does not fit.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        self.left = bytes.to_vec();
        self.given = 0;
    }

    /// Up to `room` of the bytes that were kept.
    pub(super) fn give(&mut self, room: usize) -> &[u8] {
        let end = self.left.len().min(self.given + room);
        let given = self.left.get(self.given..end).unwrap_or_default();
        self.given = end;
        given
    }

    pub(super) fn has_kept(&self) -> bool {
        self.given < self.left.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(lenient: &mut Lenient, bytes: &str) -> Option<String> {
        let encoded = lenient.look(bytes.as_bytes())?;
        Some(String::from_utf8(encoded).expect("UTF-8"))
    }

    #[test]
    fn only_the_request_line_is_encoded() {
        let mut lenient = Lenient::default();
        let request = "GET /t?select=a->>b HTTP/1.1\r\nX: a>b\r\n\r\n<body>";
        let encoded = "GET /t?select=a-%3E%3Eb HTTP/1.1\r\nX: a>b\r\n\r\n<body>";
        assert_eq!(look(&mut lenient, request).as_deref(), Some(encoded));
        assert_eq!(look(&mut lenient, "more > body\n"), None);
        lenient.expect_request();
        assert_eq!(
            look(&mut lenient, "GET /t?a->b="),
            Some("GET /t?a-%3Eb=".to_owned())
        );
        assert_eq!(
            look(&mut lenient, "<> HTTP/1.1\r\n<>"),
            Some("%3C%3E HTTP/1.1\r\n<>".to_owned())
        );
        assert_eq!(look(&mut lenient, "<>"), None);
    }

    #[test]
    fn http_2_is_not_touched() {
        for first in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "P", "PR"] {
            let mut lenient = Lenient::default();
            assert_eq!(look(&mut lenient, first), None);
            lenient.expect_request();
            assert_eq!(look(&mut lenient, "<>"), None);
        }
    }

    #[test]
    fn what_does_not_fit_is_given_later() {
        let mut lenient = Lenient::default();
        lenient.keep(b"abcde");
        assert_eq!(lenient.give(2), b"ab");
        assert!(lenient.has_kept());
        assert_eq!(lenient.give(10), b"cde");
        assert!(!lenient.has_kept());
    }
}
