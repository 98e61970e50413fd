//! `Idempotency-Key`.

use crate::world::World;

#[tokio::test]
async fn the_same_request_under_the_same_key_is_done_once() {
    let world = World::new().await;
    let headers = [
        ("idempotency-key", "k1"),
        ("prefer", "return=representation"),
    ];
    let body = r#"{"id":60,"name":"La"}"#;
    let first = world
        .ask("POST", "/rest/v1/customers?select=id", &headers, body)
        .await;
    let again = world
        .ask("POST", "/rest/v1/customers?select=id", &headers, body)
        .await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    for name in ["content-type", "content-range", "preference-applied"] {
        assert_eq!(again.header(name), first.header(name));
    }
    assert!(again.header("pando-stamp").is_some());
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let world = World::new().await;
    let key = [("idempotency-key", "k1")];
    let uri = "/rest/v1/customers";
    let first = world
        .ask("POST", uri, &key, r#"{"id":61,"name":"Ma"}"#)
        .await;
    assert_eq!(first.status, 201, "{}", first.body);
    let other = world
        .ask("POST", uri, &key, r#"{"id":61,"name":"Mo"}"#)
        .await;
    assert_eq!(
        (other.status.as_u16(), other.code().as_str()),
        (422, "idempotency_key_reused")
    );
    let elsewhere = world
        .ask("POST", "/rest/v1/orders", &key, r#"{"id":61,"amount":1}"#)
        .await;
    assert_eq!(
        elsewhere.status, 201,
        "a key's scope is its path: {}",
        elsewhere.body
    );
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let world = World::new().await;
    let key = [("idempotency-key", "k2")];
    let body = r#"{"id":1,"name":"No"}"#;
    for _ in 0..2 {
        let answer = world.ask("POST", "/rest/v1/customers", &key, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (409, "23505")
        );
    }
}

#[tokio::test]
async fn a_key_has_one_to_255_characters() {
    let world = World::new().await;
    let long = "k".repeat(256);
    for key in ["", long.as_str()] {
        let headers = [("idempotency-key", key)];
        let answer = world
            .ask("POST", "/rest/v1/customers", &headers, "{}")
            .await;
        assert_eq!(answer.code(), "idempotency_key_malformed");
    }
}
