//! `/docs/v1`: documents, patches, formats, lists, search.

mod arbitrary;

use crate::world::{Answer, World};
use pando_store::docs::Declared;
use serde_json::json;
use std::collections::BTreeMap;

const MERGE: (&str, &str) = ("content-type", "application/merge-patch+json");
const JSON_PATCH: (&str, &str) = ("content-type", "application/json-patch+json");
const COUNTRIES: [(&str, &str); 3] = [
    (
        "kr",
        r#"{"name": {"common": "South Korea"}, "pop": 51, "region": "Asia", "about": "빅데이터베이스의 나라"}"#,
    ),
    (
        "se",
        r#"{"name": {"common": "Sweden"}, "pop": 10.5, "region": "Europe", "about": "forests and lakes"}"#,
    ),
    (
        "fi",
        r#"{"name": {"common": "Finland"}, "pop": 5.6, "region": "Europe", "about": "lakes, lakes and lakes"}"#,
    ),
];

async fn filled() -> World {
    let world = World::new().await;
    let owned = |text: &str| vec![text.to_owned()];
    let declared = Declared::read(&owned("region"), &owned("about")).expect("paths");
    let wanted = BTreeMap::from([("countries".to_owned(), declared)]);
    let store = &world.store;
    store.declare_search(&wanted).await.expect("a note");
    store.declare_indexes(&wanted).await.expect("indexes");
    while world.store.tend_documents().await.expect("an index") {}
    for (id, text) in COUNTRIES {
        let answer = world
            .ask("PUT", &format!("/docs/v1/countries/{id}"), &[], text)
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    world
}

fn ids(answer: &Answer) -> Vec<String> {
    let list = answer.json();
    let list = list.as_array().unwrap_or_else(|| panic!("{answer:?}"));
    let id = |document: &serde_json::Value| document["_id"].as_str().map(str::to_owned);
    list.iter().filter_map(id).collect()
}

#[tokio::test]
async fn a_document_s_life() {
    let world = World::new().await;
    let made = world
        .ask("POST", "/docs/v1/a%2Fb", &[], r#"{"n": 1}"#)
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let place = made.header("location").expect("a place").to_owned();
    let id = made.json()["_id"].as_str().expect("an id").to_owned();
    assert_eq!(place, format!("/docs/v1/a%2Fb/{id}"));
    let etag = made.header("etag").expect("a tag").to_owned();
    let found = world.get(&place).await;
    assert_eq!(found.json(), json!({ "_id": id, "n": 1 }));
    assert_eq!(found.header("etag"), Some(&*etag));
    let unchanged = world
        .ask("GET", &place, &[("if-none-match", &etag)], "")
        .await;
    assert_eq!((unchanged.status.as_u16(), &*unchanged.body), (304, ""));
    let again = world.ask("PUT", &place, &[], &found.body).await;
    assert_eq!((again.status.as_u16(), &*again.body), (204, ""));
    let stale = world.ask("PUT", &place, &[("if-match", &etag)], "{}").await;
    assert_eq!(
        (stale.status.as_u16(), stale.code()),
        (412, "precondition_failed".into())
    );
    let only_new = world
        .ask("PUT", &place, &[("if-none-match", "*")], "{}")
        .await;
    assert_eq!(only_new.status, 412);
    let patched = world
        .ask("PATCH", &place, &[MERGE], r#"{"n": null, "m": 2}"#)
        .await;
    assert_eq!(
        (patched.status.as_u16(), patched.json()),
        (200, json!({ "_id": id, "m": 2 }))
    );
    assert_ne!(patched.header("etag"), Some(&*etag));
    let operations = r#"[{"op": "test", "path": "/m", "value": 3}]"#;
    let tested = world.ask("PATCH", &place, &[JSON_PATCH], operations).await;
    assert_eq!(
        (tested.status.as_u16(), tested.code()),
        (409, "conflict".into())
    );
    let head = world.ask("HEAD", &place, &[], "").await;
    assert_eq!((head.status.as_u16(), &*head.body), (200, ""));
    assert_eq!(world.ask("DELETE", &place, &[], "").await.status, 204);
    for (method, headers) in [("GET", &[][..]), ("DELETE", &[]), ("PATCH", &[MERGE])] {
        let absent = world.ask(method, &place, headers, "{}").await;
        assert_eq!(
            (absent.status.as_u16(), absent.code()),
            (404, "not_found".into()),
            "{method}"
        );
    }
}

/// A request for countries: method, the rest of the path, headers, body; status and code.
type Refused<'a> = (
    &'a str,
    &'a str,
    &'a [(&'a str, &'a str)],
    &'a str,
    u16,
    &'a str,
);

async fn check_refused(world: &World, cases: &[Refused<'_>]) {
    for (method, rest, headers, body, status, code) in cases {
        let uri = format!("/docs/v1/countries{rest}");
        let answer = world.ask(method, &uri, headers, body).await;
        let found = (answer.status.as_u16(), answer.code());
        assert_eq!(
            found,
            (*status, (*code).to_owned()),
            "{method} {rest}: {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn a_body_that_is_no_document_or_patch_is_refused_and_says_why() {
    let world = filled().await;
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(130), "]".repeat(130));
    let many = format!("[{}0]", "0,".repeat(500_000));
    let cases: &[Refused<'_>] = &[
        ("POST", "", &[], "", 400, "malformed_body"),
        ("POST", "", &[], "{", 400, "malformed_body"),
        ("POST", "", &[], "[]", 422, "unprocessable"),
        ("POST", "", &[], r#"{"_id": "x"}"#, 422, "unprocessable"),
        ("POST", "", &[], r#"{"a": "\u0000"}"#, 400, "malformed_body"),
        ("POST", "", &[], &deep, 413, "document_too_large"),
        ("POST", "", &[], &many, 413, "document_too_large"),
        (
            "POST",
            "",
            &[("content-type", "text/csv")],
            "a",
            415,
            "unsupported_media_type",
        ),
        (
            "POST",
            "",
            &[("accept", "text/csv")],
            "{}",
            415,
            "unsupported_media_type",
        ),
        ("POST", "?x=1", &[], "{}", 400, "malformed"),
        ("PUT", "", &[], "{}", 405, "PGRST117"),
        ("PUT", "/x", &[], r#"{"_id": "y"}"#, 422, "unprocessable"),
        (
            "PATCH",
            "/kr",
            &[("content-type", "application/json")],
            "{}",
            415,
            "unsupported_media_type",
        ),
        ("PATCH", "/kr", &[MERGE], "{", 400, "malformed"),
        (
            "PATCH",
            "/kr",
            &[JSON_PATCH],
            r#"[{"op": "remove", "path": "/x"}]"#,
            422,
            "unprocessable",
        ),
    ];
    check_refused(&world, cases).await;
}

#[tokio::test]
async fn a_list_that_cannot_be_asked_for_is_refused_and_says_why() {
    let world = filled().await;
    let cases: &[Refused<'_>] = &[
        ("GET", "/kr/x", &[], "", 404, "PGRST125"),
        ("GET", "?pop=xx.1", &[], "", 400, "malformed"),
        ("GET", "?limit=-1", &[], "", 400, "malformed"),
        ("GET", "?columns=a", &[], "", 400, "malformed"),
        ("GET", "?select=reviews(*)", &[], "", 400, "malformed"),
        ("GET", "?select=pop.sum()", &[], "", 400, "malformed"),
        ("GET", "?select=pop::money", &[], "", 400, "malformed"),
        ("GET", "?cursor=abc", &[], "", 400, "malformed"),
        ("GET", "?search=a&search=b", &[], "", 400, "malformed"),
        ("GET", "?search=a&order=pop", &[], "", 400, "malformed"),
        ("GET", "?x", &[], "", 400, "malformed"),
    ];
    check_refused(&world, cases).await;
    let undeclared = world.get("/docs/v1/other?search=x").await;
    assert_eq!(
        (undeclared.status.as_u16(), undeclared.code()),
        (422, "unprocessable".into())
    );
}

#[tokio::test]
async fn lists_filter_by_paths_order_and_page() {
    let world = filled().await;
    for (query, expected) in [
        ("", &["fi", "kr", "se"][..]),
        ("?region=eq.Europe", &["fi", "se"]),
        ("?name->>common=eq.Sweden", &["se"]),
        ("?pop=eq.51", &["kr"]),
        ("?pop=eq.51.0", &["kr"]),
        ("?pop->>x=eq.51", &[]),
        ("?pop=lt.11&order=pop.desc", &["se", "fi"]),
        ("?or=(pop.gt.50,name->>common.like.F*)", &["fi", "kr"]),
        ("?region=not.eq.Asia", &["fi", "se"]),
        ("?region=in.(Asia,Africa)", &["kr"]),
        ("?name=cs.%7B%22common%22:%22Sweden%22%7D", &["se"]),
        ("?_id=gt.kr", &["se"]),
        ("?order=name->>common&limit=2", &["fi", "kr"]),
        ("?order=name->>common&offset=1&limit=1", &["kr"]),
    ] {
        let answer = world.get(&format!("/docs/v1/countries{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        assert_eq!(ids(&answer), expected, "{query}");
    }
    let selected = world
        .get("/docs/v1/countries?select=n:name->>common,pop::text&_id=eq.kr")
        .await;
    assert_eq!(
        selected.json(),
        json!([{ "_id": "kr", "n": "South Korea", "pop": "51" }])
    );
    let page = world.get("/docs/v1/countries?limit=2").await;
    let cursor = page.header("pando-cursor").expect("a cursor");
    assert!(
        page.header("link")
            .expect("a link")
            .contains("rel=\"next\"")
    );
    let rest = world
        .get(&format!("/docs/v1/countries?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(
        (ids(&rest), rest.header("pando-cursor")),
        (vec!["se".to_owned()], None)
    );
}

#[tokio::test]
async fn search_ranks_and_finds_korean_words_inside_of_compounds() {
    let world = filled().await;
    for (query, expected) in [
        ("search=lakes", &["fi", "se"][..]),
        ("search=LAKES+forests", &["se", "fi"]),
        ("search=%EB%8D%B0%EC%9D%B4%ED%84%B0", &["kr"]),
        ("search=lakes&pop=gt.6", &["se"]),
        ("search=volcano", &[]),
    ] {
        let answer = world.get(&format!("/docs/v1/countries?{query}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(ids(&answer), expected, "{query}");
    }
    let first = world
        .get("/docs/v1/countries?search=lakes&select=_score&limit=1")
        .await;
    assert!(first.json()[0]["_score"].is_number(), "{first:?}");
    let cursor = first.header("pando-cursor").expect("a cursor");
    let second = format!("/docs/v1/countries?search=lakes&select=_score&limit=1&cursor={cursor}");
    assert_eq!(ids(&world.get(&second).await), ["se"]);
}

#[tokio::test]
async fn documents_come_and_go_in_other_formats() {
    let world = World::new().await;
    let yaml = ("content-type", "application/yaml");
    let made = world
        .ask(
            "PUT",
            "/docs/v1/c/x",
            &[yaml],
            "name: Seoul\npop: 9411000\n",
        )
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(
        world.get("/docs/v1/c/x").await.json(),
        json!({ "_id": "x", "name": "Seoul", "pop": 9_411_000 })
    );
    for (accept, kind, part) in [
        ("application/yaml", "application/yaml", "pop: 9411000"),
        (
            "application/xml",
            "application/xml; charset=utf-8",
            ">9411000<",
        ),
        ("*/*", "application/json; charset=utf-8", "\"pop\": 9411000"),
    ] {
        for uri in ["/docs/v1/c/x", "/docs/v1/c"] {
            let answer = world.ask("GET", uri, &[("accept", accept)], "").await;
            assert_eq!(answer.header("content-type"), Some(kind));
            assert!(answer.body.contains(part), "{accept}: {}", answer.body);
        }
        let answer = world
            .ask("GET", "/docs/v1/c/x", &[("accept", accept)], "")
            .await;
        let again = world
            .ask(
                "PUT",
                "/docs/v1/c/x",
                &[("content-type", kind)],
                &answer.body,
            )
            .await;
        assert_eq!(again.status, 204, "{again:?}");
    }
}

#[tokio::test]
async fn several_at_once_are_all_or_none() {
    let world = filled().await;
    let ops = json!({ "ops": [
        { "method": "PUT", "path": "/docs/v1/countries/no", "body": { "about": "fjords" } },
        { "method": "PATCH", "path": "/docs/v1/countries/no",
          "headers": { "content-type": "application/merge-patch+json" }, "body": { "pop": 5 } },
        { "method": "GET", "path": "/docs/v1/countries?search=fjords" },
        { "method": "GET", "path": "/docs/v1/countries/none" },
    ] });
    let answer = world.ask("POST", "/tx/v1", &[], &ops.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answers = answer.json();
    let statuses: Vec<_> = (0..4).map(|op| answers[op]["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(201), Some(200), Some(200), Some(404)]);
    assert_eq!(answers[2]["body"][0]["_id"], "no");
    let ops = json!({ "ops": [
        { "method": "DELETE", "path": "/docs/v1/countries/no" },
        { "method": "PATCH", "path": "/docs/v1/countries/gone",
          "headers": { "content-type": "application/merge-patch+json" }, "body": {} },
    ] });
    let answer = world.ask("POST", "/tx/v1", &[], &ops.to_string()).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    assert_eq!(world.get("/docs/v1/countries/no").await.status, 200);
    assert_eq!(
        ids(&world.get("/docs/v1/countries?search=fjords").await),
        ["no"]
    );
}

#[tokio::test]
async fn a_key_reaches_the_collections_that_its_scopes_name() {
    let world = filled().await;
    let key = world.key("docs:read:countries").await;
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    for (method, uri, status) in [
        ("GET", "/docs/v1/countries/kr", 200),
        ("GET", "/docs/v1/countries", 200),
        ("GET", "/docs/v1/other", 403),
        ("DELETE", "/docs/v1/countries/kr", 403),
        ("GET", "/kv/v1/countries", 403),
    ] {
        let answer = world.ask_publicly(method, uri, &headers).await;
        assert_eq!(answer.status, status, "{method} {uri}: {answer:?}");
    }
}

#[tokio::test]
async fn a_retry_with_a_key_makes_no_second_document() {
    let world = World::new().await;
    let key = [("idempotency-key", "once")];
    let first = world.ask("POST", "/docs/v1/c", &key, "{}").await;
    let second = world.ask("POST", "/docs/v1/c", &key, "{}").await;
    assert_eq!(first.body, second.body);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(ids(&world.get("/docs/v1/c").await).len(), 1);
}
