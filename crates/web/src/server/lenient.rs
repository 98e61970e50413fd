//! What HTTP forbids in a request line and people write there all the same: the arrows of
//! PostgREST's documents (`select=doc->>name`), the braces and quotation marks of its arrays and
//! names (`tags=cs.{"a"}`). hyper would refuse the request before it is seen here, so they are
//! percent-encoded on their way in, as browsers do.
//!
//! Only the first line that comes after an answer (or on a new connection) is
//! looked at, so a body is never touched; requests that were sent ahead of an
//! answer, and HTTP/2, get no such help. A blank in a target stays refused: where the target
//! ends would be a guess (RFC 9112, section 3.2).

/// What is known of the bytes that come in.
#[derive(Debug, Default)]
pub(super) struct Lenient {
    line: Line,
    /// Whether the line has come as far as its target.
    in_target: bool,
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
            self.in_target = false;
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
        // A method may hold some of these.
        let begin = match line.iter().position(|byte| *byte == b' ') {
            _ if self.in_target => 0,
            Some(blank) => blank,
            None => return None,
        };
        self.in_target = true;
        let (method, target) = line.split_at(begin);
        if !target.iter().any(|byte| is_forbidden(*byte)) {
            return None;
        }
        let mut encoded = Vec::with_capacity(bytes.len() + 64);
        encoded.extend_from_slice(method);
        for byte in target {
            if is_forbidden(*byte) {
                encoded.extend_from_slice(format!("%{byte:02X}").as_bytes());
            } else {
                encoded.push(*byte);
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

/// What a target cannot hold as it is (RFC 3986) and is no blank.
fn is_forbidden(byte: u8) -> bool {
    matches!(
        byte,
        b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
    )
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
    fn what_a_target_cannot_hold_is_encoded_and_its_method_is_not() {
        let mut lenient = Lenient::default();
        let request = "M^|` /t?a=cs.{\"b\"}&c=d\\^`|é HTTP/1.1\r\n";
        let encoded = "M^|` /t?a=cs.%7B%22b%22%7D&c=d%5C%5E%60%7Cé HTTP/1.1\r\n";
        assert_eq!(look(&mut lenient, request).as_deref(), Some(encoded));
        lenient.expect_request();
        assert_eq!(look(&mut lenient, "M^"), None);
        assert_eq!(look(&mut lenient, "| /^").as_deref(), Some("| /%5E"));
        assert_eq!(look(&mut lenient, "^").as_deref(), Some("%5E"));
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
