//! Stamps at the edge: what a caller brings, what it is handed, and the cookies
//! that do both for browsers.
//!
//! Each write of a browser's sets a short-lived cookie of its own, so that a slow
//! parallel answer cannot overwrite a newer stamp. The cookies that a request
//! brings are merged; a write folds them into its own and drops them. A cookie is
//! named by what it holds: where two answers set one of the same name it is the
//! same, and where one drops what another has set again, it has folded just that
//! in. Programs whose requests overlap send several stamps, which are merged too.

use crate::error::ApiError;
use arc_swap::ArcSwapOption;
use http::StatusCode;
use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue, ORIGIN, SET_COOKIE};
use pando_model::stamp::Position;
use pando_store::Store;
use pando_store::session::{Consistency, Session, Stamped};
use pando_store::token::Token;
use std::fmt::Write as _;
use std::sync::Arc;

const STAMP: HeaderName = HeaderName::from_static("pando-stamp");
const LOST: HeaderName = HeaderName::from_static("pando-stamp-lost");
const CONSISTENCY: HeaderName = HeaderName::from_static("pando-consistency");
const COOKIE_PREFIX: &str = "__Host-pando-stamp-";
/// What scripts are not shown, and other sites cannot make a browser send but by a link.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";
/// Longer than copies lag behind; a write's cookie is not needed once they have caught up.
const COOKIE_SECONDS: u32 = 60;
/// Stamps in the headers of one request that are merged; one that brings more has to be
/// answered by the owner.
const STAMPS_MAX: usize = 32;
/// Cookies of earlier writes that one answer folds into its own and drops at most: some 3 KiB of
/// headers. A browser that has more, having had so many requests on their way at once, loses
/// them with the next writes.
const FOLDED_MAX: usize = 32;
/// Bytes of a hash that tell cookies of one browser apart, of which it has a few.
const NAME_BYTES: usize = 8;

/// Headers of the last stamp that was handed out: under reads it is the same again and again.
#[derive(Debug, Default)]
pub(crate) struct StampHeaders {
    last: ArcSwapOption<(Arc<str>, HeaderValue)>,
}

/// What a request requires of the copy that answers it.
pub(crate) fn session_of(store: &Store, headers: &HeaderMap) -> Result<Session, ApiError> {
    let mut token: Option<Token> = None;
    let mut merge = |other: Token| match &mut token {
        Some(token) => token.merge(&other),
        None => token = Some(other),
    };
    let mut stamps = stamp_headers(headers);
    for text in stamps.by_ref().take(STAMPS_MAX) {
        if let Some(other) = store.unseal(text) {
            merge(other);
        }
    }
    if stamps.next().is_some() {
        // What was not looked at may require anything.
        merge(Token {
            strong: true,
            ..Token::default()
        });
    }
    for (_, text) in stamp_cookies(headers) {
        if let Some(other) = store.unseal(text) {
            merge(other);
        }
    }
    Ok(Session {
        token,
        consistency: match headers.get(CONSISTENCY) {
            Some(value) => consistency(value)?,
            None => Consistency::default(),
        },
    })
}

/// Hands whoever wrote the stamp of the write. Each write has another one: to keep it would only push out
/// what reads share.
pub(crate) fn put_new(store: &Store, stamped: Stamped, headers: &mut HeaderMap) {
    let text = store.seal_token(&Token::of(0, stamped.high));
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(STAMP, value);
    }
    tell_lost(stamped, headers);
}

fn tell_lost(stamped: Stamped, headers: &mut HeaderMap) {
    if stamped.lost {
        headers.insert(LOST, HeaderValue::from_static("true"));
    }
}

impl StampHeaders {
    /// Hands the caller what the answer has shown it.
    pub(crate) fn put(&self, store: &Store, stamped: Stamped, headers: &mut HeaderMap) {
        if let Some(value) = self.value(store, stamped.high) {
            headers.insert(STAMP, value);
        }
        tell_lost(stamped, headers);
    }

    fn value(&self, store: &Store, high: Position) -> Option<HeaderValue> {
        let token = store.seal(high);
        if let Some(last) = self.last.load().as_deref()
            && Arc::ptr_eq(&last.0, &token)
        {
            return Some(last.1.clone());
        }
        let value = HeaderValue::from_str(&token).ok()?;
        self.last.store(Some(Arc::new((token, value.clone()))));
        Some(value)
    }
}

