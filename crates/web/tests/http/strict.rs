//! What is not what it should be is refused, and said to be: bodies of another form, codings,
//! paths and types; and what was cut says so.

use crate::world::World;

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn an_array_is_no_object_anywhere_and_errors_speak_of_json() {
    let world = World::new().await;
    let merge = ("content-type", "application/merge-patch+json");
    let node = "/graph/v1/g/nodes/a";
    let edge = "/graph/v1/g/nodes/a/edges/k/a";
    let made = world.ask("PUT", node, &[JSON], r#"{"kind":"k"}"#).await;
    assert_eq!(made.status, 201, "{}", made.body);
    for (method, uri, kind, body) in [
        ("PUT", node, JSON, r#"["a","k",{}]"#),
        ("PUT", node, JSON, "[]"),
        ("PATCH", node, merge, r#"["k",{}]"#),
        ("PATCH", node, merge, r#"{"kind":null}"#),
        ("PUT", edge, JSON, r#"["a","k","a",1,{}]"#),
        ("PUT", edge, JSON, r#"{"at":1.5}"#),
        ("PUT", edge, JSON, r#"{"at":{}}"#),
        (
            "POST",
            "/graph/v1/g/traverse",
            JSON,
            r#"[["a"],[["k"]],"nodes",1,1]"#,
        ),
        (
            "POST",
            "/graph/v1/g/traverse",
            JSON,
            r#"{"from":["a"],"steps":[["k","out",null,1]]}"#,
        ),
        ("POST", "/kv/v1/s/batch", JSON, r#"[["delete","a"]]"#),
        ("POST", "/wide/v1/t/batch", JSON, r#"[["delete","p","r"]]"#),
        ("POST", "/tx/v1", JSON, r#"[[]]"#),
        ("POST", "/tx/v1", JSON, r#"{"ops":[["GET","/kv/v1/s/a"]]}"#),
    ] {
        let answer = world.ask(method, uri, &[kind], body).await;
        assert_eq!(answer.status, 400, "{method} {uri} {body}: {}", answer.body);
        assert_eq!(answer.code(), "malformed", "{body}");
        let message = answer.json()["message"].to_string();
        for jargon in ["struct", "enum", "variant", "sequence", "elements"] {
            assert!(!message.contains(jargon), "{body}: {message}");
        }
        if body.contains("[\"") && !body.contains("null}") {
            let says = "an object is expected, not an array";
            assert!(message.contains(says), "{body}: {message}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_compressed_is_refused_everywhere() {
    let world = World::new().await;
    for (method, uri) in [
        ("POST", "/rest/v1/countries"),
        ("PUT", "/kv/v1/s/a"),
        ("PUT", "/docs/v1/c/a"),
        ("PUT", "/wide/v1/t/p/r"),
        ("PUT", "/graph/v1/g/nodes/a"),
        ("POST", "/tx/v1"),
        ("POST", "/admin/v1/reload"),
    ] {
        for (coding, is_refused) in [
            ("gzip", true),
            ("identity, br", true),
            ("identity", false),
            ("", false),
        ] {
            let headers = [JSON, ("content-encoding", coding)];
            let answer = world.ask(method, uri, &headers, "{}").await;
            assert_eq!(
                answer.status == 415,
                is_refused,
                "{uri} {coding}: {answer:?}"
            );
            if is_refused {
                assert_eq!(answer.code(), "unsupported_media_type");
                assert_eq!(answer.header("accept-encoding"), Some("identity"));
            }
        }
    }
    let op = r#"{"ops":[{"method":"PUT","path":"/kv/v1/s/b","body":"x",
        "headers":{"content-encoding":"gzip","content-type":"text/plain"}}]}"#;
    let answer = world.ask("POST", "/tx/v1", &[JSON], op).await;
    assert_eq!(answer.status, 415, "{}", answer.body);
    assert_eq!(
        world.get("/kv/v1/s/b").await.status,
        404,
        "nothing was stored"
    );
}

#[tokio::test]
async fn one_code_says_that_a_media_type_is_not_taken() {
    let world = World::new().await;
    let text = ("content-type", "text/plain");
    for (method, uri) in [
        ("PUT", "/docs/v1/c/a"),
        ("PATCH", "/docs/v1/c/a"),
        ("PUT", "/graph/v1/g/nodes/a"),
        ("PATCH", "/graph/v1/g/nodes/a"),
    ] {
        let answer = world.ask(method, uri, &[text], "{}").await;
        assert_eq!(answer.status, 415, "{method} {uri}");
        assert_eq!(answer.code(), "unsupported_media_type", "{method} {uri}");
    }
}

#[tokio::test]
async fn what_a_graph_answers_says_where_it_was_cut() {
    let world = World::capped(2).await;
    for id in ["a", "b", "c", "d", "e"] {
        let uri = format!("/graph/v1/g/nodes/{id}");
        let made = world.ask("PUT", &uri, &[JSON], r#"{"kind":"k"}"#).await;
        assert_eq!(made.status, 201);
    }
    for (from, to) in [
        ("a", "b"),
        ("a", "c"),
        ("a", "d"),
        ("b", "a"),
        ("c", "a"),
        ("d", "a"),
        ("e", "b"),
        ("e", "c"),
        ("e", "d"),
    ] {
        let uri = format!("/graph/v1/g/nodes/{from}/edges/k/{to}");
        assert_eq!(world.ask("PUT", &uri, &[], "").await.status, 201);
    }
    let traverse = |wanted| {
        let body = r#"{"from":["a"],"steps":[{"kind":"k"}],"return":"#;
        (
            "POST",
            "/graph/v1/g/traverse",
            format!("{body}\"{wanted}\"}}"),
        )
    };
    for (method, uri, body) in [
        traverse("nodes"),
        traverse("paths"),
        ("GET", "/graph/v1/g/common?nodes=a,e&kind=k", String::new()),
        ("GET", "/graph/v1/g/cycles?node=a", String::new()),
    ] {
        let answer = world.ask(method, uri, &[JSON], &body).await;
        assert_eq!(answer.status, 200, "{uri}: {}", answer.body);
        assert_eq!(answer.header("pando-truncated"), Some("true"), "{uri}");
        assert_eq!(answer.header("content-range"), Some("0-1/*"), "{uri}");
    }
    let (method, uri, body) = traverse("count");
    let answer = world.ask(method, uri, &[JSON], &body).await;
    assert_eq!(answer.header("content-range"), None, "{}", answer.body);
}

#[tokio::test]
async fn a_stored_value_is_what_it_was_said_to_be() {
    let world = World::new().await;
    let uri = "/kv/v1/s/a";
    for (kind, status) in [("text/html", 201), ("html", 400), ("text/", 400)] {
        let answer = world.ask("PUT", uri, &[("content-type", kind)], "x").await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.body);
        let batch = format!(r#"[{{"op":"put","key":"b","text":"x","content_type":"{kind}"}}]"#);
        let answer = world.ask("POST", "/kv/v1/s/batch", &[JSON], &batch).await;
        let expected = if status == 201 { 200 } else { 400 };
        assert_eq!(answer.status, expected, "{kind}: {}", answer.body);
    }
    let found = world.get(uri).await;
    assert_eq!(found.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn a_path_that_is_no_text_is_refused_with_the_reason() {
    let world = World::new().await;
    for uri in ["/kv/v1/s/%ff", "/docs/v1/%ff/a", "/graph/v1/g/nodes/a%C3"] {
        let answer = world.get(uri).await;
        assert_eq!(answer.status, 400, "{uri}");
        assert_eq!(answer.code(), "malformed");
        assert!(answer.body.contains("UTF-8"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_batch_that_does_not_fit_what_is_there_names_the_operation_and_its_key() {
    let world = World::new().await;
    let put = world.ask("PUT", "/kv/v1/s/word", &[], "abc").await;
    assert_eq!(put.status, 201);
    let batch = r#"[{"op":"put","key":"a","text":"x"},{"op":"incr","key":"word"}]"#;
    let answer = world.ask("POST", "/kv/v1/s/batch", &[JSON], batch).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    let details = answer.json()["details"].to_string();
    assert!(details.contains("op 1 (incr)"), "{details}");
    assert!(details.contains("word"), "{details}");
    assert_eq!(world.get("/kv/v1/s/a").await.status, 404);
}

#[tokio::test]
async fn a_row_has_no_etag_in_errors_either() {
    let world = World::new().await;
    let uri = "/wide/v1/t/p/r";
    for (headers, status, says) in [
        (
            ("if-match", "*"),
            412,
            "If-Match does not hold: there is nothing",
        ),
        (("if-none-match", "*"), 201, ""),
        (
            ("if-none-match", "*"),
            412,
            "If-None-Match does not hold: it is there",
        ),
    ] {
        let answer = world.ask("PUT", uri, &[headers], r#"{"f:a":1}"#).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body.contains(says), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_slice_s_cursor_is_of_the_same_rows_only() {
    let world = World::new().await;
    for row in ["1", "2", "3", "4"] {
        let uri = format!("/wide/v1/t/p/{row}");
        let put = world.ask("PUT", &uri, &[], r#"{"f:a":1,"f:b":2}"#).await;
        assert_eq!(put.status, 201);
    }
    let first = "/wide/v1/t/p?limit=1&from=1&columns=f:a";
    let cursor = world.get(first).await;
    let cursor = cursor
        .header("pando-cursor")
        .expect("there is more")
        .to_owned();
    for (query, status) in [
        ("limit=1&from=1&columns=f:a", 200),
        ("limit=3&from=1&columns=f:a&versions=2", 200),
        ("limit=1&columns=f:a", 400),
        ("limit=1&from=1&to=4&columns=f:a", 400),
        ("limit=1&from=1", 400),
        ("limit=1&from=1&columns=f:b", 400),
        ("limit=1&from=1&columns=f:a&reverse=true", 400),
    ] {
        let uri = format!("/wide/v1/t/p?{query}&cursor={cursor}");
        let answer = world.get(&uri).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.body);
    }
}

#[tokio::test]
async fn head_within_a_transaction_has_no_body() {
    let world = World::new().await;
    let ops = r#"{"ops":[
        {"method":"HEAD","path":"/rest/v1/countries"},
        {"method":"HEAD","path":"/kv/v1/s/none"},
        {"method":"GET","path":"/rest/v1/countries"}]}"#;
    let answer = world.ask("POST", "/tx/v1", &[JSON], ops).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answers = answer.json();
    assert!(answers[0]["body"].is_null() && answers[1]["body"].is_null());
    assert_eq!(answers[1]["status"], 404);
    assert!(answers[2]["body"].is_array());
}
