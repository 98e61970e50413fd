//! The loopback rule, keys, scopes and CORS.

use crate::world::World;
use pando_web::{Cors, WebConfig};

const TABLE: &str = "/rest/v1/countries";
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn on_loopback_only_pages_that_are_named_may_ask() {
    let config = WebConfig {
        cors: Cors {
            origins: vec!["https://app.example.com".to_owned()],
            ..Cors::default()
        },
        ..WebConfig::default()
    };
    let world = World::with(config).await;
    let cases: &[(&[(&str, &str)], u16)] = &[
        (&[], 200),
        (&[("host", "127.0.0.1:8080")], 200),
        (&[("host", "evil.example.com")], 403),
        (&[("host", "localhost.evil.example.com")], 403),
        (&[("origin", "https://app.example.com")], 200),
        (&[("origin", "https://evil.example.com")], 403),
        (&[("origin", "null")], 403),
        (&[("origin", "http://localhost:3000")], 403),
        (&[("apikey", "anything")], 200),
        (&[("apikey", "anything"), ("origin", "null")], 403),
    ];
    for (headers, status) in cases {
        let answer = world.ask("GET", TABLE, headers, "").await;
        assert_eq!(answer.status, *status, "for {headers:?}: {}", answer.body);
        if *status == 403 {
            assert_eq!(answer.code(), "foreign_page");
            assert_eq!(answer.header("pando-stamp"), None);
        }
    }
}

