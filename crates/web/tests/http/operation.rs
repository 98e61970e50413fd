//! Probes, metrics, the description of the surface, and the admin API.

use crate::world::World;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn probes_answer_by_name() {
    let world = World::new().await;
    assert_eq!(
        world.get("/livez").await.json(),
        json!({ "status": "live" })
    );
    assert_eq!(
        world.get("/startupz").await.json(),
        json!({ "status": "started" })
    );
    let ready = world.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.header("cache-control"), Some("no-store"));
    let told = ready.json();
    assert_eq!(told["checks"]["store"]["ok"], true);
    assert_eq!(told["checks"]["store"]["engine"], "memory");
    let wrong = world.ask("POST", "/livez", &[], "").await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.code().as_str()),
        (405, "PGRST117")
    );
    let nowhere = world.get("/nowhere").await;
    assert_eq!(
        (nowhere.status.as_u16(), nowhere.code().as_str()),
        (404, "PGRST125")
    );
}

#[tokio::test]
async fn a_server_whose_store_cannot_read_lives_and_is_not_ready() {
    let world = World::new().await;
    world.store.engine().close().await.expect("it closes");
    assert_eq!(world.get("/livez").await.status, 200);
    let ready = world.get("/readyz").await;
    assert_eq!(ready.status, 503);
    let told = ready.json();
    assert_eq!(told["checks"]["store"]["ok"], false);
    assert!(told["checks"]["store"]["reason"].is_string(), "{told}");
}

#[tokio::test]
async fn metrics_count_requests_by_route_method_and_status() {
    let world = World::new().await;
    world.get("/rest/v1/customers?id=eq.1").await;
    world.get("/rest/v1/secret_name").await;
    let metrics = world.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    for line in [
        r#"pando_http_requests_total{route="/rest/v1/{table}",method="GET",status="200"} 1"#,
        r#"pando_http_requests_total{route="/rest/v1/{table}",method="GET",status="404"} 1"#,
        "pando_http_requests_in_flight 1",
        "pando_store_schema_version",
        "pando_http_request_duration_seconds_bucket",
        "# EOF",
    ] {
        assert!(
            metrics.body.contains(line),
            "{line} is not in {}",
            metrics.body
        );
    }
    assert!(
        !metrics.body.contains("secret_name"),
        "labels are never a caller's words"
    );
}

#[tokio::test]
async fn the_description_follows_the_schema() {
    let world = World::new().await;
    let document = world.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let customers = &document["paths"]["/rest/v1/customers"];
    for method in ["get", "head", "post", "patch", "put", "delete", "options"] {
        let responses = customers[method]["responses"].as_object();
        assert!(responses.is_some_and(|r| r.contains_key("400")), "{method}");
    }
    let row = &document["components"]["schemas"]["customers"]["properties"];
    assert_eq!(row["id"]["type"], "integer");
    assert_eq!(row["country"]["type"], json!(["string", "null"]));
    assert!(
        !document.to_string().contains("_pando"),
        "the catalog is not described"
    );
    let post = &customers["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(post["oneOf"][0]["required"], json!(["id", "name"]));
    let root = world.get("/rest/v1/").await;
    assert_eq!(
        root.header("content-type"),
        Some("application/openapi+json; charset=utf-8")
    );
    assert_eq!(root.json(), document);
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked() {
    let world = World::new().await;
    let body = r#"{"name":"app","scopes":"rest:read,kv:*:sessions"}"#;
    let made = world.ask("POST", "/admin/v1/keys", &[], body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    let secret = made["key"].as_str().expect("a secret");
    assert!(secret.starts_with("pando_"));
    assert_eq!(made["scopes"], json!(["rest:read", "kv:*:sessions"]));

    let list = world.get("/admin/v1/keys").await;
    assert!(!list.body.contains(secret), "a secret is told once");
    let id = made["id"].as_str().expect("an id");
    assert!(
        list.json()["keys"]
            .as_array()
            .is_some_and(|keys| keys.iter().any(|key| key["id"] == id))
    );

    let uri = format!("/admin/v1/keys/{id}");
    assert_eq!(world.ask("DELETE", &uri, &[], "").await.status, 204);
    let again = world.ask("DELETE", &uri, &[], "").await;
    assert_eq!(
        (again.status.as_u16(), again.code().as_str()),
        (404, "key_unknown")
    );
    for (body, code) in [
        ("", "body_malformed"),
        ("{}", "body_malformed"),
        (r#"{"scopes":"rest:read","extra":1}"#, "body_malformed"),
        (r#"{"scopes":"*","name":""}"#, "name_malformed"),
        (r#"{"scopes":"everything"}"#, "scope_malformed"),
        (r#"{"scopes":[]}"#, "scope_malformed"),
    ] {
        let answer = world.ask("POST", "/admin/v1/keys", &[], body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, code),
            "for {body}"
        );
    }
}

#[tokio::test]
async fn the_admin_api_reaches_the_process() {
    let world = World::new().await;
    let status = world.get("/admin/v1/status").await.json();
    assert_eq!(status["shards"][0]["durability"]["synced"], false);
    assert_eq!(status["shards"][0]["engine"]["name"], "memory");
    assert_eq!(
        world.get("/admin/v1/config").await.json()["listen"],
        "127.0.0.1:8080"
    );
    let checked = world
        .ask("POST", "/admin/v1/migrate", &[], r#"{"check":true}"#)
        .await;
    assert_eq!(checked.json(), json!({ "check": true }));
    assert_eq!(
        world.ask("POST", "/admin/v1/migrate", &[], "").await.json(),
        json!({ "check": false })
    );
    let backup = world
        .ask("POST", "/admin/v1/backup", &[], r#"{"path":"x"}"#)
        .await;
    assert_eq!(
        (backup.status.as_u16(), backup.code().as_str()),
        (409, "file_exists")
    );
    let verified: Value = world.ask("POST", "/admin/v1/verify", &[], "").await.json();
    assert_eq!(verified["ok"], true);
    let wrong = world.ask("DELETE", "/admin/v1/keys", &[], "").await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.header("allow")),
        (405, Some("GET, POST"))
    );
    assert_eq!(world.get("/admin/v1/nothing").await.status, 404);
    let stop = world.ask("POST", "/admin/v1/shutdown", &[], "").await;
    assert_eq!(stop.status, 202);
    assert!(world.admin.stopping.load(Ordering::SeqCst));
}
