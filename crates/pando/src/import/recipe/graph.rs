//! Graphs: a node or an edge for each record.
//!
//! Without flags a record is what `export` writes, and `GET` answers: an edge is known by its
//! `from`, a node by its `id`.

use super::super::chunk::Fault;
use super::super::fields::{Fields, push_string};
use super::{Operations, Recipe, TX, TX_FRAME, TX_OPERATIONS_MAX, usage};
use crate::cli::ImportArgs;
use pando_client::encoded;

/// The field that tells when an edge came to be, where none is named.
const AT: &str = "at";

/// What the records of an import are.
enum Form {
    /// As they are exported: both, in any order in which nodes come before their edges.
    Exported,
    /// Nodes: the field that is the id, and the kind.
    Nodes { id: String, kind: Kind },
    /// Edges: the fields of both ends, the kind, and the field that tells when.
    Edges {
        from: String,
        to: String,
        kind: Kind,
        at: String,
    },
}

/// `--kind`: the same for all, or `@field`.
enum Kind {
    Constant(String),
    Field(String),
}

/// Nodes and edges of a graph.
struct Graph {
    lead: String,
    form: Form,
}

/// The recipe that the flags name.
pub(super) fn of(graph: &str, args: &ImportArgs) -> anyhow::Result<Box<dyn Recipe>> {
    let kind = |what: &str| match args.kind.as_deref() {
        Some(kind) => Ok(match kind.strip_prefix('@') {
            Some(field) => Kind::Field(field.to_owned()),
            None => Kind::Constant(kind.to_owned()),
        }),
        None => Err(usage(
            &format!("{what} have a kind"),
            "--kind NAME is the same for all, --kind @FIELD that of each record",
        )),
    };
    let form = match (&args.key, &args.from, &args.to) {
        (Some(id), None, None) => Form::Nodes {
            id: id.clone(),
            kind: kind("nodes")?,
        },
        (None, Some(from), Some(to)) => Form::Edges {
            from: from.clone(),
            to: to.clone(),
            kind: kind("edges")?,
            at: args.at.clone().unwrap_or_else(|| AT.to_owned()),
        },
        (None, None, None) if args.kind.is_none() => Form::Exported,
        _ => {
            return Err(usage(
                "a graph is imported by nodes or by edges",
                "nodes: --key FIELD --kind KIND; edges: --from FIELD --to FIELD --kind KIND;\n\
                 without any of these flags records are as `pando export` writes them",
            ));
        }
    };
    if args.at.is_some() && !matches!(form, Form::Edges { .. }) {
        return Err(usage("--at goes with edges", "give --from and --to too"));
    }
    Ok(Box::new(Graph {
        lead: format!("/graph/v1/{}/nodes", encoded(graph)),
        form,
    }))
}

impl Kind {
    fn of(&self, record: &Fields<'_>) -> Result<String, Fault> {
        match self {
            Kind::Constant(kind) => Ok(kind.clone()),
            Kind::Field(field) => record.text(field).map(|kind| kind.into_owned()),
        }
    }

    fn field(&self) -> Option<&str> {
        match self {
            Kind::Constant(_) => None,
            Kind::Field(field) => Some(field),
        }
    }
}

impl Graph {
    fn node(&self, id: &str, kind: &str, body: Option<&str>) -> Operations {
        let mut text = put(&format!("{}/{}", self.lead, encoded(id)));
        text.push_str("{\"kind\":");
        push_string(kind, &mut text);
        if let Some(body) = body {
            text.push_str(",\"body\":");
            text.push_str(body);
        }
        text.push_str("}}");
        Operations { count: 1, text }
    }

    fn edge(
        &self,
        (from, kind, to): (&str, &str, &str),
        at: Option<&str>,
        body: Option<&str>,
    ) -> Operations {
        let (from, kind, to) = (encoded(from), encoded(kind), encoded(to));
        let mut text = put(&format!("{}/{from}/edges/{kind}/{to}", self.lead));
        let members = [("at", at), ("body", body)];
        let given = members
            .iter()
            .filter_map(|(name, value)| Some(format!("\"{name}\":{}", (*value)?)));
        text.push('{');
        text.push_str(&given.collect::<Vec<_>>().join(","));
        text.push_str("}}");
        Operations { count: 1, text }
    }

    fn exported(&self, record: &Fields<'_>) -> Result<Operations, Fault> {
        let kind = record.text("kind")?;
        // A body may be null.
        let body = record.get("body");
        if record.given("from").is_some() {
            let ends = (&*record.text("from")?, &*kind, &*record.text("to")?);
            return Ok(self.edge(ends, record.given(AT), body));
        }
        Ok(self.node(&record.text("id")?, &kind, body))
    }
}

/// The begin of a `PUT`, up to its body.
fn put(path: &str) -> String {
    let mut text = String::from("{\"method\":\"PUT\",\"path\":");
    push_string(path, &mut text);
    text.push_str(",\"body\":");
    text
}

impl Recipe for Graph {
    fn operations(&self, record: &Fields<'_>) -> Result<Operations, Fault> {
        match &self.form {
            Form::Exported => self.exported(record),
            Form::Nodes { id, kind } => {
                let mut known = vec![id.as_str()];
                known.extend(kind.field());
                let body = record.object_without(&known);
                Ok(self.node(&record.text(id)?, &kind.of(record)?, body.as_deref()))
            }
            Form::Edges { from, to, kind, at } => {
                let mut known = vec![from.as_str(), to, at];
                known.extend(kind.field());
                let body = record.object_without(&known);
                let ends = (&*record.text(from)?, &*kind.of(record)?, &*record.text(to)?);
                Ok(self.edge(ends, record.given(at), body.as_deref()))
            }
        }
    }

    fn path(&self) -> &str {
        TX
    }

    fn frame(&self) -> (&'static str, &'static str) {
        TX_FRAME
    }

    fn operations_max(&self) -> usize {
        TX_OPERATIONS_MAX
    }

    fn needed(&self) -> Vec<&str> {
        match &self.form {
            Form::Exported => Vec::new(),
            Form::Nodes { id, kind } => [id.as_str()].into_iter().chain(kind.field()).collect(),
            Form::Edges { from, to, kind, .. } => {
                let ends = [from.as_str(), to.as_str()];
                ends.into_iter().chain(kind.field()).collect()
            }
        }
    }
}
