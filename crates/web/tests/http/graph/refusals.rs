//! What is refused: which body, which question, which way.

use super::{G, world};
use crate::world::World;

/// Method, path and body of requests that are answered with a status.
async fn check(world: &World, status: u16, cases: &[(&str, &str, &str)]) {
    for (method, path, body) in cases {
        let answer = world.ask(method, &format!("{G}{path}"), &[], body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {answer:?}");
        assert!(!answer.code().is_empty());
    }
}

#[tokio::test]
async fn a_node_or_an_edge_that_cannot_be_read_is_refused() {
    let world = world().await;
    let cases = &[
        ("PUT", "/nodes/a", ""),
        ("PUT", "/nodes/a", "{}"),
        ("PUT", "/nodes/a", r#"{"kind":""}"#),
        ("PUT", "/nodes/a", r#"{"kind":"k","name":1}"#),
        ("PUT", "/nodes/a", r#"{"kind":"k","id":"b"}"#),
        ("PUT", "/nodes/a", r#"{"kind":"k","body":"\u0000"}"#),
        ("PUT", "/nodes/a?x=1", r#"{"kind":"k"}"#),
        ("PUT", "/nodes/", r#"{"kind":"k"}"#),
        ("PATCH", "/nodes/a", r#"{"name":1}"#),
        ("PUT", "/nodes/a/edges/k/b", r#"{"at":"soon"}"#),
        ("PUT", "/nodes/a/edges/k/b", r#"{"at":9223372036854775807}"#),
        ("PUT", "/nodes/a/edges/k/b", r#"{"to":"c"}"#),
    ];
    check(&world, 400, cases).await;
    let yaml = [("content-type", "application/yaml")];
    let answer = world
        .ask("PUT", &format!("{G}/nodes/a"), &yaml, "kind: k")
        .await;
    assert_eq!(answer.status, 415);
}

#[tokio::test]
async fn a_list_or_a_question_that_cannot_be_read_is_refused() {
    let cases = &[
        ("GET", "/nodes/a/edges/k?direction=up", ""),
        ("GET", "/nodes/a/edges/k?after=soon", ""),
        ("GET", "/nodes/a/edges/k?cursor=x", ""),
        ("GET", "/nodes/a/edges/k?limit=-1", ""),
        ("DELETE", "/nodes/a/edges/k", ""),
        ("POST", "/traverse", ""),
        ("POST", "/traverse", r#"{"from":[],"steps":[]}"#),
        (
            "POST",
            "/traverse",
            r#"{"from":["a"],"steps":[{"kind":"k","where":{"node":"name"}}]}"#,
        ),
        (
            "POST",
            "/traverse",
            r#"{"from":["a"],"steps":[{"kind":"k","where":{"node":"limit=1"}}]}"#,
        ),
        (
            "POST",
            "/traverse",
            r#"{"from":["a"],"steps":[{"kind":"k","where":{"node":"name=like.a*"}}]}"#,
        ),
        (
            "POST",
            "/traverse",
            r#"{"from":["a"],"steps":[{"kind":"k","where":{"edge":"at=gt.soon"}}]}"#,
        ),
        ("GET", "/path?from=a", ""),
        ("GET", "/path?from=a&to=b&max_depth=99", ""),
        ("GET", "/path?from=a&to=b&kinds=", ""),
        ("GET", "/common?nodes=a&kind=k", ""),
        ("GET", "/recommend?node=a", ""),
        ("GET", "/nodes?nope=1", ""),
    ];
    check(&world().await, 400, cases).await;
}

#[tokio::test]
async fn a_method_or_a_path_that_is_not_there_is_refused() {
    let world = world().await;
    let methods = &[("GET", "/traverse", ""), ("POST", "/nodes/a", "")];
    check(&world, 405, methods).await;
    let paths = &[("GET", "", ""), ("GET", "/nodes/a/edges", "")];
    check(&world, 404, paths).await;
}
