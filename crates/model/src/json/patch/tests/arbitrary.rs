//! Patches from random values to others, and of random texts.

use super::patched;
use crate::json::{Node, canonical, parse};
use crate::value::tests::any_json;
use proptest::prelude::*;

/// A patch that leads from one value to another: what is alike is tested, the rest removed, added or replaced.
fn diff(path: &str, from: &Node<'_>, to: &Node<'_>, out: &mut Vec<String>) {
    let below = |token: &str| format!("{path}/{}", token.replace('~', "~0").replace('/', "~1"));
    match (from, to) {
        _ if from == to => out.push(operation("test", path, Some(to))),
        (Node::Object(old), Node::Object(wanted)) => {
            let gone = old.iter().filter(|(key, _)| to.get(key).is_none());
            out.extend(gone.map(|(key, _)| operation("remove", &below(key), None)));
            for (key, value) in wanted {
                match from.get(key) {
                    None => out.push(operation("add", &below(key), Some(value))),
                    Some(have) => diff(&below(key), have, value, out),
                }
            }
        }
        (Node::Array(old), Node::Array(wanted)) => {
            for (at, (have, value)) in old.iter().zip(wanted).enumerate() {
                diff(&below(&at.to_string()), have, value, out);
            }
            for at in (wanted.len()..old.len()).rev() {
                out.push(operation("remove", &below(&at.to_string()), None));
            }
            let new = wanted.iter().skip(old.len());
            out.extend(new.map(|value| operation("add", &below("-"), Some(value))));
        }
        _ => out.push(operation("replace", path, Some(to))),
    }
}

fn operation(op: &str, path: &str, value: Option<&Node<'_>>) -> String {
    let path = Node::String(path.into()).to_text();
    let value = value.map(|value| format!(r#","value":{}"#, value.to_text()));
    format!(
        r#"{{"op":"{op}","path":{path}{}}}"#,
        value.unwrap_or_default()
    )
}

/// Patches that are well formed more often than not, over short paths.
fn any_patch() -> impl Strategy<Value = String> {
    let path = || {
        prop::collection::vec("[a-c]{0,2}|[0-2]|-|~", 0..3).prop_map(|tokens| {
            tokens
                .iter()
                .map(|token| format!("/{token}"))
                .collect::<String>()
        })
    };
    let op = "add|remove|replace|move|copy|test|spam";
    let one = (op, path(), path(), any_json()).prop_map(|(op, path, from, value)| {
        format!(r#"{{"op":"{op}","path":"{path}","from":"{from}","value":{value}}}"#)
    });
    prop::collection::vec(one, 0..4).prop_map(|all| format!("[{}]", all.join(",")))
}

proptest! {
    #[test]
    fn a_difference_applied_gives_the_target(from in any_json(), to in any_json()) {
        let (from, to) = (parse(&from).unwrap(), parse(&to).unwrap());
        let mut operations = Vec::new();
        diff("", &from, &to, &mut operations);
        let patch = format!("[{}]", operations.join(","));
        prop_assert_eq!(patched(&from.to_text(), &patch), Ok(to.to_text()), "{}", patch);
    }

    #[test]
    fn an_answer_is_canonical_and_a_fault_is_told(target in any_json(), patch in any_patch()) {
        match patched(&target, &patch) {
            Ok(text) => prop_assert_eq!(canonical(&text).unwrap(), text),
            Err(error) => prop_assert!(error.to_string().len() < 2_000),
        }
    }

    #[test]
    fn no_text_makes_it_panic(target in "\\PC{0,20}", patch in "[\\[\\]{}\":,/~opathdvlue0-9]{0,30}") {
        let _ = patched(&target, &patch);
        let _ = patched("[{}]", &patch);
    }
}
