//! `/graph/v1`.

mod arbitrary;
mod refusals;

use crate::world::{Answer, World};
use serde_json::{Value, json};

const G: &str = "/graph/v1/g";

impl World {
    async fn put(&self, path: &str, body: Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.ask("PUT", &format!("{G}{path}"), &json, &body.to_string())
            .await
    }

    async fn look(&self, path: &str) -> Value {
        let answer = self.get(&format!("{G}{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    async fn traverse(&self, body: Value) -> Answer {
        self.ask("POST", &format!("{G}/traverse"), &[], &body.to_string())
            .await
    }
}

/// a → b, c; b → c, d; d → a.
async fn world() -> World {
    let world = World::new().await;
    for (id, kind) in [
        ("a", "person"),
        ("b", "person"),
        ("c", "place"),
        ("d", "person"),
    ] {
        let put = world
            .put(
                &format!("/nodes/{id}"),
                json!({ "kind": kind, "body": { "name": id } }),
            )
            .await;
        assert_eq!(put.status, 201);
    }
    for (place, (from, to)) in [("a", "b"), ("a", "c"), ("b", "c"), ("b", "d"), ("d", "a")]
        .iter()
        .enumerate()
    {
        let at = format!("2026-01-01T00:00:0{place}Z");
        let put = world
            .put(
                &format!("/nodes/{from}/edges/knows/{to}"),
                json!({ "at": at, "body": { "since": place } }),
            )
            .await;
        assert_eq!(put.status, 201);
    }
    world
}

#[tokio::test]
async fn a_node_is_put_read_patched_and_deleted() {
    let world = World::new().await;
    let made = world
        .put(
            "/nodes/%EA%B0%80%2F1",
            json!({ "kind": "person", "body": { "n": 1 } }),
        )
        .await;
    assert_eq!(made.status, 201);
    let tag = made.header("etag").expect("a tag").to_owned();
    let path = format!("{G}/nodes/%EA%B0%80%2F1");
    let found = world.get(&path).await;
    assert_eq!(
        found.json(),
        json!({ "id": "가/1", "kind": "person", "body": { "n": 1 } })
    );
    assert_eq!(found.header("etag"), Some(tag.as_str()));
    assert!(found.header("pando-stamp").is_some());
    let same = world
        .ask("GET", &path, &[("if-none-match", &tag)], "")
        .await;
    assert_eq!((same.status.as_u16(), same.body.as_str()), (304, ""));
    let replaced = world
        .put("/nodes/%EA%B0%80%2F1", json!({ "kind": "robot" }))
        .await;
    assert_eq!(replaced.status, 204);
    let patch = [("content-type", "application/merge-patch+json")];
    let patched = world
        .ask("PATCH", &path, &patch, r#"{"body":{"x":[1]},"kind":"dog"}"#)
        .await;
    assert_eq!(patched.status, 200);
    assert_eq!(
        patched.json(),
        json!({ "id": "가/1", "kind": "dog", "body": { "x": [1] } })
    );
    let late = world.ask("DELETE", &path, &[("if-match", &tag)], "").await;
    assert_eq!(
        (late.status.as_u16(), late.code().as_str()),
        (412, "precondition_failed")
    );
    assert_eq!(world.ask("DELETE", &path, &[], "").await.status, 204);
    for method in ["GET", "DELETE", "HEAD"] {
        assert_eq!(
            world.ask(method, &path, &[], "").await.status,
            404,
            "{method}"
        );
    }
    let absent = world.ask("PATCH", &path, &patch, "{}").await;
    assert_eq!(
        (absent.status.as_u16(), absent.code().as_str()),
        (404, "not_found")
    );
}

#[tokio::test]
async fn edges_are_listed_the_newest_first_and_counted() {
    let world = world().await;
    assert_eq!(
        world.look("/nodes/a/edges/knows").await,
        json!({ "edges": [
            { "from": "a", "kind": "knows", "to": "c", "at": "2026-01-01T00:00:01Z", "body": { "since": 1 } },
            { "from": "a", "kind": "knows", "to": "b", "at": "2026-01-01T00:00:00Z", "body": { "since": 0 } },
        ] })
    );
    let incoming = world
        .look("/nodes/c/edges/knows?direction=in&after=2026-01-01T00:00:01Z")
        .await;
    assert_eq!(incoming["edges"][0]["from"], "b");
    assert_eq!(incoming["edges"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        world.look("/nodes/c/edges/knows/count?direction=in").await,
        json!({ "count": 2 })
    );
    assert_eq!(
        world.look("/nodes/c/edges/knows/count").await,
        json!({ "count": 0 })
    );
    let first = world.get(&format!("{G}/nodes/a/edges/knows?limit=1")).await;
    let cursor = first.header("pando-cursor").expect("a cursor").to_owned();
    let link = format!("<{G}/nodes/a/edges/knows?limit=1&cursor={cursor}>; rel=\"next\"");
    assert_eq!(first.header("link"), Some(link.as_str()));
    let second = world
        .look(&format!("/nodes/a/edges/knows?limit=1&cursor={cursor}"))
        .await;
    assert_eq!(second["edges"][0]["to"], "b");
    let edge = world.get(&format!("{G}/nodes/a/edges/knows/b")).await;
    assert_eq!(edge.json()["at"], "2026-01-01T00:00:00Z");
    let tag = edge.header("etag").expect("a tag").to_owned();
    let again = world
        .ask(
            "PUT",
            &format!("{G}/nodes/a/edges/knows/b"),
            &[("if-match", &tag)],
            "",
        )
        .await;
    assert_eq!(again.status, 204, "{again:?}");
    let nobody = world.put("/nodes/a/edges/knows/nobody", json!({})).await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.code().as_str()),
        (409, "conflict")
    );
    let gone = world
        .ask("DELETE", &format!("{G}/nodes/a/edges/knows/b"), &[], "")
        .await;
    assert_eq!(gone.status, 204);
    let gone = world
        .ask("DELETE", &format!("{G}/nodes/a/edges/knows/b"), &[], "")
        .await;
    assert_eq!(gone.status, 404);
    let all = world
        .ask(
            "DELETE",
            &format!("{G}/nodes/a/edges/knows?direction=out"),
            &[],
            "",
        )
        .await;
    assert_eq!(all.json(), json!({ "deleted": 1, "left": 0 }));
    assert_eq!(
        world.store.verify_graphs().await.expect("a look"),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn questions_are_answered_in_their_forms() {
    let world = world().await;
    let node = |id: &str, kind: &str| json!({ "id": id, "kind": kind, "body": { "name": id } });
    let step = json!({ "kind": "knows" });
    for (body, expected) in [
        (
            json!({ "from": ["a"], "steps": [step] }),
            json!({ "nodes": [node("c", "place"), node("b", "person")] }),
        ),
        (
            json!({ "from": ["a"], "steps": [step, step], "return": "count" }),
            json!({ "count": 2 }),
        ),
        (
            json!({ "from": ["a"], "steps": [step, step], "return": "paths" }),
            json!({ "paths": [{ "path": ["a", "b", "d"], "hops": 2 }, { "path": ["a", "b", "c"], "hops": 2 }] }),
        ),
        (
            json!({ "from": ["a"], "steps": [{ "kind": "knows", "where": { "node": "kind=eq.person&name=eq.b" } }] }),
            json!({ "nodes": [node("b", "person")] }),
        ),
        (
            json!({ "from": ["a"], "steps": [{ "kind": "knows", "direction": "out", "where": { "edge": "since=gte.1" }, "limit": 5 }] }),
            json!({ "nodes": [node("c", "place")] }),
        ),
        (
            json!({ "from": ["a"], "steps": [step], "max_visited": 1, "return": "count" }),
            json!({ "count": 1, "bounded": true }),
        ),
    ] {
        let answer = world.traverse(body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (200, expected),
            "{body}"
        );
    }
    assert_eq!(
        world.look("/path?from=a&to=d").await,
        json!({ "path": ["a", "b", "d"], "hops": 2 })
    );
    assert_eq!(
        world
            .look("/path?from=a&to=d&kinds=knows,%22x%22&max_depth=2")
            .await["hops"],
        2
    );
    let none = world.get(&format!("{G}/path?from=c&to=a")).await;
    assert_eq!(
        (none.status.as_u16(), none.code().as_str()),
        (404, "not_found")
    );
    let mut d = node("d", "person");
    d["common"] = json!(1);
    assert_eq!(
        world.look("/recommend?node=a&kind=knows").await,
        json!({ "nodes": [d] })
    );
    let common = world.look("/common?nodes=a,b&kind=knows").await;
    assert_eq!(common, json!({ "nodes": [node("c", "place")] }));
    let cycles = world.look("/cycles?node=a&max_depth=3").await;
    assert_eq!(
        cycles,
        json!({ "cycles": [{ "path": ["a", "b", "d", "a"], "hops": 3 }] })
    );
}

#[tokio::test]
async fn a_question_needs_the_scope_to_read_only() {
    let world = world().await;
    let body = json!({ "from": ["a"], "steps": [{ "kind": "knows" }] }).to_string();
    for (scopes, method, path, status) in [
        ("graph:read:g", "POST", "/traverse", 200),
        ("graph:read:g", "GET", "/nodes/a", 200),
        ("graph:read:g", "DELETE", "/nodes/a", 403),
        ("graph:read:g", "PUT", "/nodes/x", 403),
        ("graph:read:h", "POST", "/traverse", 403),
        ("kv:*", "GET", "/nodes/a", 403),
        ("graph:write:g", "GET", "/nodes/a", 403),
    ] {
        let key = format!("Bearer {}", world.key(scopes).await);
        let headers = [("authorization", key.as_str())];
        let answer = world
            .ask(method, &format!("{G}{path}"), &headers, &body)
            .await;
        assert_eq!(
            answer.status, status,
            "{scopes} {method} {path}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn several_operations_go_together() {
    let world = World::new().await;
    let node = |id: &str| json!({ "method": "PUT", "path": format!("{G}/nodes/{id}"), "body": { "kind": "n" } });
    let edge = |to: &str| json!({ "method": "PUT", "path": format!("{G}/nodes/a/edges/k/{to}"), "body": {} });
    let ask = json!({ "method": "POST", "path": format!("{G}/traverse"),
        "body": { "from": ["a"], "steps": [{ "kind": "k" }], "return": "count" } });
    let ops = json!({ "ops": [node("a"), node("b"), edge("b"), ask] }).to_string();
    let done = world.ask("POST", "/tx/v1", &[], &ops).await;
    assert_eq!(done.status, 200, "{done:?}");
    let done = done.json();
    let statuses: Vec<_> = done
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["status"].clone())
        .collect();
    assert_eq!(statuses, [201, 201, 201, 200]);
    assert_eq!(done[3]["body"], json!({ "count": 1 }));
    let ops = json!({ "ops": [node("c"), edge("c"), edge("nobody")] }).to_string();
    let refused = world.ask("POST", "/tx/v1", &[], &ops).await;
    assert_eq!(
        (
            refused.status.as_u16(),
            refused.json()["details"]["op"].clone()
        ),
        (409, json!(2))
    );
    assert_eq!(world.get(&format!("{G}/nodes/c")).await.status, 404);
    assert_eq!(
        world.store.verify_graphs().await.expect("a look"),
        Vec::<String>::new()
    );
}
