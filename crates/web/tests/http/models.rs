//! Key-value and wide-column over HTTP.

use crate::world::World;
use serde_json::json;

#[tokio::test]
async fn a_value_is_answered_with_its_type_and_its_entity_tag() {
    let world = World::new().await;
    let uri = "/kv/v1/s/a%2Fb";
    let png = [("content-type", "image/png")];
    let made = world.ask("PUT", uri, &png, "PNG").await;
    assert_eq!(made.status, 201, "{made:?}");
    let etag = made.header("etag").expect("an ETag").to_owned();
    let found = world.get(uri).await;
    assert_eq!((found.status.as_u16(), found.body.as_str()), (200, "PNG"));
    assert_eq!(found.header("content-type"), Some("image/png"));
    assert_eq!(found.header("etag"), Some(etag.as_str()));
    assert!(found.header("pando-stamp").is_some());
    let same = world.ask("GET", uri, &[("if-none-match", &etag)], "").await;
    assert_eq!((same.status.as_u16(), same.body.as_str()), (304, ""));
    let replaced = world.ask("PUT", uri, &[("if-match", &etag)], "2").await;
    assert_eq!(replaced.status, 204);
    let stale = world.ask("PUT", uri, &[("if-match", &etag)], "3").await;
    assert_eq!(
        (stale.status.as_u16(), stale.code().as_str()),
        (412, "precondition_failed")
    );
    let taken = world.ask("PUT", uri, &[("if-none-match", "*")], "3").await;
    assert_eq!(taken.status, 412);
    assert_eq!(world.ask("DELETE", uri, &[], "").await.status, 204);
    for method in ["GET", "DELETE"] {
        let gone = world.ask(method, uri, &[], "").await;
        assert_eq!(
            (gone.status.as_u16(), gone.code().as_str()),
            (404, "not_found")
        );
    }
}

#[tokio::test]
async fn a_counter_counts_and_reads_as_text() {
    let world = World::new().await;
    for (query, value) in [("", 1), ("?by=6", 7), ("?by=-2", 5)] {
        let uri = format!("/kv/v1/s/n/incr{query}");
        let counted = world.ask("POST", &uri, &[], "").await;
        assert_eq!(counted.json(), json!({ "value": value }));
    }
    assert_eq!(world.get("/kv/v1/s/n").await.body, "5");
    world.ask("PUT", "/kv/v1/s/n", &[], "x").await;
    let refused = world.ask("POST", "/kv/v1/s/n/incr", &[], "").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (409, "conflict")
    );
}

#[tokio::test]
async fn keys_are_listed_by_prefix_and_page() {
    let world = World::new().await;
    for key in ["a1", "a2", "a3", "b"] {
        world
            .ask("PUT", &format!("/kv/v1/s/{key}?ttl=1h"), &[], "x")
            .await;
    }
    let first = world.get("/kv/v1/s?prefix=a&limit=2").await;
    let keys = first.json();
    assert_eq!(keys["keys"][1]["key"], "a2");
    assert_eq!(keys["keys"][0]["size"], 1);
    assert!(keys["keys"][0]["expires_at"].is_string());
    let cursor = first.header("pando-cursor").expect("another page");
    let link = format!("</kv/v1/s?prefix=a&limit=2&cursor={cursor}>; rel=\"next\"");
    assert_eq!(first.header("link"), Some(link.as_str()));
    let uri = format!("/kv/v1/s?prefix=a&limit=2&cursor={cursor}");
    let next = world.get(&uri).await;
    assert_eq!(next.json()["keys"].as_array().map(Vec::len), Some(1));
    assert_eq!(next.header("link"), None);
}