#[tokio::test]
async fn elsewhere_a_key_is_needed() {
    let world = World::new().await;
    let key = world.key("rest:read").await;
    let bearer = format!("Bearer {key}");
    let cases: &[(&[(&str, &str)], u16, &str)] = &[
        (&[], 401, "PGRST302"),
        (&[("apikey", "pando_wrong")], 401, "PGRST301"),
        (&[("authorization", "Bearer nonsense")], 401, "PGRST301"),
        (&[("apikey", &key)], 200, ""),
        (&[("authorization", &bearer)], 200, ""),
        (
            &[("authorization", &bearer), ("host", "db.example.com")],
            200,
            "",
        ),
    ];
    for (headers, status, code) in cases {
        let answer = world.ask_publicly("GET", TABLE, headers).await;
        assert_eq!(answer.status, *status, "for {headers:?}: {}", answer.body);
        if *status == 401 {
            assert_eq!(answer.code(), *code);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    for path in ["/livez", "/readyz", "/startupz"] {
        assert_eq!(
            world.ask_publicly("GET", path, &[]).await.status,
            200,
            "{path}"
        );
    }
    for path in ["/metrics", "/openapi.json", "/admin/v1/status", "/nowhere"] {
        assert_eq!(
            world.ask_publicly("GET", path, &[]).await.status,
            401,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_key_on_loopback_is_required_where_that_is_set() {
    let config = WebConfig {
        auth_required: true,
        ..WebConfig::default()
    };
    let world = World::with(config).await;
    assert_eq!(world.get(TABLE).await.status, 401);
    world.web.reload(&WebConfig::default());
    assert_eq!(world.get(TABLE).await.status, 200);
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say() {
    let world = World::new().await;
    let cases = [
        ("rest:read", "GET", "/rest/v1/orders", true),
        ("rest:read", "HEAD", "/rest/v1/orders", true),
        ("rest:read", "DELETE", "/rest/v1/orders?id=eq.99", false),
        ("rest:write", "GET", "/rest/v1/orders", false),
        ("rest:write", "DELETE", "/rest/v1/orders?id=eq.99", true),
        ("rest:read:orders", "GET", "/rest/v1/orders", true),
        ("rest:read:orders", "GET", "/rest/v1/customers", false),
        ("rest:*", "GET", "/admin/v1/status", false),
        ("admin:read", "GET", "/admin/v1/status", true),
        ("admin:read", "POST", "/admin/v1/verify", false),
        ("kv:*", "GET", "/rest/v1/orders", false),
        ("metrics:read", "GET", "/metrics", true),
        ("rest:read", "GET", "/metrics", false),
        ("*", "GET", "/admin/v1/status", true),
    ];
    for (scopes, method, uri, is_allowed) in cases {
        let key = world.key(scopes).await;
        let answer = world.ask_publicly(method, uri, &[("apikey", &key)]).await;
        let refused = answer.status == 403;
        assert_eq!(refused, !is_allowed, "{scopes} {method} {uri}: {answer:?}");
        if refused {
            assert_eq!(answer.code(), "42501");
        }
    }
    let key = world.key("rest:read:orders").await;
    let answer = world
        .ask("GET", "/rest/v1/customers", &[("apikey", &key)], "")
        .await;
    assert_eq!(answer.status, 403, "a valid key counts on loopback too");
}

#[tokio::test]
async fn embedding_a_table_needs_its_scope_as_well() {
    let world = World::new().await;
    let key = world.key("rest:read:customers").await;
    let uri = "/rest/v1/customers?select=id,orders(id)";
    let answer = world.ask_publicly("GET", uri, &[("apikey", &key)]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (403, "42501")
    );
    let key = world.key("rest:read:customers,rest:read:orders").await;
    let answer = world.ask_publicly("GET", uri, &[("apikey", &key)]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let by_key = "/rest/v1/orders?select=id,customer_id(name)";
    let key = world.key("rest:read:orders").await;
    let answer = world.ask_publicly("GET", by_key, &[("apikey", &key)]).await;
    assert_eq!(answer.status, 403, "a foreign key's column names its table");
    let through = "/rest/v1/customers?select=id,tags(name)";
    for (scopes, status) in [
        ("rest:read:customers,rest:read:tags", 403),
        ("rest:read:customers,rest:read:customers_tags", 403),
        (
            "rest:read:customers,rest:read:tags,rest:read:customers_tags",
            200,
        ),
        ("rest:read", 200),
    ] {
        let key = world.key(scopes).await;
        let answer = world
            .ask_publicly("GET", through, &[("apikey", &key)])
            .await;
        assert_eq!(answer.status, status, "{scopes}: a junction is a table too");
    }
    let key = world.key("rest:write").await;
    let headers = [
        ("apikey", key.as_str()),
        ("prefer", "return=representation"),
    ];
    let answer = world
        .ask_publicly("DELETE", "/rest/v1/orders?id=eq.99", &headers)
        .await;
    assert_eq!(answer.status, 403, "rows that are given back are read");
}

#[tokio::test]
async fn a_revoked_key_is_none() {
    let world = World::new().await;
    let made = world
        .store
        .create_key("short-lived", "rest:read".parse().expect("a scope"))
        .await;
    let made = made.expect("a key");
    let headers = [("apikey", made.secret.as_str())];
    assert_eq!(world.ask_publicly("GET", TABLE, &headers).await.status, 200);
    assert!(
        world
            .store
            .revoke_key(&made.info.id)
            .await
            .expect("it is there")
    );
    assert_eq!(world.ask_publicly("GET", TABLE, &headers).await.status, 401);
}

#[tokio::test]
async fn browsers_are_told_what_named_pages_may_do() {
    let page = "https://app.example.com";
    let config = WebConfig {
        cors: Cors {
            origins: vec![page.to_owned()],
            ..Cors::default()
        },
        ..WebConfig::default()
    };
    let world = World::with(config).await;
    let preflight = |origin| {
        [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "apikey,prefer"),
        ]
    };
    let answer = world.ask_publicly("OPTIONS", TABLE, &preflight(page)).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(page));
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("apikey,prefer")
    );
    assert!(
        answer
            .header("access-control-allow-methods")
            .is_some_and(|m| m.contains("PATCH"))
    );
    assert_eq!(answer.header("access-control-max-age"), Some("600"));
    assert_eq!(answer.header("vary"), Some("Origin"));

    let stranger = world
        .ask_publicly("OPTIONS", TABLE, &preflight("https://evil.example.com"))
        .await;
    assert_eq!(stranger.status, 401);
    assert_eq!(stranger.header("access-control-allow-origin"), None);

    let answer = world.ask("GET", TABLE, &[("origin", page)], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(page));
    let exposed = answer
        .header("access-control-expose-headers")
        .unwrap_or_default();
    assert!(exposed.contains("Content-Range") && exposed.contains("Pando-Stamp"));

    let closed = World::new().await;
    let answer = closed
        .ask_publicly("OPTIONS", TABLE, &preflight(page))
        .await;
    assert_eq!(answer.status, 401, "CORS is off until origins are named");
}

#[tokio::test]
async fn a_key_that_may_only_write_is_not_shown_what_it_patches() {
    let world = World::new().await;
    let key = world.key("docs:write,graph:write").await;
    let reader = world.key("docs:*,graph:*").await;
    for (uri, made, patch, shown) in [
        (
            "/docs/v1/people/1",
            r#"{"salary": 100}"#,
            "{}",
            r#"{"_id": "1", "salary": 100}"#,
        ),
        (
            "/graph/v1/g/nodes/1",
            r#"{"kind": "person", "body": {"salary": 100}}"#,
            "{}",
            r#"{"id":"1","kind":"person","body":{"salary": 100}}"#,
        ),
    ] {
        let put = world.ask("PUT", uri, &[JSON], made).await;
        assert_eq!(put.status, 201, "{}", put.body);
        for (secret, status, body) in [(&key, 204, ""), (&reader, 200, shown)] {
            let headers = [
                ("apikey", secret.as_str()),
                ("content-type", "application/merge-patch+json"),
            ];
            let answer = world.ask_publicly_with("PATCH", uri, &headers, patch).await;
            assert_eq!(
                (answer.status.as_u16(), &*answer.body),
                (status, body),
                "{uri}"
            );
            assert!(answer.header("etag").is_some(), "{uri}");
        }
    }
}
