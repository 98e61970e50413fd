//! Lists: filtered by paths, ordered, in pages; with indexes and without.

use crate::world::{
    World, code, compare, filtered, ids_of, limited, ordered, selecting, test, world,
};
use pando_model::pattern::PatternKind;
use pando_model::plan::{Comparison, Containment, Is};
use pando_store::request::{Condition, Operand, Query, Test};

const DOCUMENTS: [(&str, &str); 6] = [
    (
        "fr",
        r#"{"name": {"common": "France"}, "pop": 67, "region": "Europe", "langs": ["fr"]}"#,
    ),
    (
        "is",
        r#"{"name": {"common": "Iceland"}, "pop": 0.4, "region": "Europe", "eu": false}"#,
    ),
    (
        "jp",
        r#"{"name": {"common": "Japan"}, "pop": 123.0, "region": "Asia", "island": true}"#,
    ),
    (
        "kr",
        r#"{"name": {"common": "Korea"}, "pop": "51", "region": "Asia", "langs": ["ko"], "eu": null}"#,
    ),
    (
        "se",
        r#"{"name": {"common": "Sweden"}, "pop": 51, "region": "Europe", "island": null}"#,
    ),
    ("xx", "{}"),
];

async fn filled() -> World {
    let world = world().await;
    for (id, text) in DOCUMENTS {
        world.put(id, text).await;
    }
    world
}

/// A condition, and the ids of the documents that pass.
type Case = (Condition, &'static [&'static str]);

fn cases() -> Vec<Case> {
    [comparisons(), other_tests()].concat()
}

fn comparisons() -> Vec<Case> {
    vec![
        (compare("pop", Comparison::Eq, "51"), &["se"]),
        (compare("pop", Comparison::Eq, "51.0"), &["se"]),
        (compare("pop", Comparison::Eq, "\"51\""), &["kr"]),
        (compare("pop->>x", Comparison::Eq, "51"), &[]),
        (compare("pop", Comparison::Gt, "60"), &["fr", "jp"]),
        (compare("region", Comparison::Eq, "Asia"), &["jp", "kr"]),
        (compare("region", Comparison::Eq, "\"Asia\""), &["jp", "kr"]),
        (
            compare("region", Comparison::Ne, "Asia"),
            &["fr", "is", "se"],
        ),
        (compare("name->>common", Comparison::Eq, "Korea"), &["kr"]),
        (compare("name->common", Comparison::Eq, "Korea"), &["kr"]),
        (
            compare("name->>common", Comparison::Ge, "Korea"),
            &["kr", "se"],
        ),
        (compare("_id", Comparison::Eq, "jp"), &["jp"]),
    ]
}

fn other_tests() -> Vec<Case> {
    let one = |text: &str| Operand::One(text.to_owned());
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    vec![
        (
            test("_id", Test::In(texts(&["kr", "fr", "no"]))),
            &["fr", "kr"],
        ),
        (
            test("region", Test::In(texts(&["Asia", "Mars"]))),
            &["jp", "kr"],
        ),
        (
            test("eu", Test::Is(Is::Null, false)),
            &["fr", "jp", "kr", "se", "xx"],
        ),
        (test("eu", Test::Is(Is::Null, true)), &["is"]),
        (test("eu", Test::Is(Is::False, false)), &["is"]),
        (test("island", Test::Is(Is::True, false)), &["jp"]),
        (
            test("island", Test::Is(Is::True, true)),
            &["fr", "is", "kr", "se", "xx"],
        ),
        (
            test("region", Test::Match(PatternKind::Like, one("Eur%"))),
            &["fr", "is", "se"],
        ),
        (
            test(
                "name->>common",
                Test::Match(PatternKind::ILike, one("%AN%")),
            ),
            &["fr", "is", "jp"],
        ),
        (
            test(
                "langs",
                Test::Containment(Containment::Contains, "[\"ko\"]".into()),
            ),
            &["kr"],
        ),
        (
            test(
                "langs",
                Test::Containment(Containment::Contains, "ko".into()),
            ),
            &["kr"],
        ),
        (
            Condition::Or(
                false,
                vec![
                    compare("pop", Comparison::Lt, "1"),
                    compare("region", Comparison::Eq, "Asia"),
                ],
            ),
            &["is", "jp", "kr"],
        ),
    ]
}

