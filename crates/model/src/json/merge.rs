//! JSON merge patch (RFC 7396).

use super::patch::{PatchError, PatchErrorKind, PatchLimits};
use super::scan::scan;
use super::tree::{Node, TreeBuilder, key_order};
use super::{type_of, with_article};
use std::borrow::Cow;
use std::cmp::Ordering;

/// `target` changed by a merge patch: members of the patch replace or join the target's, recursively;
/// null takes a member away; a patch that is no object replaces the whole. The answer is canonical
/// ([`super::canonical`]). Refuses what is not JSON, and an answer beyond `limits.bytes_max`.
pub fn merge_patch(target: &str, patch: &str, limits: &PatchLimits) -> Result<String, PatchError> {
    let target = scan(target, TreeBuilder).map_err(PatchError::target)?;
    let patch = scan(patch, TreeBuilder).map_err(PatchError::not_json)?;
    limits.check_result(merge(target, patch).to_text())
}

/// Refuses what is no merge patch of an object, whatever the object is: one that is no object
/// itself would replace it.
pub fn check_merge_patch(patch: &str) -> Result<(), PatchError> {
    match scan(patch, TreeBuilder).map_err(PatchError::not_json)? {
        Node::Object(_) => Ok(()),
        _ => Err(PatchError::new(
            PatchErrorKind::Inapplicable,
            format!(
                "the merge patch is {}, not an object",
                with_article(type_of(patch))
            ),
        )),
    }
}

/// Section 2's algorithm. Both objects' members are in one order, so they are merged in one pass.
fn merge<'a>(target: Node<'a>, patch: Node<'a>) -> Node<'a> {
    let Node::Object(changes) = patch else {
        return patch;
    };
    let old = match target {
        Node::Object(pairs) => pairs,
        _ => Vec::new(),
    };
    let mut merged: Vec<(Cow<'a, str>, Node<'a>)> = Vec::with_capacity(old.len());
    let mut old = old.into_iter().peekable();
    for (key, change) in changes {
        while let Some(pair) = old.next_if(|(have, _)| key_order(have, &key) == Ordering::Less) {
            merged.push(pair);
        }
        let before = old.next_if(|(have, _)| *have == key);
        if change != Node::Null {
            let before = before.map_or(Node::Null, |(_, value)| value);
            merged.push((key, merge(before, change)));
        }
    }
    merged.extend(old);
    Node::Object(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{canonical, parse};
    use crate::value::tests::any_json;
    use proptest::prelude::*;

    fn merged(target: &str, patch: &str) -> String {
        merge_patch(target, patch, &PatchLimits::default()).unwrap()
    }

    #[test]
    fn patches_do_what_rfc_7396_appendix_a_says() {
        for (target, patch, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let found = merged(target, patch);
            assert_eq!(found, canonical(expected).unwrap(), "{target} + {patch}");
        }
    }

    #[test]
    fn no_digit_is_lost() {
        let long = "12345678901234567890123456789.000000000000000000000000000001";
        let target = format!(r#"{{"kept": {long}}}"#);
        let patch = format!(r#"{{"new": -{long}}}"#);
        let expected = format!(r#"{{"new": -{long}, "kept": {long}}}"#);
        assert_eq!(merged(&target, &patch), expected);
    }

    #[test]
    fn a_result_beyond_the_limit_is_refused() {
        let limits = PatchLimits {
            bytes_max: 17,
            ..PatchLimits::default()
        };
        let patch = |value| merge_patch(r#"{"a": 1}"#, value, &limits);
        assert_eq!(patch(r#"{"b": 22}"#).unwrap(), r#"{"a": 1, "b": 22}"#);
        let error = patch(r#"{"b": 333}"#).unwrap_err();
        assert_eq!(error.kind(), PatchErrorKind::TooLarge);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let error = merge_patch("{}", "{'a': 1}", &PatchLimits::default()).unwrap_err();
        assert_eq!(error.kind(), PatchErrorKind::Malformed);
    }

    /// The patch that leads from one value to another that holds no null in an object.
    fn diff<'a>(from: &Node<'a>, to: &Node<'a>) -> Node<'a> {
        let Node::Object(wanted) = to else {
            return to.clone();
        };
        let mut changes = Vec::new();
        if let Node::Object(old) = from {
            for (key, _) in old.iter().filter(|(key, _)| to.get(key).is_none()) {
                changes.push((key.clone(), Node::Null));
            }
        }
        for (key, value) in wanted {
            let old = from.get(key).unwrap_or(&Node::Null);
            if old != value {
                changes.push((key.clone(), diff(old, value)));
            }
        }
        Node::object(changes)
    }

    /// Section 1: null cannot be set as a member's value.
    fn without_nulls(node: Node<'_>) -> Node<'_> {
        match node {
            Node::Object(pairs) => Node::Object(
                pairs
                    .into_iter()
                    .filter(|(_, value)| *value != Node::Null)
                    .map(|(key, value)| (key, without_nulls(value)))
                    .collect(),
            ),
            other => other,
        }
    }

    /// The RFC's pseudocode, word for word, over another tree.
    fn naive(target: serde_json::Value, patch: &serde_json::Value) -> serde_json::Value {
        let Some(changes) = patch.as_object() else {
            return patch.clone();
        };
        let mut target = match target {
            serde_json::Value::Object(pairs) => pairs,
            _ => serde_json::Map::new(),
        };
        for (name, value) in changes {
            if value.is_null() {
                target.remove(name);
            } else {
                let old = target.remove(name).unwrap_or(serde_json::Value::Null);
                target.insert(name.clone(), naive(old, value));
            }
        }
        serde_json::Value::Object(target)
    }

    fn tree(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    proptest! {
        #[test]
        fn merging_twice_is_merging_once(target in any_json(), patch in any_json()) {
            let once = merged(&target, &patch);
            prop_assert_eq!(merged(&once, &patch), once);
        }

        #[test]
        fn merging_does_what_the_rfcs_pseudocode_does(target in any_json(), patch in any_json()) {
            let (target, patch) = (canonical(&target).unwrap(), canonical(&patch).unwrap());
            let found = merged(&target, &patch);
            prop_assert_eq!(tree(&found), naive(tree(&target), &tree(&patch)));
            prop_assert_eq!(canonical(&found).unwrap(), found, "the answer is canonical");
        }

        #[test]
        fn a_difference_applied_gives_the_target(from in any_json(), to in any_json()) {
            let (from, to) = (parse(&from).unwrap(), without_nulls(parse(&to).unwrap()));
            let patch = diff(&from, &to);
            prop_assert_eq!(merged(&from.to_text(), &patch.to_text()), to.to_text());
        }

        #[test]
        fn no_text_makes_it_panic(target in "\\PC{0,20}", patch in "[\\[\\]{}\",:0-9na ]{0,20}") {
            let _ = merge_patch(&target, &patch, &PatchLimits::default());
            let _ = merge_patch(&patch, &target, &PatchLimits::default());
        }
    }
}
