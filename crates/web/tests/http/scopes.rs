//! What a key that may only write, or only read, gets to know and to do.

use crate::world::World;

const JSON: (&str, &str) = ("content-type", "application/json");
const JSON_PATCH: (&str, &str) = ("content-type", "application/json-patch+json");

#[tokio::test]
async fn a_key_that_may_not_read_a_table_names_its_rows_by_their_key_only() {
    let world = World::new().await;
    let writer = world.key("rest:write").await;
    let orders = "/rest/v1/orders";
    for (method, query, status) in [
        ("PATCH", "id=eq.1", 204),
        ("PATCH", "id=in.(1,2)", 204),
        ("PATCH", "id=eq(any).{1,2}", 204),
        ("PATCH", "and=(id.eq.1)", 204),
        ("PATCH", "amount=gt.5", 403),
        ("PATCH", "id=gt.0", 403),
        ("PATCH", "id=not.eq.1", 403),
        ("PATCH", "id=eq.1&amount=eq.10.5", 403),
        ("PATCH", "or=(id.eq.1,amount.gt.5)", 403),
        ("PATCH", "id=eq.1&order=amount&limit=1", 403),
        ("PATCH", "id=eq.1&select=customers!inner()", 403),
        (
            "PATCH",
            "id=eq.1&select=customers!inner()&customers.name=eq.Ada",
            403,
        ),
        ("DELETE", "customer_id=eq.1", 403),
        ("DELETE", "id=eq.99", 204),
    ] {
        let body = if method == "PATCH" {
            r#"{"customer_id":1}"#
        } else {
            ""
        };
        let uri = format!("{orders}?{query}");
        let headers = [("apikey", writer.as_str()), JSON];
        let answer = world.ask_publicly_with(method, &uri, &headers, body).await;
        assert_eq!(answer.status, status, "{uri}: {}", answer.body);
        let op = serde_json::json!({ "method": method, "path": uri });
        let mut op = op.as_object().cloned().expect("an object");
        if method == "PATCH" {
            op.insert("body".to_owned(), serde_json::json!({ "customer_id": 1 }));
        }
        let whole = serde_json::json!({ "ops": [op] }).to_string();
        let within = world
            .ask_publicly_with("POST", "/tx/v1", &headers, &whole)
            .await;
        let expected = if status == 204 { 200 } else { 403 };
        assert_eq!(within.status, expected, "{uri}: {}", within.body);
        if status == 403 {
            for answer in [answer, within] {
                assert_eq!(answer.code(), "42501", "{uri}");
                let hint = answer.json()["hint"].to_string();
                assert!(hint.contains("rest:read:orders"), "{uri}: {hint}");
            }
        }
    }
    let upsert = [
        ("apikey", writer.as_str()),
        JSON,
        ("prefer", "resolution=merge-duplicates"),
    ];
    let body = r#"{"id":1,"customer_id":1,"amount":3}"#;
    let answer = world.ask_publicly_with("POST", orders, &upsert, body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_key_that_may_not_read_a_table_is_told_nothing_of_its_rows_by_errors() {
    let world = World::new().await;
    let (writer, both) = (world.key("rest:write").await, world.key("rest:*").await);
    let uri = "/rest/v1/orders?id=eq.1";
    for (body, code) in [
        (r#"{"customer_id":-7,"amount":-1}"#, "23514"),
        (r#"{"customer_id":-7,"amount":null}"#, "23502"),
    ] {
        let op = format!(r#"{{"ops":[{{"method":"PATCH","path":"{uri}","body":{body}}}]}}"#);
        for (method, uri, body) in [("PATCH", uri, body), ("POST", "/tx/v1", op.as_str())] {
            for (key, is_told) in [(&writer, false), (&both, true)] {
                let headers = [("apikey", key.as_str()), JSON];
                let answer = world.ask_publicly_with(method, uri, &headers, body).await;
                assert_eq!(answer.code(), code, "{uri}");
                assert_eq!(answer.body.contains("-7"), is_told, "{}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_may_not_read_documents_learns_nothing_by_patching_them() {
    let world = World::new().await;
    let (writer, both) = (world.key("docs:write").await, world.key("docs:*").await);
    let uri = "/docs/v1/people/1";
    let made = r#"{"national":"900101-1234567"}"#;
    assert_eq!(world.ask("PUT", uri, &[JSON], made).await.status, 201);
    let test = r#"[{"op":"test","path":"/national","value":"?"}]"#;
    let copy = r#"[{"op":"copy","from":"/national","path":"/_id"}]"#;
    for (patch, key, status) in [
        (test, &writer, 403),
        (test, &both, 409),
        (copy, &writer, 422),
        (copy, &both, 422),
        (r#"[{"op":"add","path":"/a","value":1}]"#, &writer, 204),
    ] {
        let headers = [("apikey", key.as_str()), JSON_PATCH];
        let answer = world.ask_publicly_with("PATCH", uri, &headers, patch).await;
        assert_eq!(answer.status, status, "{patch}: {}", answer.body);
        let whole = format!(
            r#"{{"ops":[{{"method":"PATCH","path":"{uri}","body":{patch},
                "headers":{{"content-type":"application/json-patch+json"}}}}]}}"#
        );
        let headers = [("apikey", key.as_str()), JSON];
        let within = world
            .ask_publicly_with("POST", "/tx/v1", &headers, &whole)
            .await;
        let expected = if status == 204 { 200 } else { status };
        assert_eq!(within.status, expected, "{patch}: {}", within.body);
        for answer in [&answer, &within] {
            let is_told = answer.body.contains("900101");
            assert_eq!(is_told, status == 409, "{}", answer.body);
            if status == 403 {
                assert_eq!(answer.code(), "42501");
                let hint = answer.json()["hint"].to_string();
                assert!(hint.contains("docs:read:people"), "{hint}");
            }
        }
    }
}

#[tokio::test]
async fn a_batch_needs_the_scopes_of_what_is_in_it() {
    let world = World::new().await;
    let kv = (
        "/kv/v1/s/batch",
        r#"{"op":"get","key":"a"}"#,
        r#"{"op":"delete","key":"a"}"#,
    );
    let wide = (
        "/wide/v1/t/batch",
        r#"{"op":"get","partition":"p","row":"r"}"#,
        r#"{"op":"delete","partition":"p","row":"r"}"#,
    );
    for (uri, get, delete) in [kv, wide] {
        for (verbs, body, status) in [
            ("read", format!("[{get}]"), 200),
            ("read", "[]".to_owned(), 200),
            ("read", format!("[{get},{delete}]"), 403),
            ("read", format!("[{delete}]"), 403),
            ("write", format!("[{delete}]"), 200),
            ("write", "[]".to_owned(), 200),
            ("write", format!("[{get}]"), 403),
            ("*", format!("[{get},{delete}]"), 200),
        ] {
            let surface = &uri[1..uri.find("/v1").expect("a version")];
            let key = world.key(&format!("{surface}:{verbs}")).await;
            let headers = [("apikey", key.as_str()), JSON];
            let answer = world.ask_publicly_with("POST", uri, &headers, &body).await;
            assert_eq!(answer.status, status, "{verbs} {body}: {}", answer.body);
        }
        let key = world.key("rest:*").await;
        let headers = [("apikey", key.as_str()), JSON];
        for body in ["[]", "?"] {
            let answer = world.ask_publicly_with("POST", uri, &headers, body).await;
            assert_eq!(answer.status, 403, "{body}: {}", answer.body);
        }
    }
}