#[tokio::test]
async fn filters_look_at_paths_as_json_and_as_text() {
    let world = filled().await;
    for (condition, expected) in cases() {
        let query = filtered(condition);
        assert_eq!(world.ids(&query).await, expected, "{query:?}");
    }
}

#[tokio::test]
async fn an_index_changes_no_answer_and_can_come_and_go() {
    let world = filled().await;
    let sets: [&[&str]; 4] = [
        &["region", "name->>common", "pop"],
        &["region"],
        &["it's->>'x'"],
        &[],
    ];
    for indexes in sets {
        world.declare(indexes, &[]).await;
        for (condition, expected) in cases() {
            let query = filtered(condition);
            assert_eq!(
                world.ids(&query).await,
                expected,
                "{query:?} with {indexes:?}"
            );
        }
        let reopened = world.reopened().await;
        reopened.put("zz", r#"{"region": "Asia"}"#).await;
        let asia = filtered(compare("region", Comparison::Eq, "Asia"));
        assert_eq!(reopened.ids(&asia).await, ["jp", "kr", "zz"]);
        assert!(reopened.delete("zz").await);
    }
}

#[tokio::test]
async fn pages_follow_each_other_in_any_order() {
    let world = filled().await;
    for query in [
        Query::default(),
        ordered("pop", false),
        ordered("pop", true),
        ordered("name->>common", true),
        ordered("_id", true),
        filtered(compare("region", Comparison::Ne, "Mars")),
    ] {
        let whole = world.ids(&query).await;
        let mut page = limited(query, 2);
        let mut found = Vec::new();
        loop {
            let list = world.list(&page).await.unwrap();
            found.extend(ids_of(&list));
            match list.cursor {
                Some(cursor) => page.cursor = Some(cursor),
                None => break,
            }
        }
        assert_eq!(found, whole, "{page:?}");
        let mut other = filtered(compare("pop", Comparison::Eq, "1"));
        other.cursor = page.cursor;
        assert_eq!(code(world.list(&other).await), "malformed");
    }
}

#[tokio::test]
async fn a_list_is_cut_at_max_rows_and_says_so() {
    let world = world().await;
    for number in 0..60 {
        world.put(&format!("{number:02}"), "{}").await;
    }
    let list = world.list(&Query::default()).await.unwrap();
    assert_eq!((ids_of(&list).len(), list.truncated), (50, true));
    let list = world.list(&limited(Query::default(), 7)).await.unwrap();
    assert_eq!((ids_of(&list).len(), list.truncated), (7, false));
    assert!(list.cursor.is_some());
    let list = world.list(&limited(Query::default(), 0)).await.unwrap();
    assert_eq!(list.json, "[]");
}

#[tokio::test]
async fn select_answers_what_is_named_and_the_id() {
    let world = filled().await;
    let kr = || compare("_id", Comparison::Eq, "kr");
    for (paths, expected) in [
        (vec!["_id"], r#"[{"_id": "kr"}]"#),
        (vec!["pop"], r#"[{"_id": "kr", "pop": "51"}]"#),
        (
            vec!["name->>common", "none"],
            r#"[{"_id": "kr", "none": null, "common": "Korea"}]"#,
        ),
    ] {
        let query = Query {
            select: selecting(&paths).select,
            ..filtered(kr())
        };
        let list = world.list(&query).await.unwrap();
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        let found: serde_json::Value = serde_json::from_str(&list.json).unwrap();
        assert_eq!(found, expected, "{paths:?}");
    }
}

#[tokio::test]
async fn collections_do_not_see_each_other() {
    let world = filled().await;
    let other = world.store.docs_list("d", &Query::default()).unwrap();
    assert_eq!(world.done(other).await.unwrap().json, "[]");
}
