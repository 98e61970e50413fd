//! Nodes, edges and questions as JSON.

use crate::answer::Answer;
use crate::conditional;
use crate::error::ApiError;
use crate::object::{self, Instant};
use crate::params::{self, malformed};
use http::StatusCode;
use http::header::{CONTENT_TYPE, ETAG};
use http::request::Parts;
use pando_model::datetime;
use pando_store::graph::{Edge, EdgeKey, Node};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// What a moment is.
pub(super) const INSTANT: &str = "a time, such as 2026-01-31T05:06:07Z or microseconds since 1970";

/// What `PUT` of a node takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeBody<'a> {
    /// It may be said again.
    #[serde(default, deserialize_with = "params::given")]
    id: Option<String>,
    pub(super) kind: String,
    #[serde(default, borrow, deserialize_with = "present")]
    body: Option<&'a RawValue>,
}

/// What `PATCH` of a node takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodePatchBody<'a> {
    #[serde(default, deserialize_with = "params::given")]
    pub(super) kind: Option<String>,
    #[serde(default, borrow, deserialize_with = "present")]
    body: Option<&'a RawValue>,
}

/// What `PUT` of an edge takes.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgeBody<'a> {
    #[serde(default, deserialize_with = "params::given")]
    from: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    to: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    at: Option<Instant>,
    #[serde(default, borrow, deserialize_with = "present")]
    body: Option<&'a RawValue>,
}

/// A value that is there, `null` included.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> NodeBody<'a> {
    pub(super) fn read(sent: &'a [u8], id: &str) -> Result<NodeBody<'a>, ApiError> {
        let body: NodeBody<'_> = object::read(sent)
            .map_err(|error| malformed(format!("the body is not {{kind, body}}: {error}")))?;
        same("id", body.id.as_deref(), id)?;
        Ok(body)
    }

    pub(super) fn body(&self) -> Option<&'a str> {
        self.body.map(RawValue::get)
    }
}

impl<'a> NodePatchBody<'a> {
    pub(super) fn read(sent: &'a [u8]) -> Result<NodePatchBody<'a>, ApiError> {
        object::read(sent).map_err(|error| {
            malformed(format!("the patch is not {{kind, body}}: {error}"))
                .hint("What is to change in the node's body lies under \"body\".")
        })
    }

    pub(super) fn body(&self) -> Option<&'a str> {
        self.body.map(RawValue::get)
    }
}

impl<'a> EdgeBody<'a> {
    pub(super) fn read(sent: &'a [u8], key: &EdgeKey) -> Result<EdgeBody<'a>, ApiError> {
        let body: EdgeBody<'_> = object::read(sent)
            .map_err(|error| malformed(format!("the body is not {{at, body}}: {error}")))?;
        same("from", body.from.as_deref(), key.from())?;
        same("kind", body.kind.as_deref(), key.kind())?;
        same("to", body.to.as_deref(), key.to())?;
        Ok(body)
    }

    pub(super) fn body(&self) -> Option<&'a str> {
        self.body.map(RawValue::get)
    }

    /// When it came to be, where that is said.
    pub(super) fn at_us(&self) -> Result<Option<i64>, ApiError> {
        let wrong = |given: &dyn std::fmt::Display| {
            malformed(format!("at is {given}, which is not {INSTANT}"))
        };
        match &self.at {
            None => Ok(None),
            Some(Instant::Us(us)) => match datetime::in_range(*us) {
                Some(us) => Ok(Some(us)),
                None => Err(wrong(us)),
            },
            Some(Instant::Text(text)) => match datetime::parse_timestamptz(text) {
                Ok(us) => Ok(Some(us)),
                Err(_) => Err(wrong(text)),
            },
        }
    }
}

/// Refuses a body that names something else than its path.
fn same(what: &str, said: Option<&str>, path: &str) -> Result<(), ApiError> {
    match said {
        Some(said) if said != path => Err(malformed(format!(
            "the body says {what} {said:?}, and the path {path:?}"
        ))),
        _ => Ok(()),
    }
}

/// Refuses a body that says that it is no JSON.
pub(super) fn check_json(parts: &Parts) -> Result<(), ApiError> {
    let Some(kind) = parts.headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = kind.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    // What curl says of a body unless it is told otherwise.
    let unsaid = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    if unsaid || essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!("graphs take JSON, not {kind:?}");
    Err(ApiError::unsupported_media_type(message))
}

/// A node as it is answered.
#[derive(Serialize)]
pub(super) struct NodeJson<'a> {
    id: &'a str,
    kind: &'a str,
    body: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    common: Option<u64>,
}

impl NodeJson<'_> {
    /// The same, with the number of neighbours in common.
    pub(super) fn with_common(mut self, common: u64) -> Self {
        self.common = Some(common);
        self
    }

    pub(super) fn of(node: &Node) -> NodeJson<'_> {
        NodeJson {
            id: &node.id,
            kind: &node.kind,
            body: raw(&node.body),
            common: None,
        }
    }
}

/// A list of nodes as it is answered.
#[derive(Serialize)]
pub(super) struct NodesJson<'a> {
    nodes: Vec<NodeJson<'a>>,
}

impl NodesJson<'_> {
    pub(super) fn of(nodes: &[Node]) -> NodesJson<'_> {
        NodesJson {
            nodes: nodes.iter().map(NodeJson::of).collect(),
        }
    }
}

/// An edge as it is answered.
#[derive(Serialize)]
pub(super) struct EdgeJson<'a> {
    from: &'a str,
    kind: &'a str,
    to: &'a str,
    at: String,
    body: Box<RawValue>,
}

/// A list of edges as it is answered.
#[derive(Serialize)]
pub(super) struct EdgesJson<'a> {
    edges: Vec<EdgeJson<'a>>,
}

impl EdgesJson<'_> {
    pub(super) fn of(edges: &[Edge]) -> EdgesJson<'_> {
        EdgesJson {
            edges: edges.iter().map(EdgeJson::of).collect(),
        }
    }
}

impl EdgeJson<'_> {
    fn of(edge: &Edge) -> EdgeJson<'_> {
        EdgeJson {
            from: &edge.from,
            kind: &edge.kind,
            to: &edge.to,
            at: instant(edge.at_us),
            body: raw(&edge.body),
        }
    }
}

pub(super) fn node_answer(node: &Node) -> Answer {
    let mut answer = Answer::json(StatusCode::OK, &NodeJson::of(node));
    answer.put(ETAG, conditional::etag(node.version));
    answer
}

pub(super) fn edge_answer(edge: &Edge) -> Answer {
    let mut answer = Answer::json(StatusCode::OK, &EdgeJson::of(edge));
    answer.put(ETAG, conditional::etag(edge.version));
    answer
}

/// What is stored is JSON.
fn raw(body: &str) -> Box<RawValue> {
    RawValue::from_string(body.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// RFC 3339, in UTC.
fn instant(us: i64) -> String {
    let mut out = Vec::with_capacity(32);
    datetime::write_timestamp(us, b'T', &mut out);
    out.push(b'Z');
    // Digits and punctuation only.
    String::from_utf8(out).unwrap_or_default()
}
