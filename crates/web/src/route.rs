//! Where a request goes, by its path; and what that takes of a key.

use http::Method;
use pando_store::keys::{Surface, Verb};
use std::borrow::Cow;

/// A place of the surface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `/rest/v1/{table}`.
    Table(Cow<'a, str>),
    /// `/kv/v1/{space}…` and its likes.
    Model(Place<'a>),
    /// `/sessions/v1…`: the segments behind it, decoded.
    Sessions(Vec<Cow<'a, str>>),
    /// `/tx/v1`.
    Transaction,
    /// `/topics/v1/{topic}`.
    Topic(Cow<'a, str>),
    /// `/changes/v1/{table}`.
    Changes(Cow<'a, str>),
    /// `/rest/v1/`.
    RestRoot,
    /// `/rest/v1/rpc/{function}`.
    Rpc(Cow<'a, str>),
    /// `/admin/v1/{rest}`.
    Admin(&'a str),
    /// `/openapi.json`.
    OpenApi,
    /// `/asyncapi.json`.
    AsyncApi,
    /// `/metrics`.
    Metrics,
    /// `/livez`.
    Live,
    /// `/readyz`.
    Ready,
    /// `/startupz`.
    Startup,
    /// In one of the models, with a segment that is no text once it is decoded.
    NotText,
    /// Anywhere else.
    Nowhere,
}

/// A place in one of the models besides tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// Whose surface it is.
    pub surface: Surface,
    /// The space, collection, table or graph.
    pub name: Cow<'a, str>,
    /// The segments behind the name, decoded.
    pub rest: Vec<Cow<'a, str>>,
}

impl<'a> Place<'a> {
    /// The segments behind the name.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.rest.iter().map(|segment| &**segment).collect()
    }

    /// The place of a path: `/{surface}/v1/{name}/{rest…}`.
    fn of(path: &'a str) -> Option<Route<'a>> {
        let mut segments = path.strip_prefix('/')?.split('/');
        let surface = match segments.next()? {
            "docs" => Surface::Docs,
            "graph" => Surface::Graph,
            "kv" => Surface::Kv,
            "exchanges" => Surface::Exchanges,
            "queue" => Surface::Queue,
            "wide" => Surface::Wide,
            _ => return None,
        };
        if segments.next()? != "v1" {
            return None;
        }
        let Some(mut rest) = decoded(segments) else {
            return Some(Route::NotText);
        };
        if rest.first().is_none_or(|name| name.is_empty()) {
            return None;
        }
        let name = rest.remove(0);
        Some(Route::Model(Place {
            surface,
            name,
            rest,
        }))
    }

    /// Whether a method changes nothing here: `GET`, and questions too long for a path.
    fn is_read(&self, method: &Method) -> bool {
        let is_question = self.surface == Surface::Graph
            && matches!(self.rest.as_slice(), [word] if word == "traverse");
        is_read(method) || (is_question && *method == Method::POST)
    }

    /// What a key must let it do.
    fn verb(&self, method: &Method) -> Verb {
        let word = match (self.surface, self.rest.as_slice()) {
            (Surface::Queue, [word]) if *method == Method::POST => word,
            _ if self.is_read(method) => return Verb::Read,
            _ => return Verb::Write,
        };
        match &**word {
            "messages" => Verb::Write,
            // A worker could take all of it one by one, and give it back.
            _ => Verb::Lease,
        }
    }

    /// Whether it takes a list of operations, some of which may read.
    fn is_batch(&self, method: &Method) -> bool {
        *method == Method::POST
            && matches!(self.surface, Surface::Kv | Surface::Wide)
            && matches!(self.rest.as_slice(), [word] if word == "batch")
    }

    fn label(&self) -> &'static str {
        match self.surface {
            Surface::Docs => "/docs/v1/{collection}",
            Surface::Graph => "/graph/v1/{graph}",
            Surface::Kv => "/kv/v1/{space}",
            Surface::Exchanges => "/exchanges/v1/{exchange}",
            Surface::Queue => "/queue/v1/{queue}",
            Surface::Wide => "/wide/v1/{table}",
            _ => "unknown",
        }
    }
}

/// Segments of a path as text, if they are some.
fn decoded<'a>(segments: impl Iterator<Item = &'a str>) -> Option<Vec<Cow<'a, str>>> {
    let each = segments.map(|segment| {
        let bytes = percent_encoding::percent_decode_str(segment);
        bytes.decode_utf8().ok()
    });
    each.collect()
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

impl<'a> Route<'a> {
    /// The route of a path; names in it are single percent-encoded segments.
    pub(crate) fn of(path: &'a str) -> Route<'a> {
        if let Some(rest) = path.strip_prefix("/rest/v1") {
            return Route::of_rest(rest);
        }
        match path {
            "/livez" => Route::Live,
            "/readyz" => Route::Ready,
            "/startupz" => Route::Startup,
            "/metrics" => Route::Metrics,
            "/openapi.json" => Route::OpenApi,
            "/asyncapi.json" => Route::AsyncApi,
            "/sessions/v1" => Route::Sessions(Vec::new()),
            "/tx/v1" => Route::Transaction,
            _ => {
                if let Some(rest) = path.strip_prefix("/admin/v1/") {
                    return Route::Admin(rest);
                }
                if let Some(name) = path.strip_prefix("/topics/v1/") {
                    return Route::of_name(name, Route::Topic);
                }
                if let Some(name) = path.strip_prefix("/changes/v1/") {
                    return Route::of_name(name, Route::Changes);
                }
                if let Some(rest) = path.strip_prefix("/sessions/v1/") {
                    return decoded(rest.split('/')).map_or(Route::NotText, Route::Sessions);
                }
                Place::of(path).unwrap_or(Route::Nowhere)
            }
        }
    }

    /// The route to what has one name, and nothing behind it.
    fn of_name(name: &'a str, route: fn(Cow<'a, str>) -> Route<'a>) -> Route<'a> {
        if name.is_empty() || name.contains('/') {
            return Route::Nowhere;
        }
        let decoded = percent_encoding::percent_decode_str(name).decode_utf8();
        decoded.map_or(Route::NotText, route)
    }

    fn of_rest(rest: &'a str) -> Route<'a> {
        let Some(name) = rest.strip_prefix('/') else {
            return if rest.is_empty() {
                Route::RestRoot
            } else {
                Route::Nowhere
            };
        };
        if name.is_empty() {
            return Route::RestRoot;
        }
        let (name, is_rpc) = match name.strip_prefix("rpc/") {
            Some(function) => (function, true),
            None => (name, false),
        };
        if name.contains('/') {
            return Route::Nowhere;
        }
        let decoded = percent_encoding::percent_decode_str(name).decode_utf8();
        match decoded {
            Ok(name) if is_rpc => Route::Rpc(name),
            Ok(name) => Route::Table(name),
            Err(_) => Route::Nowhere,
        }
    }

    /// Its name in metrics and logs: never what a caller wrote, so there are few.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Route::Table(_) => "/rest/v1/{table}",
            Route::Model(place) => place.label(),
            Route::Sessions(_) => "/sessions/v1",
            Route::Transaction => "/tx/v1",
            Route::Topic(_) => "/topics/v1/{topic}",
            Route::Changes(_) => "/changes/v1/{table}",
            Route::RestRoot => "/rest/v1/",
            Route::Rpc(_) => "/rest/v1/rpc/{function}",
            Route::Admin(_) => "/admin/v1",
            Route::OpenApi => "/openapi.json",
            Route::AsyncApi => "/asyncapi.json",
            Route::Metrics => "/metrics",
            Route::Live => "/livez",
            Route::Ready => "/readyz",
            Route::Startup => "/startupz",
            Route::NotText | Route::Nowhere => "unknown",
        }
    }

    /// Whether it reads and writes data, so that its answers carry stamps.
    pub(crate) fn is_data(&self) -> bool {
        matches!(self, Route::Table(_) | Route::Model(_) | Route::Transaction)
    }

    /// Whether it answers while the server is starting, draining or full, and without a key.
    pub(crate) fn is_probe(&self) -> bool {
        matches!(self, Route::Live | Route::Ready | Route::Startup)
    }

    /// Whether a session's token may be enough, without a key.
    pub(crate) fn is_of_holder(&self) -> bool {
        matches!(self, Route::Sessions(place) if place.first().is_some_and(|name| name == "current"))
    }

    /// What a key must allow; `None` where any valid key will do.
    pub(crate) fn needs(&self, method: &Method) -> Option<(Surface, Verb, Option<&str>)> {
        let verb = match self {
            Route::Model(place) => place.verb(method),
            _ if is_read(method) => Verb::Read,
            _ => Verb::Write,
        };
        match self {
            Route::Table(table) => Some((Surface::Rest, verb, Some(table))),
            // As of a transaction, below.
            Route::Model(place) if place.is_batch(method) => None,
            Route::Model(place) => Some((place.surface, verb, Some(&place.name))),
            Route::Topic(topic) => Some((Surface::Topics, verb, Some(topic))),
            Route::Changes(table) => Some((Surface::Changes, verb, Some(table))),
            // What the token does not allow is asked about there.
            Route::Sessions(_) if self.is_of_holder() => None,
            Route::Sessions(_) => Some((Surface::Sessions, verb, None)),
            // Each of its operations is asked about by itself.
            Route::Transaction => None,
            Route::RestRoot | Route::OpenApi | Route::AsyncApi | Route::Rpc(_) => None,
            Route::Admin(_) => Some((Surface::Admin, verb, None)),
            Route::Metrics => Some((Surface::Metrics, Verb::Read, None)),
            Route::Live | Route::Ready | Route::Startup => None,
            Route::NotText | Route::Nowhere => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_they_say() {
        let table = |name: &'static str| Route::Table(Cow::Borrowed(name));
        let model = |surface: Surface, name: &'static str, rest: &[&'static str]| {
            Route::Model(Place {
                surface,
                name: Cow::Borrowed(name),
                rest: rest.iter().map(|segment| Cow::Borrowed(*segment)).collect(),
            })
        };
        let kv = |name: &'static str, rest: &[&'static str]| model(Surface::Kv, name, rest);
        let sessions = |rest: &[&'static str]| {
            Route::Sessions(rest.iter().map(|segment| Cow::Borrowed(*segment)).collect())
        };
        let cases = [
            ("/rest/v1/flights", table("flights")),
            ("/rest/v1/a%2Fb", table("a/b")),
            ("/rest/v1/a%20b", table("a b")),
            ("/rest/v1/", Route::RestRoot),
            ("/rest/v1", Route::RestRoot),
            ("/rest/v1x", Route::Nowhere),
            ("/rest/v1/a/b", Route::Nowhere),
            ("/rest/v1/%FF", Route::Nowhere),
            ("/rest/v1/rpc/f", Route::Rpc(Cow::Borrowed("f"))),
            ("/rest/v1/rpc", table("rpc")),
            ("/admin/v1/keys/k1", Route::Admin("keys/k1")),
            ("/admin/v1", Route::Nowhere),
            ("/kv/v1", Route::Nowhere),
            ("/kv/v1/", Route::Nowhere),
            ("/kv/v2/s", Route::Nowhere),
            ("/kv/v1/s/%FF", Route::NotText),
            ("/wide/v1/%FF", Route::NotText),
            ("/kv/v1/s", kv("s", &[])),
            ("/kv/v1/s/", kv("s", &[""])),
            ("/kv/v1/a%2Fb/%EA%B0%80/incr", kv("a/b", &["가", "incr"])),
            ("/sessions/v1", sessions(&[])),
            ("/sessions/v1/", sessions(&[""])),
            (
                "/sessions/v1/users/a%2Fb/7",
                sessions(&["users", "a/b", "7"]),
            ),
            ("/sessions/v1/users/%FF", Route::NotText),
            ("/sessions/v1x", Route::Nowhere),
            (
                "/queue/v1/mail/lease",
                model(Surface::Queue, "mail", &["lease"]),
            ),
            (
                "/exchanges/v1/orders/messages",
                model(Surface::Exchanges, "orders", &["messages"]),
            ),
            ("/tx/v1", Route::Transaction),
            ("/topics/v1/a.b", Route::Topic(Cow::Borrowed("a.b"))),
            ("/topics/v1/a%2Fb", Route::Topic(Cow::Borrowed("a/b"))),
            ("/topics/v1/%FF", Route::NotText),
            ("/topics/v1/", Route::Nowhere),
            ("/changes/v1/t", Route::Changes(Cow::Borrowed("t"))),
            ("/asyncapi.json", Route::AsyncApi),
            ("/topics/v1", Route::Nowhere),
            ("/topics/v1/a/b", Route::Nowhere),
            ("/openapi.json", Route::OpenApi),
            ("/livez", Route::Live),
            ("/", Route::Nowhere),
            ("", Route::Nowhere),
        ];
        for (path, route) in cases {
            assert_eq!(Route::of(path), route, "for {path}");
        }
    }
}
