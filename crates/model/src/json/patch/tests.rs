mod arbitrary;

use super::*;
use crate::json::canonical;
use PatchErrorKind::{Inapplicable, Malformed, TestFailed, TooLarge};

fn patched(target: &str, patch: &str) -> Result<String, PatchError> {
    json_patch(target, patch, &PatchLimits::default())
}

fn check(target: &str, patch: &str, expected: &str) {
    let found = patched(target, patch);
    assert_eq!(
        found,
        Ok(canonical(expected).unwrap()),
        "{target} + {patch}"
    );
}

fn check_fault(target: &str, patch: &str, kind: PatchErrorKind, operation: usize, says: &str) {
    let error = patched(target, patch).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.operation(), Some(operation), "{error}");
    assert_eq!(error.to_string(), says, "{target} + {patch}");
}

#[test]
fn patches_do_what_rfc_6902_appendix_a_says() {
    for (target, patch, expected) in [
        (
            r#"{"foo":"bar"}"#,
            r#"[{"op":"add","path":"/baz","value":"qux"}]"#,
            r#"{"baz":"qux","foo":"bar"}"#,
        ),
        (
            r#"{"foo":["bar","baz"]}"#,
            r#"[{"op":"add","path":"/foo/1","value":"qux"}]"#,
            r#"{"foo":["bar","qux","baz"]}"#,
        ),
        (
            r#"{"baz":"qux","foo":"bar"}"#,
            r#"[{"op":"remove","path":"/baz"}]"#,
            r#"{"foo":"bar"}"#,
        ),
        (
            r#"{"foo":["bar","qux","baz"]}"#,
            r#"[{"op":"remove","path":"/foo/1"}]"#,
            r#"{"foo":["bar","baz"]}"#,
        ),
        (
            r#"{"baz":"qux","foo":"bar"}"#,
            r#"[{"op":"replace","path":"/baz","value":"boo"}]"#,
            r#"{"baz":"boo","foo":"bar"}"#,
        ),
        (
            r#"{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}"#,
            r#"[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]"#,
            r#"{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}"#,
        ),
        (
            r#"{"foo":["all","grass","cows","eat"]}"#,
            r#"[{"op":"move","from":"/foo/1","path":"/foo/3"}]"#,
            r#"{"foo":["all","cows","eat","grass"]}"#,
        ),
        (
            r#"{"baz":"qux","foo":["a",2,"c"]}"#,
            r#"[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]"#,
            r#"{"baz":"qux","foo":["a",2,"c"]}"#,
        ),
        (
            r#"{"foo":"bar"}"#,
            r#"[{"op":"add","path":"/child","value":{"grandchild":{}}}]"#,
            r#"{"foo":"bar","child":{"grandchild":{}}}"#,
        ),
        (
            r#"{"foo":"bar"}"#,
            r#"[{"op":"add","path":"/baz","value":"qux","xyz":123}]"#,
            r#"{"foo":"bar","baz":"qux"}"#,
        ),
        (
            r#"{"/":9,"~1":10}"#,
            r#"[{"op":"test","path":"/~01","value":10}]"#,
            r#"{"/":9,"~1":10}"#,
        ),
        (
            r#"{"foo":["bar"]}"#,
            r#"[{"op":"add","path":"/foo/-","value":["abc","def"]}]"#,
            r#"{"foo":["bar",["abc","def"]]}"#,
        ),
    ] {
        check(target, patch, expected);
    }
}

#[test]
fn the_faults_of_rfc_6902_appendix_a_are_faults() {
    check_fault(
        r#"{"baz":"qux"}"#,
        r#"[{"op":"test","path":"/baz","value":"bar"}]"#,
        TestFailed,
        0,
        r#"operation 0 (test /baz): found "qux", not "bar""#,
    );
    check_fault(
        r#"{"foo":"bar"}"#,
        r#"[{"op":"add","path":"/baz/bat","value":"qux"}]"#,
        Inapplicable,
        0,
        r#"operation 0 (add /baz/bat): the whole document has no member "baz""#,
    );
    // A.13: of two ops one counts; here it is the last, as everywhere in Pando.
    check_fault(
        r#"{"foo":"bar"}"#,
        r#"[{"op":"add","path":"/baz","value":"qux","op":"remove"}]"#,
        Inapplicable,
        0,
        r#"operation 0 (remove /baz): the whole document has no member "baz""#,
    );
    // A.15: a number is not the string of its digits.
    check_fault(
        r#"{"/":9,"~1":10}"#,
        r#"[{"op":"test","path":"/~01","value":"10"}]"#,
        TestFailed,
        0,
        r#"operation 0 (test /~01): found 10, not "10""#,
    );
}

