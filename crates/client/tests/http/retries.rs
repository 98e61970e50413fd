//! What is sent again, and that it is done once.

use crate::proxy::{Cut, Proxy};
use crate::world::{World, hasty};
use pando_client::{ErrorKind, KvOp, Retry};
use serde_json::{Value, json};
use std::time::Duration;

/// Raises a counter, inserts a row and does both at once, each with one harm; how often each
/// was done.
async fn done_through(cut: Cut, hides_keys: bool) -> (i64, u64, i64) {
    let world = World::new().await;
    let proxy = Proxy::before(&world.url).await;
    if hides_keys {
        proxy.hide_keys();
    }
    // A connection for each request: the proxy looks at the first only.
    let client = || hasty(&proxy.url).0.build().expect("a client");
    proxy.cut(&[cut]);
    client()
        .kv("s")
        .incr("n", 1)
        .await
        .expect("it is sent again");
    proxy.cut(&[cut]);
    let row = json!({ "n": 1 });
    let inserted = client().table("ticks").insert(&row).rows_changed().await;
    assert_eq!(inserted.expect("it is sent again"), 1);
    proxy.cut(&[cut]);
    let mut tx = client().transaction();
    let counted = tx.add(client().kv("s").incr("tx", 1)).expect("it is added");
    let mut done = tx.send().await.expect("it is sent again");
    let seen = done.take(counted).expect("an answer").value;
    assert_eq!(proxy.requests(), 6, "each was sent twice");
    let direct = world.client();
    let value: Option<i64> = direct.kv("s").get_json("n").await.expect("a value");
    let rows = direct.table("ticks").select("*").count().await;
    let tx: Option<i64> = direct.kv("s").get_json("tx").await.expect("a value");
    assert_eq!(tx, Some(seen), "the answer is that of what was done");
    (value.expect("a counter"), rows.expect("a count"), seen)
}

#[tokio::test]
async fn a_write_that_was_cut_off_is_done_exactly_once() {
    for cut in [Cut::BeforeRequest, Cut::BeforeAnswer, Cut::WithinAnswer] {
        assert_eq!(done_through(cut, false).await, (1, 1, 1), "{cut:?}");
    }
}

/// A test of the test above: the same harm, where the server does not see the keys.
#[tokio::test]
async fn without_keys_it_would_be_done_twice() {
    for cut in [Cut::BeforeAnswer, Cut::WithinAnswer] {
        assert_eq!(done_through(cut, true).await, (2, 2, 2), "{cut:?}");
    }
}

#[tokio::test]
async fn a_read_that_was_cut_off_is_asked_again() {
    let world = World::new().await;
    world
        .client()
        .kv("s")
        .put("k", "v")
        .await
        .expect("it is put");
    let proxy = Proxy::before(&world.url).await;
    for cut in [Cut::BeforeRequest, Cut::BeforeAnswer, Cut::WithinAnswer] {
        let client = hasty(&proxy.url).0.build().expect("a client");
        proxy.cut(&[cut, cut]);
        let entry = client.kv("s").get("k").await.expect("it is asked again");
        assert_eq!(entry.expect("a value").text(), Some("v"));
    }
}

#[tokio::test]
async fn a_write_that_stays_cut_off_is_of_unknown_outcome_and_its_key_tells() {
    let world = World::new().await;
    let proxy = Proxy::before(&world.url).await;
    let (builder, timer) = hasty(&proxy.url);
    let client = builder.build().expect("a client");
    proxy.cut(&[Cut::BeforeAnswer; 5]);
    let error = client
        .kv("s")
        .incr("n", 1)
        .await
        .expect_err("five are five");
    assert_eq!(error.kind(), ErrorKind::Broken);
    assert!(
        error.is_outcome_unknown() && error.is_retry_safe(),
        "{error:?}"
    );
    let waits = timer.waits();
    assert_eq!(waits.len(), 4, "between five attempts");
    for (n, wait) in waits.iter().enumerate() {
        assert!(*wait <= Duration::from_millis(100 << n), "{waits:?}");
    }
    let key = error.idempotency_key().expect("it had one").to_owned();
    assert_eq!(
        uuid::Uuid::parse_str(&key)
            .expect("a UUID")
            .get_version_num(),
        7
    );
    let counted = client
        .kv("s")
        .incr("n", 1)
        .idempotency_key(key)
        .detailed()
        .await;
    let counted = counted.expect("it had been done");
    assert_eq!((counted.value.value, counted.replayed), (1, true));
}

