//! Paths that are declared: `region`, `name->>common`, `tags->0`.

use super::relation::BODY;
use pando_model::json::Node;
use pando_model::plan::{JsonStep, Scalar};
use std::fmt;
use std::str::FromStr;

/// Bytes of a path at most.
const PATH_BYTES_MAX: usize = 255;

/// A path into documents, as a filter writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    steps: Vec<JsonStep>,
    as_text: bool,
}

/// A text that is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no path into documents: {reason}")]
pub struct PathError {
    text: String,
    reason: &'static str,
}

impl Path {
    /// The value that a filter on this path looks at.
    pub(super) fn scalar(&self) -> Scalar {
        Scalar::Json {
            column: BODY,
            path: self.steps.clone(),
            as_text: self.as_text,
        }
    }

    /// The texts that lie here: a string, or the strings of an array, and of arrays in it.
    pub(super) fn texts<'n>(&self, body: &'n Node<'_>, out: &mut Vec<&'n str>) {
        let found = self.steps.iter().try_fold(body, |node, step| match step {
            JsonStep::Key(key) => node.get(key),
            JsonStep::Index(index) => item(node, *index),
        });
        if let Some(found) = found {
            collect(found, out);
        }
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Path, PathError> {
        let fault = |reason| PathError {
            text: text.to_owned(),
            reason,
        };
        if text.len() > PATH_BYTES_MAX {
            return Err(fault("it has more than 255 bytes"));
        }
        if text.contains(['"', '\0', ',', '(', ')']) {
            return Err(fault("it holds one of \" , ( )"));
        }
        let (lead, last) = match text.split_once("->>") {
            Some((lead, last)) => (lead, Some(last)),
            None => (text, None),
        };
        let mut steps = Vec::new();
        for (place, step) in lead.split("->").chain(last).enumerate() {
            let step = step.trim();
            if step.is_empty() || step.contains("->") {
                return Err(fault("a name is missing, or something follows ->>"));
            }
            steps.push(match step.parse() {
                Ok(index) if place > 0 => JsonStep::Index(index),
                _ => JsonStep::Key(step.to_owned()),
            });
        }
        if matches!(steps.first(), Some(JsonStep::Key(key)) if key.starts_with('_')) {
            return Err(fault("names that begin with _ are Pando's at the top"));
        }
        Ok(Path {
            text: text.to_owned(),
            steps,
            as_text: last.is_some(),
        })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn item<'n, 'a>(node: &'n Node<'a>, index: i64) -> Option<&'n Node<'a>> {
    let Node::Array(items) = node else {
        return None;
    };
    let place = match usize::try_from(index) {
        Ok(place) => place,
        Err(_) => items
            .len()
            .checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    items.get(place)
}

fn collect<'n>(node: &'n Node<'_>, out: &mut Vec<&'n str>) {
    match node {
        Node::String(text) => out.push(text),
        Node::Array(items) => items.iter().for_each(|item| collect(item, out)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pando_model::json;

    #[test]
    fn paths_are_read_as_filters_write_them_and_others_are_refused() {
        let key = |key: &str| JsonStep::Key(key.to_owned());
        for (text, steps, as_text) in [
            ("region", vec![key("region")], false),
            ("name->>common", vec![key("name"), key("common")], true),
            (
                "a->-1->b",
                vec![key("a"), JsonStep::Index(-1), key("b")],
                false,
            ),
            ("7->7", vec![key("7"), JsonStep::Index(7)], false),
        ] {
            let path: Path = text.parse().unwrap();
            assert_eq!((path.steps, path.as_text), (steps, as_text), "{text}");
        }
        for text in [
            "",
            "->a",
            "a->",
            "a->>b->c",
            "a->>b->>c",
            "a,b",
            "\"a\"",
            "_id",
        ] {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_texts_of_a_path_are_strings_and_those_in_arrays() {
        let body = json::parse(r#"{"t": "x", "l": ["a", ["b"], 7, {"c": "d"}], "n": 1}"#).unwrap();
        for (path, expected) in [
            ("t", vec!["x"]),
            ("l", vec!["a", "b"]),
            ("l->-1->>c", vec!["d"]),
            ("l->0", vec!["a"]),
            ("n", vec![]),
            ("none->x", vec![]),
        ] {
            let mut found = Vec::new();
            path.parse::<Path>().unwrap().texts(&body, &mut found);
            assert_eq!(found, expected, "{path}");
        }
    }
}
