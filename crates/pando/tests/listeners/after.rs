//! After the commit: what is told, in which order, and what becomes of it.

use crate::application::{Application, Got, Told};
use crate::site::Site;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

fn told(got: &Got) -> Value {
    serde_json::from_str(&got.body).unwrap_or_else(|_| panic!("no JSON: {got:?}"))
}

#[test]
fn each_committed_change_of_what_it_hears_of_is_told_as_an_event() {
    let application = Application::start(|_| Told::ok());
    let site = Site::of(&format!(
        "[listeners.search]\non = [\"rest/orders\", \"docs/books:insert\", \"kv/*\"]\nurl = \"{}\"\n",
        application.url("/changed")
    ));
    site.done(
        "POST",
        "/rest/v1/orders",
        r#"{"id": 7, "note": "new", "total": 3}"#,
    );
    site.done("PATCH", "/rest/v1/orders?id=eq.7", r#"{"note": "paid"}"#);
    site.done("POST", "/rest/v1/notes", r#"{"id": 1}"#);
    site.done("PUT", "/docs/v1/books/a", r#"{"title": "A"}"#);
    site.done("PUT", "/docs/v1/books/a", r#"{"title": "B"}"#);
    site.done("PUT", "/kv/v1/carts/c%2F1", r#"[1]"#);
    site.done("DELETE", "/rest/v1/orders?id=eq.7", "");
    let got = application.wait_for("/changed", 5);
    let mut heard: Vec<String> = got
        .iter()
        .map(|got| {
            let told = told(got);
            format!("{} {} {}", told["collection"], told["kind"], told["key"])
        })
        .collect();
    heard.sort();
    assert_eq!(
        heard,
        [
            r#""docs/books" "insert" {"id":"a"}"#,
            r#""kv/carts" "insert" {"key":"c/1"}"#,
            r#""rest/orders" "delete" {"id":7}"#,
            r#""rest/orders" "insert" {"id":7}"#,
            r#""rest/orders" "update" {"id":7}"#,
        ]
    );
    let value = got
        .iter()
        .find(|got| told(got)["collection"] == "kv/carts")
        .unwrap();
    assert_eq!(told(value)["record"]["value"], json!([1]));
    for (name, expected) in [
        ("ce-specversion", "1.0"),
        ("ce-type", "pando.change.insert"),
        ("ce-source", "/kv/v1/carts"),
        ("pando-queue", "listener.search"),
        ("pando-attempt", "1"),
    ] {
        assert_eq!(value.headers[name], expected, "{name}");
    }
    // Of one item in the order of the commits.
    let of_order = got
        .iter()
        .map(told)
        .filter(|told| told["collection"] == "rest/orders");
    let kinds: Vec<Value> = of_order.map(|told| told["kind"].clone()).collect();
    assert_eq!(kinds, ["insert", "update", "delete"]);
}

#[test]
fn what_fails_is_tried_again_dies_alone_and_is_redriven() {
    let heals = Arc::new(AtomicBool::new(false));
    let healed = Arc::clone(&heals);
    let application = Application::start(move |got| {
        match got.body.contains(r#""id":1}"#) && !healed.load(SeqCst) {
            true => Told::status("500 Oh").saying("poison"),
            false => Told::ok(),
        }
    });
    let site = Site::of(&format!(
        "[listeners.l]\non = [\"rest/orders\"]\nurl = \"{}\"\nattempts = 3\n\
         backoff = {{ base = \"10ms\", cap = \"10ms\" }}\n",
        application.url("/changed")
    ));
    for id in 1..=20 {
        site.done("POST", "/rest/v1/orders", &json!({"id": id}).to_string());
    }
    // The first is tried three times, and all others are told meanwhile.
    application.wait_for("/changed", 22);
    let dead = site.until("/queue/v1/listener.l/dead", |dead| {
        dead["messages"]
            .as_array()
            .is_some_and(|dead| dead.len() == 1)
    });
    let dead = &dead["messages"][0];
    assert_eq!(
        (&dead["attempts"], &dead["body"]["key"]),
        (&json!(3), &json!({"id": 1}))
    );
    assert!(dead["error"].as_str().unwrap().contains("poison"), "{dead}");
    let listed = site.until("/admin/v1/listeners", |all| all[0]["calls"] == 22);
    assert_eq!(
        (&listed[0]["failures"], &listed[0]["queue"]),
        (&json!(3), &json!("listener.l"))
    );
    let forged = site.ask("POST", "/queue/v1/listener.l/messages", r#"{"body": 1}"#);
    assert_eq!(
        forged.status, 422,
        "only what is committed enters it: {forged:?}"
    );
    heals.store(true, SeqCst);
    site.done("POST", "/queue/v1/listener.l/redrive", "");
    application.wait_for("/changed", 23);
    site.until("/queue/v1/listener.l", |depth| {
        depth["depth"] == 0 && depth["dead"] == 0
    });
    let metrics = site.done("GET", "/metrics", "").body;
    let calls = r#"pando_listener_calls_total{listener="l",phase="after-commit"} 23"#;
    assert!(metrics.contains(calls), "{metrics}");
}

#[test]
fn what_a_foreign_key_takes_along_is_told_too() {
    let application = Application::start(|_| Told::ok());
    let site = Site::of(&format!(
        "[listeners.l]\non = [\"rest/lines:delete\"]\nurl = \"{}\"\nrecord = false\n",
        application.url("/changed")
    ));
    site.done("POST", "/rest/v1/orders", r#"{"id": 1}"#);
    site.done(
        "POST",
        "/rest/v1/lines",
        r#"[{"id": 5, "order_id": 1}, {"id": 6, "order_id": 1}]"#,
    );
    site.done("DELETE", "/rest/v1/orders?id=eq.1", "");
    let got = application.wait_for("/changed", 2);
    let mut keys: Vec<i64> = got
        .iter()
        .map(|got| told(got)["key"]["id"].as_i64().unwrap())
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, [5, 6]);
}

#[test]
fn edges_nodes_and_cells_are_told_once_each() {
    let application = Application::start(|_| Told::ok());
    let site = Site::of(&format!(
        "[listeners.l]\non = [\"graph/social\", \"wide/weather\"]\nurl = \"{}\"\n",
        application.url("/changed")
    ));
    site.done(
        "PUT",
        "/graph/v1/social/nodes/a",
        r#"{"kind": "person", "body": {}}"#,
    );
    site.done(
        "PUT",
        "/graph/v1/social/nodes/b",
        r#"{"kind": "person", "body": {}}"#,
    );
    site.done(
        "PUT",
        "/graph/v1/social/nodes/a/edges/likes/b",
        r#"{"body": {"since": 1}}"#,
    );
    site.done("PUT", "/wide/v1/weather/seoul/010", r#"{"obs:temp": 10}"#);
    let got = application.wait_for("/changed", 4);
    let heard: Vec<Value> = got.iter().map(told).collect();
    let of = |word: &str| {
        let found = heard.iter().find(|told| told["key"].get(word).is_some());
        found.unwrap_or_else(|| panic!("{word}: {heard:?}")).clone()
    };
    let edge = of("from");
    assert_eq!(
        edge["key"],
        json!({"from": "a", "kind": "likes", "to": "b"})
    );
    assert_eq!(edge["record"]["body"], json!({"since": 1}));
    let cell = of("qualifier");
    assert_eq!(cell["key"]["partition"], "seoul");
    assert_eq!(cell["record"]["value"], 10);
    assert_eq!(of("id")["record"]["kind"], "person");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_postgresql_the_same_is_told() {
    let application = Application::start(|_| Told::ok());
    let listeners = format!(
        "[listeners.l]\non = [\"rest/orders\", \"docs/*\"]\nurl = \"{}\"\n",
        application.url("/changed")
    );
    let site = Site::over_postgresql(&listeners).await;
    let checked = tokio::task::spawn_blocking(move || {
        site.done("POST", "/rest/v1/orders", r#"[{"id": 1}, {"id": 2}]"#);
        site.done("PATCH", "/rest/v1/orders?id=eq.2", r#"{"note": "x"}"#);
        site.done("PUT", "/docs/v1/books/a", r#"{"title": "A"}"#);
        let got = application.wait_for("/changed", 4);
        let last = |got: &Got| told(got)["record"]["note"] == "x";
        assert!(got.iter().any(last), "{got:?}");
    });
    checked.await.expect("it is so");
}

#[test]
fn a_refused_write_is_told_after_its_rollback() {
    let application = Application::start(|got| match got.path.as_str() {
        "/guard" => Told::status("403 No"),
        _ => Told::ok(),
    });
    let site = Site::of(&format!(
        "[listeners.alarm]\nphase = \"after-rollback\"\non = [\"rest/orders\"]\nurl = \"{}\"\n\
         [listeners.guard]\nphase = \"before-commit\"\non = [\"rest/orders:delete\"]\nurl = \"{}\"\n",
        application.url("/alarm"),
        application.url("/guard")
    ));
    site.done("POST", "/rest/v1/orders", r#"{"id": 1, "total": 1}"#);
    let refused = site.ask("PATCH", "/rest/v1/orders?id=eq.1", r#"{"total": -1}"#);
    assert_eq!(refused.status, 400, "{refused:?}");
    let got = application.wait_for("/alarm", 1);
    let heard = told(&got[0]);
    assert_eq!(
        (&heard["code"], &heard["changes"][0]["record"]["total"]),
        (&json!("23514"), &json!(-1))
    );
    assert_eq!(
        site.ask("DELETE", "/rest/v1/orders?id=eq.1", "").status,
        422
    );
    let got = application.wait_for("/alarm", 2);
    let heard = told(&got[1]);
    assert_eq!(
        (&heard["code"], &heard["changes"][0]["kind"]),
        (&json!("vetoed"), &json!("delete"))
    );
}