#[tokio::test]
async fn a_list_that_was_cut_says_so_and_which_entries_it_holds() {
    let world = World::capped(2).await;
    let json = ("content-type", "application/json");
    for name in ["a", "b", "c"] {
        for (uri, body) in [
            (format!("/kv/v1/s/{name}"), "1"),
            (format!("/docs/v1/c/{name}"), "{}"),
            (format!("/wide/v1/t/p/{name}"), r#"{"f:q": 1}"#),
            (format!("/wide/v1/t/{name}/r"), r#"{"f:q": 1}"#),
        ] {
            let put = world.ask("PUT", &uri, &[json], body).await;
            assert!(put.status.is_success(), "{uri}: {put:?}");
        }
    }
    for list in ["/kv/v1/s", "/docs/v1/c", "/wide/v1/t/p", "/wide/v1/t"] {
        for (query, cut) in [("", true), ("?limit=9", true), ("?limit=1", false)] {
            let page = world.get(&format!("{list}{query}")).await;
            let told = (page.header("content-range"), page.header("pando-truncated"));
            let expected = cut.then_some(("0-1/*", "true")).unzip();
            assert_eq!(told, expected, "{list}{query}: {page:?}");
        }
    }
    let described = world.get("/openapi.json").await.json();
    let headers = &described["paths"]["/kv/v1/{space}"]["get"]["responses"]["200"]["headers"];
    assert!(headers["Content-Range"].is_object(), "{headers}");
}

#[tokio::test]
async fn a_batch_of_keys_is_all_or_none() {
    let world = World::new().await;
    let uri = "/kv/v1/s/batch";
    let body = r#"[{"op":"put","key":"a","text":"x"},{"op":"get","key":"a"},
        {"op":"put","key":"b","value":"AAE="},{"op":"get","key":"b"},{"op":"incr","key":"n","by":3},
        {"op":"delete","key":"a"},{"op":"get","key":"a"}]"#;
    let done = world.ask("POST", uri, &[], body).await.json();
    assert_eq!(done[1]["text"], "x");
    assert_eq!(done[3]["value"], "AAE=");
    assert_eq!(done[4]["value"], 3);
    assert_eq!(done[5], json!({ "key": "a", "deleted": true }));
    assert_eq!(done[6], json!({ "key": "a", "found": false }));
    let half = r#"[{"op":"put","key":"c","text":"x"},{"op":"incr","key":"c"}]"#;
    assert_eq!(world.ask("POST", uri, &[], half).await.status, 409);
    assert_eq!(world.get("/kv/v1/s/c").await.status, 404);
    for wrong in [
        "{}",
        r#"[{"op":"put","key":"a"}]"#,
        r#"[{"op":"get","key":"a","text":"x"}]"#,
        r#"[{"op":"put","key":"a","value":"?"}]"#,
        r#"[{"op":"put","key":"","text":"x"}]"#,
    ] {
        let answer = world.ask("POST", uri, &[], wrong).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "malformed"),
            "{wrong}"
        );
    }
}