#[test]
fn what_the_appendix_leaves_out_works_too() {
    for (target, patch, expected) in [
        (
            "1",
            r#"[{"op":"add","path":"","value":{"a":1}}]"#,
            r#"{"a":1}"#,
        ),
        ("1", r#"[{"op":"replace","path":"","value":2}]"#, "2"),
        (
            r#"{"a":{"b":1}}"#,
            r#"[{"op":"move","from":"/a","path":""}]"#,
            r#"{"b":1}"#,
        ),
        (
            r#"{"a":1}"#,
            r#"[{"op":"move","from":"/a","path":"/a"}]"#,
            r#"{"a":1}"#,
        ),
        (
            r#"{"a":[1]}"#,
            r#"[{"op":"copy","from":"","path":"/a/0"}]"#,
            r#"{"a":[{"a":[1]},1]}"#,
        ),
        (
            r#"{"a":1}"#,
            r#"[{"op":"copy","from":"/a","path":"/b"}]"#,
            r#"{"a":1,"b":1}"#,
        ),
        (
            r#"{"a":1}"#,
            r#"[{"op":"add","path":"/a","value":null}]"#,
            r#"{"a":null}"#,
        ),
        (
            "[]",
            r#"[{"op":"add","path":"/0","value":1},{"op":"add","path":"/1","value":2}]"#,
            "[1,2]",
        ),
        (
            r#"{"":{"":1}}"#,
            r#"[{"op":"remove","path":"//"}]"#,
            r#"{"":{}}"#,
        ),
        (
            "[10, {\"a\": 1.50}]",
            r#"[{"op":"test","path":"","value":[1e1,{"a":1.5}]}]"#,
            "[10,{\"a\":1.5}]",
        ),
        ("{}", "[]", "{}"),
    ] {
        check(target, patch, expected);
    }
}

#[test]
fn a_fault_names_the_operation_the_path_and_what_was_found() {
    let target = r#"{"list": [1, 2], "text": "x"}"#;
    for (operation, says) in [
        (
            r#"{"op":"remove","path":"/list/2"}"#,
            "(remove /list/2): /list has 2 items, and none at 2",
        ),
        (
            r#"{"op":"add","path":"/list/3","value":0}"#,
            "(add /list/3): /list has 2 items, and none at 3",
        ),
        (
            r#"{"op":"replace","path":"/list/-","value":0}"#,
            "(replace /list/-): /list has 2 items, and none at -",
        ),
        (
            r#"{"op":"add","path":"/list/01","value":0}"#,
            "(add /list/01): /list is an array, and \"01\" is no index of one",
        ),
        (
            r#"{"op":"add","path":"/text/a","value":0}"#,
            "(add /text/a): /text is neither an object nor an array",
        ),
        (
            r#"{"op":"remove","path":"/text/a/b"}"#,
            "(remove /text/a/b): /text is neither an object nor an array",
        ),
        (
            r#"{"op":"move","from":"/none","path":"/a"}"#,
            "(move /none to /a): the whole document has no member \"none\"",
        ),
        (
            r#"{"op":"move","from":"/none","path":"/none"}"#,
            "(move /none to /none): the whole document has no member \"none\"",
        ),
        (
            r#"{"op":"remove","path":""}"#,
            "(remove the whole document): the whole document cannot be removed by a patch; DELETE it",
        ),
    ] {
        let patch = format!(r#"[{{"op":"add","path":"/ok","value":1}},{operation}]"#);
        check_fault(
            target,
            &patch,
            Inapplicable,
            1,
            &format!("operation 1 {says}"),
        );
    }
}

#[test]
fn what_is_no_patch_is_refused_before_anything_is_tried() {
    for (operation, says) in [
        ("1", "(?): an operation is an object with op and path"),
        ("{}", "(?): op is missing"),
        (r#"{"op":1,"path":""}"#, "(?): op is not a string"),
        (r#"{"op":"add","path":1}"#, "(?): path is not a string"),
        (
            r#"{"op":"copy","path":"","from":[]}"#,
            "(?): from is not a string",
        ),
        (r#"{"op":"add","value":1}"#, "(add): path is missing"),
        (r#"{"op":"add","path":"/a"}"#, "(add /a): value is missing"),
        (
            r#"{"op":"test","path":"/a"}"#,
            "(test /a): value is missing",
        ),
        (r#"{"op":"copy","path":"/a"}"#, "(copy /a): from is missing"),
        (
            r#"{"op":"move","from":"/a","path":"/a/b"}"#,
            "(move /a/b): a value cannot be moved into itself",
        ),
        (
            r#"{"op":"spam","path":"/a"}"#,
            "(spam /a): there is no such op; there are add, remove, replace, move, copy and test",
        ),
        (
            r#"{"op":"remove","path":"a"}"#,
            "(remove a): path is no JSON pointer: it is empty or begins with /, and ~ is written ~0, / in a name ~1",
        ),
    ] {
        // The first operation would fail, if it were tried.
        let patch = format!(r#"[{{"op":"remove","path":"/none"}},{operation}]"#);
        check_fault("{}", &patch, Malformed, 1, &format!("operation 1 {says}"));
    }
    for patch in ["{}", "1", "[", "", "{\"op\":\"add\"}"] {
        assert_eq!(
            patched("{}", patch).unwrap_err().kind(),
            Malformed,
            "{patch}"
        );
    }
}

#[test]
fn doubling_by_copies_is_stopped() {
    let copy = r#"{"op":"copy","from":"","path":"/-"}"#;
    let patch = format!("[{}]", vec![copy; 60].join(","));
    let error = patched(r#"["0123456789"]"#, &patch).unwrap_err();
    assert_eq!(error.kind(), TooLarge);
    // 2^20 times a dozen bytes still fit into 16 MiB of copies; the depth is met long before.
    assert!(error.operation().is_some_and(|at| at < 25), "{error}");

    let copy = r#"{"op":"copy","from":"/0","path":"/0/-"},{"op":"copy","from":"/0","path":"/-"},{"op":"move","from":"/1","path":"/0"}"#;
    let limits = PatchLimits {
        bytes_max: 1000,
        ..PatchLimits::default()
    };
    let patch = format!("[{}]", vec![copy; 30].join(","));
    assert_eq!(
        json_patch("[[1]]", &patch, &limits).unwrap_err().kind(),
        TooLarge
    );
}

#[test]
fn a_copy_s_values_are_counted_before_they_are_made() {
    let limits = PatchLimits {
        bytes_max: 1 << 20,
        values_max: 1000,
    };
    let patched = |copies: usize| {
        let copy = r#"{"op":"copy","from":"/a","path":"/a/-"}"#;
        let patch = format!("[{}]", vec![copy; copies].join(","));
        json_patch(r#"{"a":[0,0,0,0,0,0,0]}"#, &patch, &limits)
    };
    // Of 8 values the n-th copy makes 8 · 2ⁿ⁻¹: six make 504, seven 1,016.
    assert!(patched(6).is_ok());
    let error = patched(60).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (TooLarge, Some(6)));
    // What was copied and taken away again was made all the same.
    let to_and_fro = r#"{"op":"copy","from":"/a","path":"/b"},{"op":"remove","path":"/b"}"#;
    let patch = format!("[{}]", vec![to_and_fro; 126].join(","));
    let error = json_patch(r#"{"a":[0,0,0,0,0,0,0]}"#, &patch, &limits).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (TooLarge, Some(250)));
}

#[test]
fn a_document_never_gets_deeper_than_a_text_may_be() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let add = |path: &str, value: &str| {
        let patch = format!(r#"[{{"op":"add","path":"{path}","value":{value}}}]"#);
        patched(&deep(100), &patch)
    };
    let path = "/0".repeat(99);
    assert!(add(&format!("{path}/0"), &deep(28)).is_ok());
    for answer in [
        add(&format!("{path}/0"), &deep(29)),
        patched(
            &deep(100),
            &format!(r#"[{{"op":"copy","from":"","path":"{path}/0"}}]"#),
        ),
    ] {
        assert_eq!(answer.unwrap_err().kind(), TooLarge);
    }
}

#[test]
fn work_is_bounded_whatever_the_patch_asks() {
    let target = format!("[{}0]", "0,".repeat(100_000));
    let insert = r#"{"op":"add","path":"/0","value":1}"#;
    let patch = format!("[{}]", vec![insert; 9_999].join(","));
    let error = patched(&target, &patch).unwrap_err();
    assert_eq!(error.kind(), TooLarge);
    assert!(
        error
            .operation()
            .is_some_and(|at| (150..=200).contains(&at)),
        "{error}"
    );
    let patch = format!("[{}]", vec![insert; OPERATIONS_MAX + 1].join(","));
    assert_eq!(patched("[]", &patch).unwrap_err().kind(), TooLarge);
}
