//! Who may ask: the loopback rule, keys and scopes.
//!
//! A listener on a loopback address is *open* unless `auth_required`: no key is
//! needed, but a web page elsewhere must not reach it, so `Host` must be a
//! loopback name (a foreign one is DNS rebinding) and `Origin` absent or named.
//! Everywhere else a key is needed. A valid key that is sent counts everywhere,
//! with its scopes; on an open listener an unknown one counts as none, because
//! client libraries insist on sending something. What a session's token lets its holder do needs
//! none either; `sessions` looks at that.

use crate::cors::Origins;
use crate::error::ApiError;
use crate::route::Route;
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN};
use http::{Method, StatusCode, Uri};
use pando_queue::listeners::QUEUE_PREFIX;
use pando_store::Store;
use pando_store::keys::{KeyInfo, Scopes, Surface, Verb};
use std::sync::Arc;

const APIKEY: HeaderName = HeaderName::from_static("apikey");

/// How a listener is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Its address is a loopback one.
    Loopback,
    /// Others can reach it.
    Public,
}

/// Who asks: a key, or nobody in particular on an open listener.
pub(crate) type Caller = Option<Arc<KeyInfo>>;

/// Lets a request in, or says why not.
pub(crate) fn admit(
    store: &Store,
    is_open: bool,
    origins: &Origins,
    (method, uri, headers): (&Method, &Uri, &HeaderMap),
    route: &Route<'_>,
) -> Result<Caller, ApiError> {
    let secret = secret_of(headers);
    let caller = secret.and_then(|secret| store.authenticate(secret));
    if caller.is_none() && is_open {
        return refuse_foreign_pages(origins, uri, headers).map(|()| None);
    }
    if route.is_probe() {
        return Ok(caller);
    }
    if secret.is_none() && route.is_of_holder() {
        return Ok(None);
    }
    let Some(key) = caller else {
        return Err(match secret {
            Some(_) => ApiError::unauthorized("PGRST301", "the key is not valid"),
            None => ApiError::unauthorized("PGRST302", "a key is required"),
        });
    };
    if let Some((surface, verb, collection)) = route.needs(method) {
        require(&key, surface, verb, collection)?;
    }
    Ok(Some(key))
}

/// What a surface calls its collections.
fn thing_of(surface: Surface) -> &'static str {
    match surface {
        Surface::Docs => "collection",
        Surface::Kv => "space",
        Surface::Graph => "graph",
        Surface::Queue => "queue",
        Surface::Exchanges => "exchange",
        Surface::Topics => "topic",
        _ => "table",
    }
}

/// 403 unless the key allows it.
pub(crate) fn require(
    key: &KeyInfo,
    surface: Surface,
    verb: Verb,
    collection: Option<&str>,
) -> Result<(), ApiError> {
    if allows(&key.scopes, surface, verb, collection) {
        return Ok(());
    }
    let is_own = of_listener(surface, collection).is_some();
    let (message, scope) = match collection {
        Some(name) => (
            format!("permission denied for {} {name}", thing_of(surface)),
            format!("{surface}:{verb}:{name}"),
        ),
        None => (
            format!("permission denied for {surface}"),
            format!("{surface}:{verb}"),
        ),
    };
    let hint = match is_own {
        true => format!("The key needs the scope {scope}, by that name, or those of admin."),
        false => format!("The key needs the scope {scope}."),
    };
    Err(ApiError::new(StatusCode::FORBIDDEN, "42501", message).hint(hint))
}

/// Whether scopes allow it. What a listener is told is what tables, documents and the others hold, so
/// a scope for all queues does not open its queue.
fn allows(scopes: &Scopes, surface: Surface, verb: Verb, collection: Option<&str>) -> bool {
    let Some(queue) = of_listener(surface, collection) else {
        return scopes.allow(surface, verb, collection);
    };
    let as_admin = match verb {
        Verb::Read => Verb::Read,
        Verb::Write | Verb::Lease => Verb::Write,
    };
    scopes.allow(Surface::Admin, as_admin, None) || scopes.allow_by_name(surface, verb, queue)
}

/// The queue of a listener, if it is one.
fn of_listener(surface: Surface, collection: Option<&str>) -> Option<&str> {
    collection.filter(|name| surface == Surface::Queue && name.starts_with(QUEUE_PREFIX))
}

/// Whether a caller may see what its write leaves there.
pub(crate) fn may_read(caller: &Caller, surface: Surface, collection: &str) -> bool {
    let scopes = caller.as_ref().map(|key| &key.scopes);
    scopes.is_none_or(|scopes| allows(scopes, surface, Verb::Read, Some(collection)))
}

/// The key that a request brings: `Authorization: Bearer`, else `apikey`.
fn secret_of(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    bearer.or_else(|| headers.get(APIKEY)?.to_str().ok())
}

fn refuse_foreign_pages(origins: &Origins, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let forbidden = |message: String, hint: &str| {
        Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_page", message).hint(hint))
    };
    let host = host_of(uri, headers).unwrap_or_default();
    if !is_loopback_name(host) {
        return forbidden(
            format!("this server is open on loopback only, and {host:?} is not a name of loopback"),
            "Use localhost or 127.0.0.1, or send a key.",
        );
    }
    if let Some(origin) = headers.get(ORIGIN)
        && !origins.name(origin)
        && !is_own(origin.as_bytes(), host)
    {
        return forbidden(
            "pages of this Origin may not use this server".to_owned(),
            "Name the page's origin in [cors] origins, or send a key.",
        );
    }
    Ok(())
}

