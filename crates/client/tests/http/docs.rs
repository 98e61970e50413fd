//! Documents through the client.

use crate::world::World;
use futures_util::TryStreamExt;
use pando_client::{Collection, ErrorKind, Fetched, column};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Country {
    name: String,
    pop: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capital: Option<Capital>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Capital {
    city: String,
}

fn country(name: &str, pop: u32, city: &str) -> Country {
    Country {
        name: name.to_owned(),
        pop,
        capital: Some(Capital {
            city: city.to_owned(),
        }),
    }
}

async fn filled(countries: &Collection) {
    for (id, name, pop, city) in [
        ("kr", "대한민국", 51, "서울"),
        ("jp", "日本", 124, "東京"),
        ("fr", "France", 68, "Paris"),
        ("is", "Iceland", 0, "Reykjavík, \"smoky bay\""),
    ] {
        let put = countries.put(id, &country(name, pop, city)).await;
        assert!(put.expect("it is put").created, "{id}");
    }
}

async fn names(found: pando_client::Select<pando_client::Documents>) -> Vec<String> {
    let found: Vec<Country> = found.rows().await.expect("they are found");
    found.into_iter().map(|country| country.name).collect()
}

#[tokio::test]
async fn a_document_comes_back_as_it_was_under_any_id() {
    let world = World::new().await;
    let countries = world.client().docs("a collection/with%");
    let korea = country("대한민국", 51, "서울");
    for id in ["kr", "a/b?c#d", "..", "대한 민국", "\"", "batch"] {
        let stored = countries.put(id, &korea).await.expect("it is put");
        assert_eq!((&*stored.id, stored.created), (id, true));
        let read = countries.get::<Country>(id).await.expect("it is read");
        let read = read.expect("it is there");
        assert_eq!((&read.body, &read.etag), (&korea, &stored.etag));
        let whole = countries.get::<Value>(id).await.expect("it is read");
        assert_eq!(whole.expect("it is there").body["_id"], id);
        assert!(countries.delete(id).await.expect("it is deleted"));
        assert!(!countries.delete(id).await.expect("it is gone"));
        assert_eq!(countries.get::<Value>(id).await.expect("it is read"), None);
    }
    let made = countries.insert(&korea).await.expect("it is inserted");
    assert!(made.created);
    let read = countries
        .get::<Country>(&made.id)
        .await
        .expect("it is read");
    assert_eq!(read.map(|read| read.etag), Some(made.etag));
    let scalar = countries.put("x", "text").await.expect_err("no document");
    assert_eq!(scalar.code(), "unprocessable");
}

#[tokio::test]
async fn a_document_is_changed_only_in_the_version_that_was_seen() {
    let world = World::new().await;
    let countries = world.client().docs("countries");
    let first = countries.put("kr", &country("Korea", 51, "서울")).await;
    let first = first.expect("it is put");
    let taken = countries.put("kr", &json!({})).if_absent().await;
    assert_eq!(
        taken.expect_err("it is there").kind(),
        ErrorKind::PreconditionFailed
    );
    let merged = countries
        .merge::<_, Country>("kr", &json!({ "name": "대한민국", "capital": null }))
        .if_match(&first.etag)
        .await
        .expect("it is the version");
    assert_eq!(merged.body.name, "대한민국");
    assert_eq!((merged.body.pop, &merged.body.capital), (51, &None));
    let operations = json!([
        { "op": "test", "path": "/pop", "value": 51 },
        { "op": "add", "path": "/capital", "value": { "city": "서울" } },
    ]);
    let stale = countries
        .json_patch::<_, Value>("kr", &operations)
        .if_match(&first.etag);
    assert_eq!(
        stale.await.expect_err("it is stale").kind(),
        ErrorKind::PreconditionFailed
    );
    let patched = countries.json_patch::<_, Country>("kr", &operations).await;
    let patched = patched.expect("it is patched");
    assert_eq!(patched.body, country("대한민국", 51, "서울"));
    let untrue = json!([{ "op": "test", "path": "/pop", "value": 52 }]);
    let untrue = countries.json_patch::<_, Value>("kr", &untrue).await;
    assert_eq!(untrue.expect_err("it is not").code(), "conflict");
    let absent = countries.merge::<_, Value>("xx", &json!({})).await;
    assert_eq!(absent.expect_err("it is not there").code(), "not_found");
    let known = |id| countries.get_if_changed::<Country>(id, &patched.etag);
    assert_eq!(known("kr").await.expect("it is read"), Fetched::Unchanged);
    assert_eq!(known("xx").await.expect("it is read"), Fetched::Gone);
    countries
        .put("kr", &json!({ "name": "K", "pop": 1 }))
        .await
        .expect("it is put");
    let changed = known("kr").await.expect("it is read");
    assert!(matches!(changed, Fetched::Changed(new) if new.body.name == "K"));
}

#[tokio::test]
async fn documents_are_found_by_what_they_hold() {
    let world = World::new().await;
    let countries = world.client().docs("countries");
    filled(&countries).await;
    let city = || column("capital").member_text("city");
    for (filter, expected) in [
        (city().eq("서울"), vec!["대한민국"]),
        (city().eq("Reykjavík, \"smoky bay\""), vec!["Iceland"]),
        (column("pop").gt(60), vec!["France", "日本"]),
        (
            column("_id").is_in(["is", "kr"]),
            vec!["Iceland", "대한민국"],
        ),
    ] {
        let found = countries
            .find()
            .filter(filter)
            .order([column("pop").ascending()]);
        assert_eq!(names(found).await, expected);
    }
    let some: Vec<Value> = countries
        .find()
        .select("pop,city:capital->>city")
        .order([column("pop").descending()])
        .limit(1)
        .rows()
        .await
        .expect("they are found");
    assert_eq!(some, [json!({ "_id": "jp", "pop": 124, "city": "東京" })]);
    let first = countries
        .find()
        .filter(column("pop").lt(0))
        .first::<Value>();
    assert_eq!(first.await.expect("it is asked"), None);
}

#[tokio::test]
async fn a_list_and_a_search_are_read_page_by_page_to_their_end() {
    let world = World::new().await;
    let client = world.client();
    world.declare_search("notes", &["text"]).await;
    let notes = client.docs("notes");
    for n in 0..7 {
        let text = format!("여름 fox{}", " fox".repeat(n));
        let note = json!({ "n": n, "text": text });
        notes.put(&format!("{n}"), &note).await.expect("it is put");
    }
    notes
        .put("other", &json!({ "n": 9, "text": "겨울" }))
        .await
        .expect("it is put");
    let n = |found: Vec<Value>| {
        found
            .iter()
            .map(|note| note["n"].as_i64())
            .collect::<Vec<_>>()
    };
    let by_n = notes.find().order([column("n").descending()]).limit(3);
    let all: Vec<Value> = by_n.stream().try_collect().await.expect("all of them");
    assert_eq!(n(all), [9, 6, 5, 4, 3, 2, 1, 0].map(Some));
    let search = notes.find().search("fox").limit(2);
    let page = search.page::<Value>().await.expect("a page");
    assert_eq!(page.items.len(), 2);
    let search = notes
        .find()
        .search("fox")
        .filter(column("n").lt(6))
        .limit(2);
    let mut found = n(search.stream().try_collect().await.expect("all of them"));
    found.sort_unstable();
    assert_eq!(found, [0, 1, 2, 3, 4, 5].map(Some));
    let unsearched = client
        .docs("countries")
        .find()
        .search("fox")
        .rows::<Value>();
    let error = unsearched.await.expect_err("nothing is declared");
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
}
