//! Paths and queries, percent-encoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;
use std::time::Duration;

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A name as one segment of a path, or one value of a query: `a/b` is `a%2Fb`.
pub fn encoded(text: &str) -> String {
    // Not as they are: what is between takes segments of dots for ways up.
    match text {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => utf8_percent_encode(text, RESERVED).to_string(),
    }
}

/// `/surface/v1/a/b`.
pub(crate) fn path(surface: &str, segments: &[&str]) -> String {
    let mut path = format!("/{surface}/v1");
    for segment in segments {
        path.push('/');
        path.push_str(&encoded(segment));
    }
    path
}

/// Appends a parameter to a path.
pub(crate) fn push_param(path: &mut String, name: &str, value: &str) {
    let mark = if path.contains('?') { '&' } else { '?' };
    // Writing to a String cannot fail.
    let _ = write!(path, "{mark}{}={}", encoded(name), encoded(value));
}

/// Names with commas between them, in one parameter; one that would be taken for several, or for
/// a quoted one, stands in quotation marks.
pub(crate) fn list(names: &[&str]) -> String {
    let each = names.iter().map(|name| {
        if name.contains([',', '"']) {
            format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            (*name).to_owned()
        }
    });
    each.collect::<Vec<_>>().join(",")
}

/// A span of time, rounded up to milliseconds: nothing that runs out is kept for no time.
pub(crate) fn span(span: Duration) -> String {
    let nanos = span.as_nanos().div_ceil(1_000_000).max(1);
    format!("{nanos}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_list_stay_apart() {
        for (names, text) in [
            (&["a", "b:*"][..], "a,b:*"),
            (&["a,b", "c"], "\"a,b\",c"),
            (&["a\"\\,"], "\"a\\\"\\\\,\""),
            (&["a\\b"], "a\\b"),
            (&[], ""),
        ] {
            assert_eq!(list(names), text);
        }
    }

    #[test]
    fn whatever_a_name_is_it_stays_one_segment() {
        for (name, segment) in [
            ("plain-1_2.3~", "plain-1_2.3~"),
            ("a/b", "a%2Fb"),
            ("a b?c#d%", "a%20b%3Fc%23d%25"),
            ("..", "%2E%2E"),
            ("서울", "%EC%84%9C%EC%9A%B8"),
            ("", ""),
        ] {
            assert_eq!(encoded(name), segment);
        }
        assert_eq!(path("kv", &["s", "a/b"]), "/kv/v1/s/a%2Fb");
    }

    #[test]
    fn parameters_are_joined() {
        let mut path = "/x".to_owned();
        push_param(&mut path, "a", "1&2");
        push_param(&mut path, "b", "+");
        assert_eq!(path, "/x?a=1%262&b=%2B");
    }

    #[test]
    fn spans_are_whole_milliseconds_and_not_nothing() {
        for (given, text) in [
            (Duration::from_secs(60), "60000ms"),
            (Duration::from_micros(1_500), "2ms"),
            (Duration::ZERO, "1ms"),
        ] {
            assert_eq!(span(given), text);
        }
    }
}