/// Whether an origin is this server's own, by the name that it was asked under. A browser sends
/// it along with every change that a page asks for.
fn is_own(origin: &[u8], host: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        let name = origin.strip_prefix(scheme.as_bytes());
        name.is_some_and(|name| name.eq_ignore_ascii_case(host.as_bytes()))
    })
}

/// The name that a request gives the server; none where it gives several.
pub(crate) fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    if let Some(authority) = uri.authority() {
        return Some(authority.as_str());
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

/// `localhost`, `*.localhost`, `127.0.0.0/8` and `[::1]`, with or without a port.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').unwrap_or((rest, "?"));
            return address.parse() == Ok(std::net::Ipv6Addr::LOCALHOST) && is_port(port);
        }
        None => match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    let address: Result<std::net::Ipv4Addr, _> = name.parse();
    address.is_ok_and(|address| address.is_loopback())
        || name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
}

fn is_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_page_of_the_server_itself_is_not_foreign() {
        for (origin, host, own) in [
            ("http://localhost:8080", "localhost:8080", true),
            ("https://LOCALHOST:8080", "localhost:8080", true),
            ("http://localhost:3000", "localhost:8080", false),
            ("http://evil.example", "localhost:8080", false),
            ("localhost:8080", "localhost:8080", false),
            ("null", "null", false),
        ] {
            assert_eq!(is_own(origin.as_bytes(), host), own, "{origin} {host}");
        }
    }

    #[test]
    fn only_loopback_s_own_names_are_loopback() {
        for name in [
            "localhost",
            "LOCALHOST:8080",
            "app.localhost",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]",
            "[::1]:8080",
        ] {
            assert!(is_loopback_name(name), "{name}");
        }
        for name in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "127.0.0.1:x",
            "[::2]",
            "[::1",
            "[::1]x",
            "10.0.0.1",
            "0.0.0.0",
            "localhost:80:90",
            "notlocalhost",
            "127.1",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(!is_loopback_name(name), "{name}");
        }
    }

    #[test]
    fn a_server_has_one_name_in_a_request() {
        let (local, foreign) = (
            HeaderValue::from_static("localhost"),
            HeaderValue::from_static("example.com"),
        );
        let mut headers = HeaderMap::new();
        assert_eq!(host_of(&Uri::from_static("/"), &headers), None);
        headers.append(HOST, local);
        assert_eq!(host_of(&Uri::from_static("/"), &headers), Some("localhost"));
        let absolute = Uri::from_static("http://example.com/");
        assert_eq!(host_of(&absolute, &headers), Some("example.com"));
        headers.append(HOST, foreign);
        assert_eq!(host_of(&Uri::from_static("/"), &headers), None);
    }

    #[test]
    fn a_listeners_queue_is_open_to_admins_and_to_those_whose_scope_names_it() {
        use Verb::{Lease, Read, Write};
        let own = "listener.search";
        for (scopes, verb, queue, expected) in [
            ("queue:*", Read, own, false),
            ("queue:read", Read, own, false),
            ("queue:lease", Lease, own, false),
            ("queue:write", Write, own, false),
            ("*:lease", Lease, own, false),
            ("queue:*:*", Read, own, false),
            ("queue:*:listener.other", Read, own, false),
            ("queue:read:listener.search", Read, own, true),
            ("queue:read:listener.search", Lease, own, false),
            ("queue:*:listener.search", Lease, own, true),
            ("admin:read", Read, own, true),
            ("admin:read,queue:lease", Lease, own, false),
            ("admin:*", Lease, own, true),
            ("*:read", Read, own, true),
            ("*", Lease, own, true),
            ("queue:*", Lease, "listeners", true),
            ("admin:*", Lease, "mail", false),
        ] {
            let parsed: Scopes = scopes.parse().expect(scopes);
            let allowed = allows(&parsed, Surface::Queue, verb, Some(queue));
            assert_eq!(allowed, expected, "{scopes} {verb} {queue}");
        }
        let parsed: Scopes = "kv:read".parse().expect("a scope");
        assert!(allows(&parsed, Surface::Kv, Read, Some(own)));
    }

    #[test]
    fn a_key_is_read_from_either_header() {
        let cases = [
            (vec![("authorization", "Bearer k")], Some("k")),
            (vec![("authorization", "bearer  k ")], Some("k")),
            (vec![("apikey", "k")], Some("k")),
            (
                vec![("authorization", "Bearer a"), ("apikey", "b")],
                Some("a"),
            ),
            (
                vec![("authorization", "Basic a"), ("apikey", "b")],
                Some("b"),
            ),
            (vec![("authorization", "k")], None),
            (vec![], None),
        ];
        for (pairs, secret) in cases {
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| {
                    let name = http::HeaderName::from_static(name);
                    (name, HeaderValue::from_static(value))
                })
                .collect();
            assert_eq!(secret_of(&headers), secret, "for {pairs:?}");
        }
    }
}
