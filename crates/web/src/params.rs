//! The query strings of the models: names that are known, values that can be read.

use crate::error::ApiError;
use http::{StatusCode, Uri};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::time::Duration;

/// A request's query, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Reads the query of a URI; a name that is not `known` is refused, and one that is given
    /// twice too.
    pub(crate) fn read(uri: &Uri, known: &[&str]) -> Result<Params, ApiError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in uri.query().unwrap_or_default().split('&') {
            if pair.is_empty() {
                continue;
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name)?.into_owned();
            if !known.contains(&name.as_str()) {
                let message = format!("there is no parameter {name:?} here");
                let names = match known {
                    [] => "This place takes no parameters.".to_owned(),
                    known => format!("Known are {}.", known.join(", ")),
                };
                return Err(malformed(message).hint(names));
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(malformed(format!("{name} is given twice")));
            }
            pairs.push((name, decoded(value)?.into_owned()));
        }
        Ok(Params { pairs })
    }

    /// A parameter's text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter that is a number.
    pub(crate) fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, ApiError> {
        self.parsed(name, "a whole number in range", |text| text.parse().ok())
    }

    /// A parameter that is a time span: `500ms`, `60s`, `5m`, `2h`, `30d`.
    pub(crate) fn span(&self, name: &str) -> Result<Option<Duration>, ApiError> {
        self.parsed(
            name,
            "a span of time, such as 500ms, 60s, 5m, 2h or 30d",
            span,
        )
    }

    /// A parameter that is `true` or `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.parsed(name, "true or false", |text| text.parse().ok())
    }

    /// A parameter read by `read`; what it should have been is `wanted`.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match read(text) {
            Some(value) => Ok(Some(value)),
            None => Err(malformed(format!("{name}={text:?} is not {wanted}"))),
        }
    }
}

/// A field that may be left out; `null` is no value of it.
pub(crate) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// 400: the request cannot be read.
pub(crate) fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "malformed", message)
}

/// A time span, above zero.
pub(crate) fn span(text: &str) -> Option<Duration> {
    duration(text).filter(|span| !span.is_zero())
}

/// A time span, which may be nothing.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let millis = match text.get(digits.len()..)? {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(millis)?))
}

fn decoded(text: &str) -> Result<Cow<'_, str>, ApiError> {
    let spaced = if text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    };
    let bytes = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    match bytes {
        Ok(text) => Ok(Cow::Owned(text.into_owned())),
        Err(_) => Err(malformed("the query is not UTF-8 once it is decoded")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_what_is_known_once() {
        let read = |query: &str| {
            let uri: Uri = format!("/x?{query}").parse().expect("a URI");
            Params::read(&uri, &["a", "b"])
        };
        let params = read("a=1&b=x%20y+z&&").expect("it is sound");
        assert_eq!(params.number::<u64>("a").ok(), Some(Some(1)));
        assert_eq!(params.text("b"), Some("x y z"));
        assert!(params.number::<u64>("b").is_err());
        assert_eq!(params.text("c"), None);
        for query in ["c=1", "a=1&a=2", "a=%FF"] {
            assert!(read(query).is_err(), "{query}");
        }
    }

    #[test]
    fn spans_have_a_unit_and_are_not_nothing() {
        for (text, millis) in [
            ("500ms", Some(500)),
            ("60s", Some(60_000)),
            ("5m", Some(300_000)),
            ("2h", Some(7_200_000)),
            ("30d", Some(2_592_000_000)),
            ("0s", None),
            ("5", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("99999999999999999999d", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(span(text), millis.map(Duration::from_millis), "{text}");
        }
    }
}
