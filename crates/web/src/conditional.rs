//! Conditional requests (RFC 9110, section 13): entity tags are versions.

use crate::answer::Answer;
use crate::error::ApiError;
use http::StatusCode;
use http::header::{ETAG, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use pando_store::precondition::{Precondition, Versions};

/// Entity tags of one header at most: more than anybody keeps copies.
const TAGS_MAX: usize = 64;

/// The preconditions of a request.
pub(crate) fn precondition(headers: &HeaderMap) -> Result<Precondition, ApiError> {
    Ok(Precondition {
        if_match: versions(headers, IF_MATCH, true)?,
        if_none_match: versions(headers, IF_NONE_MATCH, false)?,
    })
}

/// The entity tag of a version.
pub(crate) fn etag(version: i64) -> String {
    let mut digits = itoa::Buffer::new();
    ["\"", digits.format(version), "\""].concat()
}

/// What a read that found this version is answered instead, where its precondition says so:
/// 304 without a body, or 412.
pub(crate) fn instead(precondition: &Precondition, version: i64) -> Option<Answer> {
    let found = Some(version);
    let matches = |versions: &Versions| versions.match_version(found);
    if precondition
        .if_match
        .as_ref()
        .is_some_and(|all| !matches(all))
    {
        let error = ApiError::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            format!("If-Match does not hold: its ETag is {}", etag(version)),
        );
        return Some(error.into_answer());
    }
    if precondition.if_none_match.as_ref().is_some_and(matches) {
        let mut answer = Answer::new(StatusCode::NOT_MODIFIED);
        answer.put(ETAG, etag(version));
        return Some(answer);
    }
    None
}

/// The versions that a header names. Weak tags match where the comparison is weak only.
fn versions(
    headers: &HeaderMap,
    name: HeaderName,
    strong: bool,
) -> Result<Option<Versions>, ApiError> {
    let mut listed = Vec::new();
    let mut present = false;
    for value in headers.get_all(&name) {
        present = true;
        let text = value.to_str().unwrap_or("?").trim();
        if text == "*" {
            return Ok(Some(Versions::Any));
        }
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let (weak, quoted) = match tag.strip_prefix("W/") {
                Some(quoted) => (true, quoted),
                None => (false, tag),
            };
            let inner = quoted
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
                .filter(|inner| !inner.contains('"'))
                .ok_or_else(|| malformed(&name, tag))?;
            let version = inner.parse().ok().filter(|_| !(weak && strong));
            listed.push(version);
        }
        if listed.len() > TAGS_MAX {
            return Err(malformed(&name, "a list of more than 64 tags"));
        }
    }
    Ok(present.then_some(Versions::Listed(listed)))
}

fn malformed(name: &HeaderName, tag: &str) -> ApiError {
    let message = format!("{name} holds {tag}, which is no entity tag");
    ApiError::new(StatusCode::BAD_REQUEST, "precondition_malformed", message)
        .hint("Send back what ETag gave, with its quotation marks; or *.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn entity_tags_are_read_from_lists_and_garbage_is_refused() {
        for (text, strong, expected) in [
            ("*", true, Some(Versions::Any)),
            ("\"7\"", true, Some(Versions::Listed(vec![Some(7)]))),
            (
                "\"7\", \"8\"",
                true,
                Some(Versions::Listed(vec![Some(7), Some(8)])),
            ),
            ("W/\"7\"", true, Some(Versions::Listed(vec![None]))),
            ("W/\"7\"", false, Some(Versions::Listed(vec![Some(7)]))),
            ("\"abc\"", true, Some(Versions::Listed(vec![None]))),
            ("7", true, None),
            ("\"7", true, None),
            ("\"a\"b\"", true, None),
        ] {
            let name = if strong { IF_MATCH } else { IF_NONE_MATCH };
            let mut headers = HeaderMap::new();
            headers.insert(&name, HeaderValue::from_str(text).expect("a header"));
            let read = versions(&headers, name, strong);
            assert_eq!(read.ok().flatten(), expected, "for {text}");
        }
        assert_eq!(
            precondition(&HeaderMap::new()).expect("none"),
            Precondition::default()
        );
    }
}
