//! `/tx/v1`: several operations over all models, all or none.

use crate::world::{Answer, World};
use serde_json::{Value, json};

async fn tx(world: &World, headers: &[(&str, &str)], ops: Value) -> Answer {
    let body = json!({ "ops": ops }).to_string();
    world.ask("POST", "/tx/v1", headers, &body).await
}

fn op(method: &str, path: &str, body: Value) -> Value {
    json!({ "method": method, "path": path, "body": body })
}

fn statuses(answer: &Answer) -> Vec<u64> {
    let all = answer.json();
    let all = all.as_array().expect("a list").iter();
    all.map(|one| one["status"].as_u64().expect("a status"))
        .collect()
}

#[tokio::test]
async fn operations_over_all_models_see_each_other() {
    let world = World::new().await;
    let ops = json!([
        op("PUT", "/kv/v1/s/k", json!({ "a": 1 })),
        op("GET", "/kv/v1/s/k", Value::Null),
        op("PUT", "/wide/v1/t/p/r", json!({ "f:q": 1 })),
        op("GET", "/wide/v1/t/p", Value::Null),
        op(
            "POST",
            "/rest/v1/customers",
            json!({ "id": 70, "name": "Di" })
        ),
        op(
            "GET",
            "/rest/v1/customers?id=eq.70&select=name",
            Value::Null
        ),
        op("GET", "/kv/v1/s/none", Value::Null),
    ]);
    let done = tx(&world, &[], ops).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(statuses(&done), [201, 200, 201, 200, 201, 200, 404]);
    let told = done.json();
    assert_eq!(told[1]["body"], json!({ "a": 1 }));
    assert_eq!(told[1]["headers"]["content-type"], "application/json");
    assert!(told[1]["headers"]["etag"].is_string());
    assert_eq!(told[3]["body"]["rows"][0]["cells"], json!({ "f:q": 1 }));
    assert_eq!(told[5]["body"], json!([{ "name": "Di" }]));
    assert!(done.header("pando-stamp").is_some());
}

#[tokio::test]
async fn a_failure_takes_everything_back_and_says_which_operation_it_was() {
    let world = World::new().await;
    let first = || op("PUT", "/kv/v1/s/k", json!(1));
    let stale = json!({
        "method": "PUT", "path": "/kv/v1/s/other", "headers": { "if-match": "\"1\"" }, "body": 1,
    });
    for (second, status, code) in [
        (stale, 412, "precondition_failed"),
        (
            op("DELETE", "/wide/v1/t/p/none", Value::Null),
            404,
            "not_found",
        ),
        (
            op("PUT", "/wide/v1/t/p/r", json!({ "q": 1 })),
            400,
            "malformed",
        ),
        (
            op(
                "POST",
                "/rest/v1/customers",
                json!({ "id": 1, "name": "No" }),
            ),
            409,
            "23505",
        ),
        (
            op("GET", "/kv/v1/s/k?nope=1", Value::Null),
            400,
            "malformed",
        ),
        (op("GET", "/livez", Value::Null), 400, "malformed"),
        (op("GET", "no path", Value::Null), 400, "malformed"),
    ] {
        let answer = tx(&world, &[], json!([first(), second])).await;
        let told = answer.json();
        assert_eq!(
            (answer.status.as_u16(), told["code"].as_str()),
            (status, Some(code)),
            "{second}"
        );
        assert_eq!(told["details"]["op"], 1, "{second}");
        assert_eq!(world.get("/kv/v1/s/k").await.status, 404, "{second}");
    }
}

#[tokio::test]
async fn within_a_slot_is_held() {
    let world = World::new().await;
    let ask = |ops: Value| {
        let body = json!({ "ops": ops, "within": "slot" }).to_string();
        let world = &world;
        async move { world.ask("POST", "/tx/v1", &[], &body).await }
    };
    let put = |row: &str| op("PUT", &format!("/wide/v1/t/p/{row}"), json!({ "f:q": 1 }));
    let same = ask(json!([
        put("1"),
        put("2"),
        op("PUT", "/kv/v1/s/p", json!(1))
    ]))
    .await;
    assert_eq!(same.status, 200, "{same:?}");
    let apart = ask(json!([put("3"), op("PUT", "/kv/v1/s/elsewhere", json!(1))])).await;
    assert_eq!(
        (apart.status.as_u16(), apart.code().as_str()),
        (422, "not_within_slot")
    );
    assert_eq!(world.get("/wide/v1/t/p/3").await.status, 404);
}

#[tokio::test]
async fn the_same_transaction_under_the_same_key_is_done_once() {
    let world = World::new().await;
    let key = [("idempotency-key", "t1")];
    let ops = || json!([op("POST", "/kv/v1/s/n/incr", Value::Null)]);
    let first = tx(&world, &key, ops()).await;
    let again = tx(&world, &key, ops()).await;
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(world.get("/kv/v1/s/n").await.body, "1");
    let other = tx(&world, &key, json!([op("GET", "/kv/v1/s/n", Value::Null)])).await;
    assert_eq!(
        (other.status.as_u16(), other.code().as_str()),
        (422, "idempotency_key_reused")
    );
}