/// After a write by a browser: a cookie with its stamp and those of the writes before, which go.
pub(crate) fn set_cookie(
    store: &Store,
    stamped: Stamped,
    request: &HeaderMap,
    answer: &mut HeaderMap,
) {
    if !is_by_browser(request) {
        return;
    }
    let mut token = Token::of(0, stamped.high);
    let before: Vec<&str> = stamp_cookies(request)
        .take(FOLDED_MAX)
        .map(|(name, text)| {
            // One that cannot be read says nothing, and goes too.
            if let Some(other) = store.unseal(text) {
                token.merge(&other);
            }
            name
        })
        .collect();
    let text = store.seal_token(&token);
    let own = name_of(&text);
    let mut append = |text: String| {
        if let Ok(value) = HeaderValue::try_from(text) {
            answer.append(SET_COOKIE, value);
        }
    };
    append(format!(
        "{own}={text}; Max-Age={COOKIE_SECONDS}; {ATTRIBUTES}"
    ));
    for name in before.into_iter().filter(|name| *name != own) {
        append(format!("{name}=; Max-Age=0; {ATTRIBUTES}"));
    }
}

/// Whether a browser asks, or somebody who has the cookies of one. Programs send stamps back in
/// the header, and are not bothered with cookies.
fn is_by_browser(request: &HeaderMap) -> bool {
    let says_so = [
        ORIGIN,
        HeaderName::from_static("sec-fetch-site"),
        HeaderName::from_static("sec-fetch-mode"),
    ];
    says_so.iter().any(|name| request.contains_key(name))
        || (request.contains_key(COOKIE) && !request.contains_key(STAMP))
}

/// The name of the cookie that holds a stamp: a hash of it.
fn name_of(text: &str) -> String {
    let hash = blake3::hash(text.as_bytes());
    let mut name = COOKIE_PREFIX.to_owned();
    for byte in &hash.as_bytes()[..NAME_BYTES] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// The stamps of a request's headers: callers whose requests overlap bring several, in one
/// header with commas or in a header each.
fn stamp_headers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(STAMP)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(','))
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// The stamp cookies of a request, by name and value.
fn stamp_cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| name.starts_with(COOKIE_PREFIX))
}

fn consistency(value: &HeaderValue) -> Result<Consistency, ApiError> {
    let text = value.to_str().unwrap_or_default().trim();
    match text {
        "strong" => Ok(Consistency::Strong),
        "session" => Ok(Consistency::Session),
        "eventual" => Ok(Consistency::Eventual),
        _ => text
            .strip_prefix("bounded=")
            .and_then(microseconds)
            .map(Consistency::BoundedUs)
            .ok_or_else(|| {
                ApiError::new(
                    StatusCode::BAD_REQUEST,
                    "consistency_malformed",
                    format!("Pando-Consistency cannot be {text:?}"),
                )
                .hint("Use strong, session, bounded=5s or eventual.")
            }),
    }
}

fn microseconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let unit = match text.get(digits.len()..)? {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consistency_is_one_of_four() {
        let cases = [
            ("strong", Some(Consistency::Strong)),
            ("session", Some(Consistency::Session)),
            ("eventual", Some(Consistency::Eventual)),
            ("bounded=5s", Some(Consistency::BoundedUs(5_000_000))),
            ("bounded=250ms", Some(Consistency::BoundedUs(250_000))),
            ("bounded=1m", Some(Consistency::BoundedUs(60_000_000))),
            ("bounded=5", None),
            ("bounded=s", None),
            ("bounded=-1s", None),
            ("bounded=99999999999999999999s", None),
            ("bounded=18446744073709551615s", None),
            ("Strong", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let value = HeaderValue::from_static(text);
            assert_eq!(consistency(&value).ok(), expected, "for {text:?}");
        }
    }

    #[test]
    fn stamps_come_in_a_list_or_in_a_header_each() {
        let mut headers = HeaderMap::new();
        headers.append(STAMP, HeaderValue::from_static("a, b,,c"));
        headers.append(STAMP, HeaderValue::from_static("d"));
        headers.append(STAMP, HeaderValue::from_bytes(b"\xff").expect("opaque"));
        assert_eq!(
            stamp_headers(&headers).collect::<Vec<_>>(),
            ["a", "b", "c", "d"]
        );
    }

    #[test]
    fn stamp_cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(
            COOKIE,
            HeaderValue::from_static("a=b; __Host-pando-stamp-1-2=x;c=d"),
        );
        headers.append(COOKIE, HeaderValue::from_static("__Host-pando-stamp-1-3=y"));
        let found: Vec<_> = stamp_cookies(&headers).map(|(_, value)| value).collect();
        assert_eq!(found, ["x", "y"]);
    }
}
