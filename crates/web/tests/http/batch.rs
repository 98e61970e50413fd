//! `POST /kv/v1/{space}/batch` where all of it is values to store, `Prefer: return=minimal`, and
//! batches of nothing.

use crate::world::World;
use serde_json::{Value, json};

async fn batch(world: &World, headers: &[(&str, &str)], ops: &Value) -> crate::world::Answer {
    let body = ops.to_string();
    world.ask("POST", "/kv/v1/s/batch", headers, &body).await
}

#[tokio::test]
async fn many_values_are_stored_as_each_by_itself_would_be() {
    let world = World::new().await;
    let first = json!([
        { "op": "put", "key": "a", "text": "one" },
        { "op": "put", "key": "b", "value": "AAH/", "content_type": "image/png" },
    ]);
    let answer = batch(&world, &[], &first).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let created = |answer: &crate::world::Answer| -> Vec<Value> {
        let all: Vec<Value> = serde_json::from_str(&answer.body).expect("a list");
        all.iter().map(|one| one["created"].clone()).collect()
    };
    assert_eq!(created(&answer), [true, true]);
    let second = json!([
        { "op": "put", "key": "b", "text": "new", "ttl": "1h" },
        { "op": "put", "key": "c", "text": "there", "expires_at": "2999-01-01T00:00:00Z" },
        { "op": "put", "key": "d", "text": "gone", "expires_at": "2000-01-01T00:00:00Z" },
    ]);
    let answer = batch(&world, &[], &second).await;
    assert_eq!(created(&answer), [false, true, true], "{}", answer.body);
    let keys = ["a", "b", "c", "d"];
    let gets: Vec<Value> = keys
        .iter()
        .map(|key| json!({ "op": "get", "key": key }))
        .collect();
    let answer = batch(&world, &[], &json!(gets)).await;
    let all: Vec<Value> = serde_json::from_str(&answer.body).expect("a list");
    let texts: Vec<&Value> = all.iter().map(|one| &one["text"]).collect();
    assert_eq!(
        texts,
        [&json!("one"), &json!("new"), &json!("there"), &Value::Null]
    );
    assert_eq!(all[2]["expires_at"], "2999-01-01T00:00:00Z");
    assert_eq!(all[3]["found"], false, "it ran out before it was stored");
}

#[tokio::test]
async fn a_key_that_is_there_twice_is_put_twice_in_order() {
    let world = World::new().await;
    let ops = json!([
        { "op": "put", "key": "a", "text": "first" },
        { "op": "put", "key": "a", "text": "second" },
        { "op": "get", "key": "a" },
    ]);
    let answer = batch(&world, &[], &ops).await;
    let all: Vec<Value> = serde_json::from_str(&answer.body).expect("a list");
    assert_eq!(all[1]["created"], false, "{}", answer.body);
    assert_eq!(all[2]["text"], "second");
}

#[tokio::test]
async fn an_operation_that_cannot_be_done_is_named_and_none_is_done() {
    for wrong in [
        json!({ "op": "put", "key": "", "text": "x" }),
        json!({ "op": "put", "key": "x", "value": "not base64" }),
        json!({ "op": "put", "key": "x" }),
        json!({ "op": "put", "key": "x", "text": "x", "by": 1 }),
        json!({ "op": "put", "key": "x", "text": "x", "ttl": "1s", "expires_at": "2999-01-01" }),
        json!({ "op": "put", "key": "x", "text": "x", "expires_at": "soon" }),
        json!({ "op": "get", "key": "x", "expires_at": "2999-01-01" }),
    ] {
        let world = World::new().await;
        let ops = json!([{ "op": "put", "key": "a", "text": "x" }, wrong]);
        let answer = batch(&world, &[], &ops).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.body);
        let error: Value = serde_json::from_str(&answer.body).expect("an error");
        assert_eq!(error["details"]["op"], 1, "{wrong}: {error}");
        let there = world.ask("GET", "/kv/v1/s/a", &[], "").await;
        assert_eq!(there.status, 404, "{wrong}");
    }
}

#[tokio::test]
async fn who_wants_no_more_than_to_know_gets_no_more() {
    let world = World::new().await;
    let minimal = [("prefer", "return=minimal"), ("idempotency-key", "k")];
    let ops = json!([
        { "op": "put", "key": "a", "text": "x" }, { "op": "put", "key": "b", "text": "x" },
    ]);
    for replayed in [None, Some("true")] {
        let answer = batch(&world, &minimal, &ops).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
        assert_eq!(answer.header("preference-applied"), Some("return=minimal"));
        assert_eq!(answer.header("idempotency-replayed"), replayed);
    }
    let whole = json!({ "ops": [{ "method": "DELETE", "path": "/kv/v1/s/a" }] }).to_string();
    let answer = world.ask("POST", "/tx/v1", &minimal[..1], &whole).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
    assert_eq!(world.ask("GET", "/kv/v1/s/a", &[], "").await.status, 404);
}

#[tokio::test]
async fn a_batch_of_nothing_too_names_where_it_could_go() {
    let world = World::new().await;
    let long = "n".repeat(256);
    for (path, status) in [
        ("/kv/v1/s/batch", 200),
        ("/wide/v1/t/batch", 200),
        (&*format!("/kv/v1/{long}/batch"), 400),
        (&*format!("/wide/v1/{long}/batch"), 400),
        ("/kv/v1/%00/batch", 400),
        ("/wide/v1/%00/batch", 400),
    ] {
        let answer = world.ask("POST", path, &[], "[]").await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
}
