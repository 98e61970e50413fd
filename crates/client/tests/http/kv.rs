//! Key-value through the client.

use crate::world::World;
use futures_util::TryStreamExt;
use pando_client::{ErrorKind, Etag, Fetched, KvDone, KvOp};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn any_bytes_under_any_key_come_back_as_they_were() {
    let world = World::new().await;
    let kv = world.client().kv("a space/with%");
    for key in ["plain", "a/b?c#d", "..", ".", "서울 %2F", "batch x", "\""] {
        let bytes: Vec<u8> = (0..=255).collect();
        let stored = kv.put(key, bytes.clone()).content_type("image/x").await;
        let stored = stored.unwrap_or_else(|error| panic!("{key}: {error:?}"));
        assert!(stored.created, "{key}");
        let entry = kv.get(key).await.expect("it is read").expect("it is there");
        assert_eq!((&*entry.value, &*entry.content_type), (&*bytes, "image/x"));
        assert_eq!((entry.etag, entry.expires_at), (stored.etag, None));
        assert!(kv.delete(key).await.expect("it is deleted"));
        assert!(!kv.delete(key).await.expect("it is gone"));
        assert_eq!(kv.get(key).await.expect("it is read"), None);
    }
}

#[tokio::test]
async fn a_change_is_made_only_to_the_version_that_was_seen() {
    let world = World::new().await;
    let kv = world.client().kv("s");
    let first = kv
        .put_json("k", &json!({ "n": 1 }))
        .if_absent()
        .await
        .expect("absent");
    let twice = kv.put("k", "x").if_absent().await.expect_err("it is there");
    assert_eq!(twice.kind(), ErrorKind::PreconditionFailed);
    let second = kv
        .put_json("k", &json!({ "n": 2 }))
        .if_match(&first.etag)
        .await;
    let second = second.expect("it is the version");
    assert!(!second.created);
    let stale = kv
        .delete("k")
        .if_match(&first.etag)
        .await
        .expect_err("it is stale");
    assert_eq!(stale.kind(), ErrorKind::PreconditionFailed);
    let read: Option<Value> = kv.get_json("k").await.expect("it is read");
    assert_eq!(read, Some(json!({ "n": 2 })));
    let same = kv
        .get_if_changed("k", &second.etag)
        .await
        .expect("it is read");
    assert_eq!(same, Fetched::Unchanged);
    let changed = kv
        .get_if_changed("k", &first.etag)
        .await
        .expect("it is read");
    assert!(matches!(changed, Fetched::Changed(entry) if entry.etag == second.etag));
    let gone = kv
        .get_if_changed("other", &first.etag)
        .await
        .expect("it is read");
    assert_eq!(gone, Fetched::Gone);
}

#[tokio::test]
async fn values_run_out_and_counters_count() {
    let world = World::new().await;
    let kv = world.client().kv("s");
    let hour = Duration::from_secs(3_600);
    kv.put("k", "v")
        .ttl(hour)
        .content_type("text/plain")
        .await
        .expect("it is put");
    let entry = kv.get("k").await.expect("it is read").expect("it is there");
    assert!(entry.expires_at.is_some());
    for (by, value) in [(1, 1), (41, 42), (-2, 40)] {
        let counted = kv.incr("n", by).await.expect("it counts");
        assert_eq!(counted.value, value);
    }
    assert_eq!(kv.incr("m", 5).ttl(hour).await.expect("it counts").value, 5);
}

#[tokio::test]
async fn a_list_is_read_page_by_page_to_its_end() {
    let world = World::new().await;
    let kv = world.client().kv("s");
    let keys: Vec<String> = (0..7).map(|n| format!("p&{n}")).collect();
    kv.batch(keys.iter().map(|key| KvOp::put(key, "1")))
        .await
        .expect("they are put");
    kv.put("q", "1").await.expect("it is put");
    let list = kv.list().prefix("p&").limit(3);
    let page = list.clone().page().await.expect("a page");
    assert_eq!(page.items.len(), 3);
    let second = list
        .clone()
        .after(page.cursor.expect("there is more"))
        .page()
        .await;
    assert_eq!(second.expect("a page").items[0].key, "p&3");
    let all: Vec<_> = list.stream().try_collect().await.expect("all of them");
    assert_eq!(
        all.iter().map(|info| info.key.clone()).collect::<Vec<_>>(),
        keys
    );
    assert_eq!(all[0].size, 1);
    let none: Vec<_> = kv
        .list()
        .prefix("z")
        .stream()
        .try_collect()
        .await
        .expect("none");
    assert!(none.is_empty());
}

#[tokio::test]
async fn a_batch_is_done_whole_and_tells_what_each_did() {
    let world = World::new().await;
    let kv = world.client().kv("s");
    let done = kv
        .batch([
            KvOp::put("t", "글").content_type("text/plain"),
            KvOp::put("b", [0, 255]),
            KvOp::get("t"),
            KvOp::get("b"),
            KvOp::get("none"),
            KvOp::incr("n", 2).ttl(Duration::from_secs(60)),
            KvOp::delete("t"),
            KvOp::delete("none"),
        ])
        .await
        .expect("it is done");
    let KvDone::Put(put) = &done[0] else {
        panic!("{done:?}")
    };
    assert!(put.created);
    let KvDone::Got(Some(text)) = &done[2] else {
        panic!("{done:?}")
    };
    assert_eq!((text.text(), &text.etag), (Some("글"), &put.etag));
    let KvDone::Got(Some(bytes)) = &done[3] else {
        panic!("{done:?}")
    };
    assert_eq!(&*bytes.value, [0, 255]);
    assert_eq!(done[4], KvDone::Got(None));
    assert!(matches!(&done[5], KvDone::Counted(counted) if counted.value == 2));
    assert_eq!(done[6..], [KvDone::Deleted(true), KvDone::Deleted(false)]);
    let page = kv.list().page().await.expect("a page");
    let b = page
        .items
        .iter()
        .find(|info| info.key == "b")
        .expect("it is listed");
    let KvDone::Put(put) = &done[1] else {
        panic!("{done:?}")
    };
    assert_eq!(Etag::of_version(b.version), put.etag);
}