/// Three rows of `JFK`, of one moment.
async fn weather() -> World {
    let world = World::new().await;
    let put = |row: &str, body: &'static str| {
        let uri = format!("/wide/v1/weather/JFK/{row}?at=1970-01-01T00:00:01Z");
        let world = &world;
        async move { world.ask("PUT", &uri, &[], body).await.status.as_u16() }
    };
    assert_eq!(
        put("010", r#"{"obs:temp": 10, "wind:dir": {"deg": 1.50}}"#).await,
        201
    );
    assert_eq!(put("010", r#"{"obs:temp": 11}"#).await, 204);
    assert_eq!(put("011", r#"{"obs:temp": 12}"#).await, 201);
    assert_eq!(put("012", r#"{"wind:dir": null}"#).await, 201);
    world
}

#[tokio::test]
async fn rows_and_slices_have_their_shapes() {
    let world = weather().await;
    for (uri, expected) in [
        (
            "/JFK/010",
            r#"{"row":"010","cells":{"obs:temp":11,"wind:dir":{"deg": 1.5}}}"#,
        ),
        (
            "/JFK/010?columns=temp",
            r#"{"row":"010","cells":{"obs:temp":11}}"#,
        ),
        (
            "/JFK/010?columns=%22obs:temp%22,wind:*",
            r#"{"row":"010","cells":{"obs:temp":11,"wind:dir":{"deg": 1.5}}}"#,
        ),
        (
            "/JFK/011?versions=2",
            r#"{"row":"011","cells":{"obs:temp":[{"at":"1970-01-01T00:00:01Z","value":12}]}}"#,
        ),
        (
            "/JFK?from=011&to=013",
            r#"{"partition":"JFK","rows":[{"row":"011","cells":{"obs:temp":12}},{"row":"012","cells":{"wind:dir":null}}]}"#,
        ),
        (
            "/JFK?columns=temp&reverse=true&limit=1",
            r#"{"partition":"JFK","rows":[{"row":"011","cells":{"obs:temp":12}}]}"#,
        ),
        ("/LGA", r#"{"partition":"LGA","rows":[]}"#),
    ] {
        let answer = world.get(&format!("/wide/v1/weather{uri}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.as_str()),
            (200, expected),
            "{uri}"
        );
    }
    for uri in ["/JFK/013", "/JFK/012?columns=temp"] {
        let answer = world.get(&format!("/wide/v1/weather{uri}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (404, "not_found")
        );
    }
}

#[tokio::test]
async fn a_slice_goes_on_behind_its_cursor() {
    let world = weather().await;
    let page = world.get("/wide/v1/weather/JFK?limit=2").await;
    let cursor = page.header("pando-cursor").expect("another page");
    let next = world
        .get(&format!("/wide/v1/weather/JFK?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(next.json()["rows"][0]["row"], "012");
}

#[tokio::test]
async fn columns_of_a_row_are_deleted_and_what_is_left_of_it() {
    let world = weather().await;
    let some = world
        .ask("DELETE", "/wide/v1/weather/JFK/010?columns=temp", &[], "")
        .await;
    assert_eq!(some.status, 204);
    let rest = world.get("/wide/v1/weather/JFK/010").await;
    assert_eq!(rest.json()["cells"], json!({ "wind:dir": { "deg": 1.5 } }));
    for status in [204, 404] {
        let gone = world
            .ask("DELETE", "/wide/v1/weather/JFK/010", &[], "")
            .await;
        assert_eq!(gone.status, status);
    }
}

#[tokio::test]
async fn a_batch_of_rows_reaches_over_partitions_and_is_all_or_none() {
    let world = World::new().await;
    let uri = "/wide/v1/t/batch";
    let body = r#"[{"op":"put","partition":"p","row":"1","cells":{"f:q":1},"at":5},
        {"op":"put","partition":"q","row":"1","cells":{"f:q":2},"at":"1970-01-01T00:00:00Z","ttl":"1h"},
        {"op":"get","partition":"p","row":"1","columns":["q"],"versions":2},
        {"op":"delete","partition":"q","row":"1"},{"op":"get","partition":"q","row":"1"}]"#;
    let done = world.ask("POST", uri, &[], body).await;
    assert_eq!(
        done.json(),
        json!([
            { "partition": "p", "row": "1", "created": true },
            { "partition": "q", "row": "1", "created": true },
            { "partition": "p", "row": "1", "found": true,
              "cells": { "f:q": [{ "at": "1970-01-01T00:00:00.000005Z", "value": 1 }] } },
            { "partition": "q", "row": "1", "deleted": true },
            { "partition": "q", "row": "1", "found": false },
        ])
    );
    for wrong in [
        "{}",
        r#"[{"op":"put","partition":"p","row":"2"}]"#,
        r#"[{"op":"put","partition":"p","row":"2","cells":{"f:q":1}},{"op":"get","partition":"p","row":"2","at":5}]"#,
        r#"[{"op":"put","partition":"p","row":"2","cells":{"q":1}}]"#,
        r#"[{"op":"put","partition":"p","row":"2","cells":{"f:q":1},"at":"now"}]"#,
        r#"[{"op":"incr","partition":"p","row":"2"}]"#,
    ] {
        let answer = world.ask("POST", uri, &[], wrong).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "malformed"),
            "{wrong}"
        );
    }
    assert_eq!(world.get("/wide/v1/t/p/2").await.status, 404);
}

#[tokio::test]
async fn bad_requests_of_wide_rows_are_refused() {
    let world = World::new().await;
    for (method, uri, body, status) in [
        ("PUT", "/p/r", "", 400),
        ("PUT", "/p/r", "[]", 400),
        ("PUT", "/p/r", "{}", 400),
        ("PUT", "/p/r", r#"{"q":1}"#, 400),
        ("PUT", "/p/r", r#"{"f:q":1,"f:q":2}"#, 400),
        ("PUT", "/p/r", r#"{"f:q":"\u0000"}"#, 400),
        ("PUT", "/p/r?at=x", r#"{"f:q":1}"#, 400),
        ("PUT", "/p/r?at=9999999999999999999", r#"{"f:q":1}"#, 400),
        ("PUT", "/p/r?ttl=0s", r#"{"f:q":1}"#, 400),
        ("GET", "/p?versions=0", "", 400),
        ("GET", "/p?columns=", "", 400),
        ("GET", "/p?cursor=x", "", 400),
        ("GET", "/p?limit=-1", "", 400),
        ("GET", "/p?reverse=1", "", 400),
        ("GET", "/p?nope=1", "", 400),
        ("GET", "/p/", "", 400),
        ("POST", "/p/r", "", 405),
        ("DELETE", "/p", "", 405),
        ("GET", "/p/r/x", "", 404),
        ("GET", "?nope=1", "", 400),
    ] {
        let answer = world
            .ask(method, &format!("/wide/v1/t{uri}"), &[], body)
            .await;
        assert_eq!(answer.status, status, "{method} {uri} {body} {answer:?}");
        answer.code();
    }
    let etag = world
        .ask(
            "PUT",
            "/wide/v1/t/p/r",
            &[("if-match", "\"1\"")],
            r#"{"f:q":1}"#,
        )
        .await;
    assert_eq!(etag.status, 400);
    let absent = world
        .ask(
            "PUT",
            "/wide/v1/t/p/r",
            &[("if-match", "*")],
            r#"{"f:q":1}"#,
        )
        .await;
    assert_eq!(absent.status, 412);
}

#[tokio::test]
async fn a_key_reaches_what_its_scope_names() {
    let world = World::new().await;
    let ask = |key: String, method: &'static str, uri: &'static str, body: &'static str| {
        let world = &world;
        async move {
            let bearer = format!("Bearer {key}");
            let headers = [("authorization", bearer.as_str())];
            world.ask(method, uri, &headers, body).await.status.as_u16()
        }
    };
    let key = world.key("wide:read:t,kv:write:s").await;
    let put = r#"[{"op":"put","key":"a","text":"x"}]"#;
    for (method, uri, body, status) in [
        ("GET", "/wide/v1/t/p", "", 200),
        ("GET", "/wide/v1/other/p", "", 403),
        ("PUT", "/wide/v1/t/p/r", r#"{"f:q":1}"#, 403),
        (
            "POST",
            "/wide/v1/t/batch",
            r#"[{"op":"get","partition":"p","row":"r"}]"#,
            200,
        ),
        (
            "POST",
            "/wide/v1/t/batch",
            r#"[{"op":"delete","partition":"p","row":"r"}]"#,
            403,
        ),
        ("PUT", "/kv/v1/s/k", "1", 201),
        ("GET", "/kv/v1/s/k", "", 403),
        ("POST", "/kv/v1/s/batch", put, 200),
        ("POST", "/kv/v1/s/batch", r#"[{"op":"get","key":"a"}]"#, 403),
    ] {
        assert_eq!(
            ask(key.clone(), method, uri, body).await,
            status,
            "{method} {uri}"
        );
    }
}
