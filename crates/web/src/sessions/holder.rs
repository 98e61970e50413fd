//! Who holds a session: the token that a request brings, in a header or as a cookie; and whether
//! a page elsewhere made a browser send the cookie.

use crate::cors::Origins;
use crate::error::ApiError;
use crate::gate;
use http::StatusCode;
use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use http::request::Parts;
use pando_store::sessions::Token;

/// Where programs send a token.
const HEADER: HeaderName = HeaderName::from_static("pando-session");
/// Where browsers send it. With this prefix they take it from this host alone, over a connection
/// that nobody else can write to, and for all of its paths (RFC 6265bis, section 4.1.3.2).
const COOKIE_NAME: &str = "__Host-pando-session";
/// Not for scripts, and not for what other sites make a browser send, but for links to here.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Header,
    Cookie,
}

/// What a request brings for a token. A header goes before a cookie.
pub(super) fn held(headers: &HeaderMap) -> Option<(Option<Token>, By)> {
    if let Some(value) = headers.get(HEADER) {
        let text = value.to_str().unwrap_or_default().trim();
        return Some((Token::read(text), By::Header));
    }
    let mut cookies = cookies(headers);
    let first = cookies.next()?;
    // Nobody but this server can set it; of several, none is to be chosen by who sends them.
    let token = match cookies.next() {
        Some(_) => None,
        None => Token::read(first),
    };
    Some((token, By::Cookie))
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(name, value)| (name == COOKIE_NAME).then_some(value))
}

/// The cookie of a token. It goes when the session's time is up at the latest.
pub(super) fn cookie(token: &Token, left_us: i64) -> Option<HeaderValue> {
    let seconds = left_us.max(0).unsigned_abs().div_ceil(1_000_000);
    let text = format!(
        "{COOKIE_NAME}={}; Max-Age={seconds}; {ATTRIBUTES}",
        token.text()
    );
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What takes the cookie away.
pub(super) fn no_cookie() -> Option<HeaderValue> {
    HeaderValue::try_from(format!("{COOKIE_NAME}=; Max-Age=0; {ATTRIBUTES}")).ok()
}

/// 401: no token, or none of a session that goes on. Which of these it is nobody is told.
pub(super) fn nobody(code: &'static str, message: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, code, message)
        .hint("POST /sessions/v1 begins a session; its token is sent in Pando-Session, or as the cookie that it set.")
        .header(WWW_AUTHENTICATE, HeaderValue::from_static("Pando-Session"))
}

/// Refuses a change that a browser was made to ask for by a page elsewhere, as far as its cookie
/// let it: `SameSite` stops other sites, this stops other hosts of the same one too, and
/// browsers that know nothing of `SameSite`.
///
/// As Go's `net/http.CrossOriginProtection`: what is not from a browser says neither
/// `Sec-Fetch-Site` nor `Origin`.
pub(super) fn refuse_forged(origins: &Origins, parts: &Parts) -> Result<(), ApiError> {
    let headers = &parts.headers;
    let origin = headers.get(ORIGIN);
    // With `*` any page may read, and none may act with a cookie.
    if origin.is_some_and(|origin| origins.name_one(origin)) {
        return Ok(());
    }
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    let is_own = match (site, origin) {
        (Some(b"same-origin" | b"none"), _) | (None, None) => true,
        (Some(_), _) => false,
        (None, Some(origin)) => is_host(origin, gate::host_of(&parts.uri, headers)),
    };
    if is_own {
        return Ok(());
    }
    let message = "a page of another origin may not change a session by its cookie";
    Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_page", message)
        .hint("Name the page's origin in [cors] origins; or let the application send the token in Pando-Session."))
}

/// Whether an origin is the host that a request names.
fn is_host(origin: &HeaderValue, host: Option<&str>) -> bool {
    let name = origin.to_str().ok().and_then(|origin| {
        let (_, name) = origin.split_once("://")?;
        Some(name)
    });
    matches!((name, host), (Some(name), Some(host)) if name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Cors;
    use http::Request;

    fn parts(pairs: &[(&'static str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/sessions/v1/current");
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn a_token_is_read_from_the_header_or_the_one_cookie() {
        let text = format!("pandos_{}", "A".repeat(54));
        let other = format!("pandos_{}", "B".repeat(54));
        let own = format!("__Host-pando-session={text}");
        let found = |text: &str, by| Some((Token::read(text), by));
        for (pairs, expected) in [
            (vec![], None),
            (vec![("cookie", "a=b; pando-session=x".to_owned())], None),
            (
                vec![("pando-session", text.clone())],
                found(&text, By::Header),
            ),
            (
                vec![("cookie", format!("a=b;{own} ;c=d"))],
                found(&text, By::Cookie),
            ),
            (
                vec![("cookie", own.clone()), ("pando-session", other.clone())],
                found(&other, By::Header),
            ),
            (
                vec![("pando-session", "x".to_owned())],
                Some((None, By::Header)),
            ),
            (
                vec![("cookie", own.clone()), ("pando-session", "x".to_owned())],
                Some((None, By::Header)),
            ),
            (
                vec![("cookie", format!("{own}; __Host-pando-session={other}"))],
                Some((None, By::Cookie)),
            ),
        ] {
            let pairs: Vec<_> = pairs.iter().map(|(name, v)| (*name, v.as_str())).collect();
            assert_eq!(held(&parts(&pairs).headers), expected, "{pairs:?}");
        }
    }

    #[test]
    fn what_a_page_elsewhere_makes_a_browser_send_is_told_apart() {
        let named = |origins: &[&str]| {
            Origins::new(&Cors {
                origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
                ..Cors::default()
            })
        };
        let app = "https://app.example";
        for (origins, pairs, passes) in [
            (vec![], vec![], true),
            (
                vec![],
                vec![("sec-fetch-site", "same-origin"), ("origin", app)],
                true,
            ),
            (vec![], vec![("sec-fetch-site", "none")], true),
            (
                vec![],
                vec![("sec-fetch-site", "same-site"), ("origin", app)],
                false,
            ),
            (
                vec![],
                vec![("sec-fetch-site", "cross-site"), ("origin", app)],
                false,
            ),
            (vec![], vec![("sec-fetch-site", "cross-site")], false),
            (vec![], vec![("sec-fetch-site", "")], false),
            (
                vec![app],
                vec![("sec-fetch-site", "cross-site"), ("origin", app)],
                true,
            ),
            (
                vec!["*"],
                vec![("sec-fetch-site", "cross-site"), ("origin", app)],
                false,
            ),
            (vec![], vec![("origin", app), ("host", "app.example")], true),
            (
                vec![],
                vec![("origin", app), ("host", "app.example:444")],
                false,
            ),
            (
                vec![],
                vec![("origin", "null"), ("host", "app.example")],
                false,
            ),
            (vec![], vec![("origin", app)], false),
        ] {
            let told = refuse_forged(&named(&origins), &parts(&pairs));
            assert_eq!(told.is_ok(), passes, "{origins:?} {pairs:?}");
        }
    }
}
