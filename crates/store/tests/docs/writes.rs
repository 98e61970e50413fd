//! Documents are stored, changed and removed; nothing is lost on the way.

use crate::world::{body, code, if_match, key, world};
use pando_store::docs::{DocumentKey, Patch};
use pando_store::operation::Operation;
use pando_store::precondition::{Precondition, Versions};
use pando_store::request::Idempotency;
use pando_store::session::Session;

#[tokio::test]
async fn a_document_is_there_as_it_was_put_until_it_is_deleted() {
    let world = world().await;
    assert_eq!(world.get("x").await, None);
    let first = world.put("x", r#"{"b": 1.50, "a": "é"}"#).await;
    assert!(first.created);
    let found = world.get("x").await.unwrap();
    assert_eq!(found.version, first.version);
    assert_eq!(found.to_json(), r#"{"_id": "x", "a": "é", "b": 1.5}"#);
    let second = world.put("x", "{}").await;
    assert!(!second.created && second.version != first.version);
    assert_eq!(world.get("x").await.unwrap().to_json(), r#"{"_id": "x"}"#);
    assert!(world.delete("x").await);
    assert!(!world.delete("x").await);
    assert_eq!(world.get("x").await, None);
}

#[tokio::test]
async fn a_write_happens_only_to_the_version_that_its_caller_knows() {
    let world = world().await;
    let none = Precondition {
        if_none_match: Some(Versions::Any),
        ..Precondition::default()
    };
    let version = world
        .try_put("x", "{}", none.clone())
        .await
        .unwrap()
        .version;
    let stale = || if_match(version - 1);
    assert_eq!(
        code(world.try_put("x", "{}", none).await),
        "precondition_failed"
    );
    assert_eq!(
        code(world.try_put("x", "{}", stale()).await),
        "precondition_failed"
    );
    let merge = || Patch::Merge(r#"{"a": 1}"#.to_owned());
    assert_eq!(
        code(world.patch("x", merge(), stale()).await),
        "precondition_failed"
    );
    assert_eq!(
        code(world.patch("y", merge(), stale()).await),
        "precondition_failed"
    );
    let gone = world.store.docs_delete(&key("x"), stale());
    assert_eq!(code(world.done(gone).await), "precondition_failed");
    let patched = world.patch("x", merge(), if_match(version)).await.unwrap();
    assert!(patched.version != version);
    assert_eq!(world.get("x").await.unwrap(), patched);
}

#[tokio::test]
async fn patches_apply_whole_or_not_at_all() {
    let world = world().await;
    world.put("x", r#"{"a": {"b": 1}, "l": [1]}"#).await;
    let none = Precondition::default;
    let merged = Patch::Merge(r#"{"a": {"b": null, "c": 2}}"#.to_owned());
    let merged = world.patch("x", merged, none()).await.unwrap();
    assert_eq!(merged.to_json(), r#"{"_id": "x", "a": {"c": 2}, "l": [1]}"#);
    for (patch, expected) in [
        (Patch::Json("{".into()), "malformed"),
        (Patch::Merge("{".into()), "malformed"),
        (Patch::Merge("7".into()), "unprocessable"),
        (Patch::Merge(r#"{"_id": "y"}"#.into()), "unprocessable"),
        (Patch::Json(r#"[{"op": "add", "path": "/l/-", "value": 9}, {"op": "remove", "path": "/none"}]"#.into()), "unprocessable"),
        (Patch::Json(r#"[{"op": "add", "path": "/l/-", "value": 9}, {"op": "test", "path": "/l/0", "value": 2}]"#.into()), "conflict"),
    ] {
        let refused = world.patch("x", patch.clone(), none()).await;
        assert_eq!(code(refused), expected, "{patch:?}");
        assert_eq!(world.get("x").await.unwrap(), merged, "{patch:?}");
    }
    let tested = r#"[{"op": "test", "path": "/_id", "value": "x"}, {"op": "replace", "path": "/l/0", "value": 1e2}]"#;
    let tested = world
        .patch("x", Patch::Json(tested.into()), none())
        .await
        .unwrap();
    assert_eq!(tested.body, r#"{"a": {"c": 2}, "l": [100]}"#);
    let absent = world.patch("y", Patch::Merge("{}".into()), none()).await;
    assert_eq!(code(absent), "not_found");
}

/// Checks of the request itself come before its precondition (RFC 9110, section 13.2.1); whether
/// the patch fits what is there comes after it.
#[tokio::test]
async fn what_is_no_patch_is_refused_whatever_is_there() {
    let world = world().await;
    let version = world.put("x", "{}").await.version;
    for (patch, expected) in [
        (Patch::Merge("{".into()), "malformed"),
        (Patch::Merge("null".into()), "unprocessable"),
        (Patch::Json("{}".into()), "malformed"),
        (Patch::Json(r#"[{"op": "add"}]"#.into()), "malformed"),
        (
            Patch::Json(r#"[{"op": "remove", "path": "/a"}]"#.into()),
            "precondition_failed",
        ),
    ] {
        for id in ["x", "absent"] {
            let stale = if_match(version - 1);
            let refused = world.patch(id, patch.clone(), stale).await;
            assert_eq!(code(refused), expected, "{patch:?} of {id}");
        }
    }
}

#[tokio::test]
async fn patches_at_once_lose_no_update() {
    let world = world().await;
    world.put("x", r#"{"l": []}"#).await;
    let appended = (0..20).map(|number| {
        let patch = format!(r#"[{{"op": "add", "path": "/l/-", "value": {number}}}]"#);
        let world = &world;
        async move {
            world
                .patch("x", Patch::Json(patch), Precondition::default())
                .await
        }
    });
    let all = futures_of(appended).await;
    assert!(all.iter().all(Result::is_ok));
    let found: serde_json::Value =
        serde_json::from_str(&world.get("x").await.unwrap().body).unwrap();
    let mut numbers: Vec<u64> = found["l"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
}

/// Polls all of them by turns.
async fn futures_of<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        let mut left = false;
        for (future, done) in waiting.iter_mut().filter(|(_, done)| done.is_none()) {
            match future.as_mut().poll(context) {
                std::task::Poll::Ready(value) => *done = Some(value),
                std::task::Poll::Pending => left = true,
            }
        }
        if left {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    waiting.into_iter().filter_map(|(_, done)| done).collect()
}

#[tokio::test]
async fn a_retry_makes_no_second_document() {
    let world = world().await;
    let idempotency = Idempotency {
        scope: [1; 16],
        key: "once".into(),
        request: [2; 32],
    };
    let mut answers = Vec::new();
    for _ in 0..2 {
        let post = world
            .store
            .docs_post("c", body(r#"{"n": 1}"#))
            .await
            .unwrap();
        let post: Operation<Vec<u8>> =
            post.map(|(key, _): (DocumentKey, i64)| Ok(key.id().as_bytes().to_vec()));
        let done = world
            .store
            .carry_out(&post, Some(&idempotency), &Session::default())
            .await;
        answers.push(done.unwrap());
    }
    assert_eq!(answers[0].answer, answers[1].answer);
    assert!(!answers[0].replayed && answers[1].replayed);
    let id = String::from_utf8(answers[0].answer.clone()).unwrap();
    assert_eq!(world.ids(&Default::default()).await, [id]);
}

#[test]
fn ids_and_names_are_bounded() {
    let long = "x".repeat(1025);
    for (collection, id) in [
        ("", "x"),
        ("c", ""),
        ("c", "a\0"),
        ("a\0", "x"),
        ("c", &long),
        (&long, "x"),
    ] {
        let refused = DocumentKey::new(collection, id).unwrap_err();
        assert_eq!(refused.code, "malformed", "{collection:?} {id:?}");
    }
    assert!(DocumentKey::new("가/나", "a/b %").is_ok());
}

/// Between the plan of a write and its turn others write, and declarations change.
#[tokio::test]
async fn a_write_is_right_by_what_is_there_when_its_turn_comes() {
    let world = world().await;
    world.put("a", r#"{"n": 1, "t": "old"}"#).await;
    let merge = Patch::Merge(r#"{"m": 2}"#.to_owned());
    let patch = world
        .store
        .docs_patch(&key("a"), merge, Precondition::default())
        .await;
    let put = world
        .store
        .docs_put(&key("b"), body(r#"{"t": "word"}"#), Precondition::default())
        .await;
    world.put("a", r#"{"n": 3, "t": "new"}"#).await;
    world.declare(&[], &["t"]).await;
    world.done(patch.unwrap()).await.unwrap();
    world.done(put.unwrap()).await.unwrap();
    let patched = world.get("a").await.unwrap();
    assert_eq!(patched.body, r#"{"m": 2, "n": 3, "t": "new"}"#);
    assert_eq!(world.found("new").await, ["a"]);
    assert_eq!(world.found("old").await, [""; 0]);
    assert_eq!(world.found("word").await, ["b"]);
    // Gone meanwhile.
    let merge = Patch::Merge("{}".to_owned());
    let patch = world
        .store
        .docs_patch(&key("a"), merge, Precondition::default())
        .await;
    world.delete("a").await;
    assert_eq!(code(world.done(patch.unwrap()).await), "not_found");
}