#[tokio::test]
async fn nothing_is_sent_again_beyond_the_time_or_where_it_is_never_to_be() {
    let world = World::new().await;
    let proxy = Proxy::before(&world.url).await;
    let never = hasty(&proxy.url).0.retry(Retry::never()).build();
    proxy.cut(&[Cut::BeforeRequest; 9]);
    let call = never.expect("a client").kv("s").put("k", "v");
    assert!(call.await.expect_err("once").is_outcome_unknown());
    assert_eq!(proxy.requests(), 1);
    let (builder, timer) = hasty(&proxy.url);
    let builder = builder.retry(Retry {
        attempts_max: 1_000,
        ..Retry::default()
    });
    let client = builder.build().expect("a client");
    let short = client.kv("s").get("k").time(Duration::from_millis(1));
    proxy.cut(&[Cut::BeforeRequest; 900]);
    let error = short.await.expect_err("its time is up");
    assert!(
        error.is_retry_safe() && !error.is_outcome_unknown(),
        "{error:?}"
    );
    assert!(timer.waits().iter().sum::<Duration>() < Duration::from_millis(1));
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_not_sent_again() {
    let world = World::new().await;
    let proxy = Proxy::before(&world.url).await;
    let client = || hasty(&proxy.url).0.build().expect("a client");
    let row = json!({ "id": 1, "title": "a" });
    client()
        .table("films")
        .insert(&row)
        .rows_changed()
        .await
        .expect("it is new");
    let twice = client().table("films").insert(&row).rows_changed().await;
    let twice = twice.expect_err("it is there");
    assert_eq!((twice.kind(), twice.code()), (ErrorKind::Conflict, "23505"));
    assert!(!twice.is_retry_safe() && !twice.is_outcome_unknown());
    let nowhere = client().table("nothing").select("*").rows::<Value>().await;
    assert_eq!(
        nowhere.expect_err("there is none").kind(),
        ErrorKind::NotFound
    );
    let absent = client().kv("s").put("k", "v").if_present().await;
    assert_eq!(
        absent.expect_err("it is absent").kind(),
        ErrorKind::PreconditionFailed
    );
    let bad = client()
        .kv("s")
        .batch([KvOp::get("a"), KvOp::put("", "b")])
        .await;
    let bad = bad.expect_err("no key is empty");
    assert_eq!(
        (bad.kind(), bad.op()),
        (ErrorKind::Refused, Some(1)),
        "{bad:?}"
    );
    assert_eq!(proxy.requests(), 5);
}

#[tokio::test]
async fn the_admin_api_knows_no_keys_and_what_may_be_done_there_is_not_sent_again() {
    let world = World::new().await;
    let proxy = Proxy::before(&world.url).await;
    let ask = || {
        let client = hasty(&proxy.url).0.build().expect("a client");
        let body = json!({ "name": "k", "scopes": ["kv:read"] });
        client
            .request(http::Method::POST, "/admin/v1/keys")
            .json(&body)
    };
    proxy.cut(&[Cut::BeforeAnswer]);
    let error = ask().await.expect_err("it was cut off");
    assert!(
        error.is_outcome_unknown() && !error.is_retry_safe(),
        "{error:?}"
    );
    assert_eq!((error.idempotency_key(), proxy.requests()), (None, 1));
    ask().await.expect("nobody cuts it off");
    let keys = world.store.list_keys().await.expect("keys");
    assert_eq!(keys.iter().filter(|key| key.name == "k").count(), 2);
}
