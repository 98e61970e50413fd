//! Search: what is found, in which order, and that its index is always that of the documents.

use crate::world::{
    World, code, compare, filtered, ids_of, key, limited, refusal, selecting, world,
};
use pando_model::plan::Comparison;
use pando_store::docs::{Body, DocumentList, Patch};
use pando_store::precondition::Precondition;
use pando_store::request::Query;

const ARTICLES: [(&str, &str); 5] = [
    (
        "a",
        r#"{"title": "Store of stores", "body": {"text": "a store keeps what a store is given"}}"#,
    ),
    (
        "b",
        r#"{"title": "Cache", "body": {"text": "a cache in front of a store"}}"#,
    ),
    (
        "c",
        r#"{"title": "빅데이터베이스 입문", "tags": ["한국어"]}"#,
    ),
    ("d", r#"{"title": "데이 터미널", "lang": "ko"}"#),
    ("e", r#"{"title": 7, "other": "store"}"#),
];

const PATHS: [&str; 3] = ["title", "body->>text", "tags"];

async fn filled() -> World {
    let world = world().await;
    for (id, text) in ARTICLES {
        world.put(id, text).await;
    }
    world
}

async fn check(world: &World) {
    for (words, expected) in [
        ("store", &["a", "b"][..]),
        ("STORE", &["a", "b"]),
        ("cache store", &["b", "a"]),
        ("데이터", &["c"]),
        ("베이스", &["c"]),
        ("한국", &["c"]),
        ("데이", &["d", "c"]),
        ("nothing", &[]),
        ("", &[]),
        ("7", &[]),
    ] {
        assert_eq!(world.found(words).await, expected, "{words}");
    }
}

#[tokio::test]
async fn the_best_answers_come_first_and_korean_is_found_inside_of_compounds() {
    // Declared first and written then, and the other way round.
    let early = world().await;
    early.declare(&[], &PATHS).await;
    for (id, text) in ARTICLES {
        early.put(id, text).await;
    }
    check(&early).await;
    let late = filled().await;
    late.declare(&[], &PATHS).await;
    check(&late).await;
    check(&late.reopened().await).await;
    let query = Query::default();
    let scores = |world: &World| world.store.docs_search("c", "store cache", &query).unwrap();
    let (one, other) = (
        early.done(scores(&early)).await,
        late.done(scores(&late)).await,
    );
    assert_eq!(one.unwrap(), other.unwrap());
}

#[tokio::test]
async fn every_write_takes_its_postings_along() {
    let world = world().await;
    world.declare(&[], &PATHS).await;
    for (id, text) in ARTICLES {
        world.put(id, text).await;
    }
    let merge = Patch::Merge(r#"{"title": "Bicycle"}"#.to_owned());
    world
        .patch("a", merge, Precondition::default())
        .await
        .unwrap();
    world.put("b", r#"{"title": "nothing of it"}"#).await;
    world.delete("c").await;
    assert_eq!(world.found("bicycle").await, ["a"]);
    assert_eq!(world.found("store").await, ["a"]);
    assert_eq!(world.found("cache").await, [""; 0]);
    assert_eq!(world.found("데이터").await, [""; 0]);
    // The statistics are those of an index that was built from nothing.
    let scores = world
        .search("store nothing", &Query::default())
        .await
        .unwrap();
    let fresh = crate::world::world().await;
    for id in ["a", "b", "d", "e"] {
        let document = world.get(id).await.unwrap();
        fresh.put(id, &document.body).await;
    }
    fresh.declare(&[], &PATHS).await;
    assert_eq!(
        fresh
            .search("store nothing", &Query::default())
            .await
            .unwrap(),
        scores
    );
    // Gone and come again: counted once.
    for id in ["a", "b", "d", "e"] {
        world.delete(id).await;
    }
    world.put("z", r#"{"title": "store"}"#).await;
    let alone = world.search("store", &Query::default()).await.unwrap();
    let fresh = crate::world::world().await;
    fresh.declare(&[], &PATHS).await;
    fresh.put("z", r#"{"title": "store"}"#).await;
    assert_eq!(
        fresh.search("store", &Query::default()).await.unwrap(),
        alone
    );
}

#[tokio::test]
async fn a_search_goes_with_filters_select_and_pages() {
    let world = world().await;
    world.declare(&["n"], &["t"]).await;
    for number in 0..300 {
        let text = "word ".repeat(1 + number % 7);
        let document = format!(r#"{{"t": "{text}", "n": {}}}"#, number % 10);
        world.put(&format!("{number:03}"), &document).await;
    }
    let third = || filtered(compare("n", Comparison::Eq, "3"));
    let whole = world.search("word", &third()).await.unwrap();
    let expected = ids_of(&whole);
    assert_eq!(expected.len(), 30);
    let mut page = limited(third(), 4);
    let mut found = Vec::new();
    loop {
        let list = world.search("word", &page).await.unwrap();
        found.extend(ids_of(&list));
        match list.cursor {
            Some(cursor) => page.cursor = Some(cursor),
            None => break,
        }
    }
    assert_eq!(found, expected);
    assert_eq!(code(world.search("other", &page).await), "malformed");
    let all = world.search("word", &Query::default()).await.unwrap();
    assert_eq!((ids_of(&all).len(), all.truncated), (50, true));
    for (select, has_score) in [
        (vec![], true),
        (vec!["n"], false),
        (vec!["n", "_score"], true),
    ] {
        let query = limited(selecting(&select), 1);
        let list = world.search("word", &query).await.unwrap();
        let found: serde_json::Value = serde_json::from_str(&list.json).unwrap();
        assert_eq!(found[0]["_score"].is_number(), has_score, "{found}");
    }
}

/// Ten documents, each with more words than the one before, so that the first is the best.
async fn ranked() -> (World, Vec<String>) {
    let world = world().await;
    world.declare(&[], &["t"]).await;
    for number in 0..10 {
        let text = format!("word {}", "else ".repeat(number));
        world
            .put(&format!("{number}"), &format!(r#"{{"t": "{text}"}}"#))
            .await;
    }
    let found = world.found("word").await;
    assert_eq!(found.len(), 10);
    (world, found)
}

fn score_of(list: &DocumentList, id: &str) -> f64 {
    let found: Vec<serde_json::Value> = serde_json::from_str(&list.json).unwrap();
    let document = found.iter().find(|document| document["_id"] == id);
    document.unwrap()["_score"].as_f64().unwrap()
}

#[tokio::test]
async fn an_offset_is_left_out_once_and_not_on_every_page() {
    let (world, ranked) = ranked().await;
    let mut page = limited(Query::default(), 3);
    page.ranges[0].1.offset = 2;
    let mut found = Vec::new();
    loop {
        let list = world.search("word", &page).await.unwrap();
        found.extend(ids_of(&list));
        match list.cursor {
            Some(cursor) => page.cursor = Some(cursor),
            None => break,
        }
    }
    assert_eq!(found, ranked[2..]);
}

#[tokio::test]
async fn pages_go_on_where_they_were_though_writes_move_all_scores() {
    let long = format!(r#"{{"t": "{}"}}"#, "else ".repeat(500));
    // With one more that holds the word all fall; with a longer one that does not, all rise.
    for (text, rises) in [(r#"{"t": "word"}"#, false), (long.as_str(), true)] {
        let (world, ranked) = ranked().await;
        let mut page = limited(Query::default(), 4);
        let first = world.search("word", &page).await.unwrap();
        assert_eq!(ids_of(&first), ranked[..4]);
        world.put("x", text).await;
        let moved = world.search("word", &Query::default()).await.unwrap();
        let of_last = |list: &DocumentList| score_of(list, &ranked[3]);
        assert_eq!(of_last(&moved) > of_last(&first), rises);
        page.cursor = first.cursor;
        page.ranges.clear();
        let second = ids_of(&world.search("word", &page).await.unwrap());
        assert_eq!(second, ranked[4..], "{text}");
    }
}

#[tokio::test]
async fn what_is_not_searched_or_not_yet_says_so() {
    let world = filled().await;
    let query = Query::default();
    let search = || world.search("store", &query);
    assert_eq!(code(search().await), "unprocessable");
    world.declare_only(&[], &PATHS).await;
    assert_eq!(code(search().await), "search_building");
    // It is gone on with by whoever opens the store next.
    let next = world.reopened().await;
    while next.store.tend_documents().await.unwrap() {}
    check(&next).await;
    next.declare(&[], &["other"]).await;
    assert_eq!(next.found("store").await, ["e"]);
    next.declare(&[], &[]).await;
    let refused = refusal(next.search("store", &Query::default()).await);
    assert_eq!(refused.code, "unprocessable");
    assert!(refused.hint.unwrap().contains("[docs.c]"));
}

/// More than one request may read, were they read as many at once as small ones are.
#[tokio::test]
async fn an_index_is_built_over_documents_of_the_largest_size() {
    let world = world().await;
    let filling = "x".repeat(48 << 20);
    let text = format!(r#"{{"t": "word", "f": "{filling}"}}"#);
    for id in ["0", "1", "2"] {
        let (key, body) = (key(id), Body::read(&text, None, text.len()).unwrap());
        let put = world.store.docs_put(&key, body, Precondition::default());
        world.done(put.await.unwrap()).await.unwrap();
    }
    world.declare(&[], &["t"]).await;
    let found = world.search("word", &selecting(&["t"])).await.unwrap();
    assert_eq!(ids_of(&found), ["0", "1", "2"]);
}

#[tokio::test]
async fn an_index_is_built_in_batches_while_documents_come_and_go() {
    let world = world().await;
    for number in 0..150 {
        world.put(&format!("{number:03}"), r#"{"t": "old"}"#).await;
    }
    world.declare_only(&[], &["t"]).await;
    assert!(world.store.tend_documents().await.unwrap());
    // Before and behind the place that the index is built up to.
    world.put("000", r#"{"t": "new"}"#).await;
    world.put("149", r#"{"t": "new"}"#).await;
    world.delete("001").await;
    world.delete("148").await;
    while world.store.tend_documents().await.unwrap() {}
    assert_eq!(world.found("new").await, ["000", "149"]);
    let fresh = crate::world::world().await;
    fresh.declare(&[], &["t"]).await;
    for number in 2..148 {
        fresh.put(&format!("{number:03}"), r#"{"t": "old"}"#).await;
    }
    fresh.put("000", r#"{"t": "new"}"#).await;
    fresh.put("149", r#"{"t": "new"}"#).await;
    let query = Query::default();
    let expected = fresh.search("old new", &query).await.unwrap();
    assert_eq!(
        world.search("old new", &query).await.unwrap().json,
        expected.json
    );
}