#[tokio::test]
async fn each_operation_needs_its_own_scope() {
    let world = World::new().await;
    let bearer = format!("Bearer {}", world.key("kv:*:s").await);
    let headers = [("authorization", bearer.as_str())];
    let own = op("PUT", "/kv/v1/s/k", json!(1));
    assert_eq!(tx(&world, &headers, json!([own])).await.status, 200);
    for foreign in ["/kv/v1/other/k", "/wide/v1/t/p/r", "/rest/v1/customers"] {
        let foreign = op("GET", foreign, Value::Null);
        let answer = tx(&world, &headers, json!([own, foreign])).await;
        assert_eq!(answer.status, 403, "{foreign}");
        assert_eq!(answer.json()["details"]["op"], 1);
    }
}

#[tokio::test]
async fn a_body_is_json_text_or_base64_by_its_type() {
    let world = World::new().await;
    let put = |kind: &str, body: Value| json!({ "method": "PUT", "path": "/kv/v1/s/k", "headers": { "content-type": kind }, "body": body });
    let get = op("GET", "/kv/v1/s/k", Value::Null);
    for (kind, body, expected) in [
        (
            "application/json",
            json!({ "a": [1.0] }),
            json!({ "a": [1.0] }),
        ),
        ("application/json", Value::Null, Value::Null),
        ("text/plain", json!("hi"), json!("hi")),
        (
            "image/png",
            json!({ "base64": "/wA=" }),
            json!({ "base64": "/wA=" }),
        ),
        (
            "application/octet-stream",
            json!({ "base64": "aGk=" }),
            json!({ "base64": "aGk=" }),
        ),
    ] {
        let done = tx(&world, &[], json!([put(kind, body), get])).await;
        assert_eq!(done.json()[1]["body"], expected, "{kind} {done:?}");
    }
    for body in [json!(1), json!({ "base64": "?" }), json!(["x"])] {
        let answer = tx(&world, &[], json!([put("text/plain", body)])).await;
        assert_eq!(answer.status, 400);
    }
}

#[tokio::test]
async fn what_is_no_list_of_operations_is_refused() {
    let world = World::new().await;
    let many: Vec<Value> = vec![op("GET", "/kv/v1/s/k", Value::Null); 1_001];
    for body in [
        String::new(),
        "[]".into(),
        "{}".into(),
        json!({ "ops": [] }).to_string(),
        json!({ "ops": many }).to_string(),
        json!({ "ops": [{ "method": "GET" }] }).to_string(),
        json!({ "ops": [op("G T", "/kv/v1/s/k", Value::Null)] }).to_string(),
        json!({ "ops": [op("GET", "/kv/v1/s/k", Value::Null)], "within": "shard" }).to_string(),
        json!({ "ops": [{ "method": "GET", "path": "/kv/v1/s/k", "headers": { "idempotency-key": "x" } }] })
            .to_string(),
    ] {
        let answer = world.ask("POST", "/tx/v1", &[], &body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].as_str()), (400, Some("malformed")), "{body}");
    }
    assert_eq!(world.get("/tx/v1").await.status, 405);
}

#[tokio::test]
async fn a_transaction_that_only_reads_is_no_write() {
    let world = World::new().await;
    world.ask("PUT", "/kv/v1/s/k", &[], "1").await;
    let writes = || async {
        world
            .store
            .engine()
            .fetch_statistics()
            .await
            .unwrap()
            .writes
    };
    let before = writes().await;
    let ops = json!([
        op("GET", "/kv/v1/s/k", Value::Null),
        op("GET", "/rest/v1/customers?id=eq.1&select=name", Value::Null),
        op("GET", "/kv/v1/s/none", Value::Null),
    ]);
    let read = tx(&world, &[], ops.clone()).await;
    assert_eq!(statuses(&read), [200, 200, 404]);
    assert_eq!(read.json()[1]["body"], json!([{ "name": "Ada" }]));
    assert_eq!(writes().await, before);
    // What it shows is covered by its stamp.
    let stamp = read.header("pando-stamp").expect("a stamp").to_owned();
    let behind = [("pando-stamp", stamp.as_str())];
    assert_eq!(tx(&world, &behind, ops.clone()).await.status, 200);
    // A key asks for a receipt, and that is written.
    let key = [("idempotency-key", "r1")];
    let first = tx(&world, &key, ops.clone()).await;
    assert_eq!(
        tx(&world, &key, ops).await.header("idempotency-replayed"),
        Some("true")
    );
    assert_eq!(first.body, read.body);
    let wrong = json!([
        op("GET", "/kv/v1/s/k", Value::Null),
        op("GET", "/kv/v1/s/k?cursor=x", Value::Null)
    ]);
    let refused = tx(&world, &[], wrong).await;
    assert_eq!(
        (
            refused.status.as_u16(),
            refused.json()["details"]["op"].as_u64()
        ),
        (400, Some(1))
    );
}
