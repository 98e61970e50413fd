//! What is loaded before it is asked for: after a start, after a flush, and when somebody says so.

use crate::site::{Caller, Site, cache_of, wait_until_following};
use crate::support::{self, Server};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Waits until a collection is warmed in a process; what is said of it then.
pub fn wait_until_warm(server: &Server, collection: &str, warmed: u64) -> Value {
    let began = Instant::now();
    loop {
        let cache = cache_of(server, collection);
        let warming = &cache["warming"];
        if warming["state"] == "done" && warming["warmed"].as_u64() >= Some(warmed) {
            return cache;
        }
        assert!(began.elapsed().as_secs() < 30, "it is not warmed: {cache}");
    }
}

/// A collection, a query of it, how many entries that finds, one of them, and one that is not.
type Case = (&'static str, &'static str, u64, &'static str, &'static str);

const CASES: [Case; 6] = [
    (
        "rest/reviews",
        "order=id.desc&limit=4",
        4,
        "/rest/v1/reviews?id=eq.8",
        "/rest/v1/reviews?id=eq.2",
    ),
    (
        "rest/notes",
        "select=note&review=lt.6",
        5,
        "/rest/v1/notes?select=note&review=eq.3&name=eq.a%2C%22b",
        "/rest/v1/notes?review=eq.7&name=eq.a%2C%22b",
    ),
    (
        "kv/carts",
        "prefix=user:&limit=3",
        3,
        "/kv/v1/carts/user:3",
        "/kv/v1/carts/user:4",
    ),
    (
        "docs/notes",
        "x=eq.1",
        9,
        "/docs/v1/notes/9",
        "/docs/v1/notes/10",
    ),
    (
        "graph/g",
        "limit=2",
        2,
        "/graph/v1/g/nodes/2",
        "/graph/v1/g/nodes/3",
    ),
    (
        "wide/w",
        "partition=JFK&limit=2",
        2,
        "/wide/v1/w/JFK/2",
        "/wide/v1/w/JFK/3",
    ),
];

fn fill(caller: &mut Caller) {
    for id in 1..=9 {
        let body = format!("{{\"id\":{id},\"stars\":{}}}", id % 5);
        caller.write("POST", "/rest/v1/reviews", &body);
        let note = format!("{{\"review\":{id},\"name\":\"a,\\\"b\",\"note\":\"n\"}}");
        caller.write("POST", "/rest/v1/notes", &note);
        caller.write("PUT", &format!("/kv/v1/carts/user:{id}"), "1");
        caller.write("PUT", &format!("/docs/v1/notes/{id}"), r#"{"x":1}"#);
        let node = r#"{"kind":"k","body":{}}"#;
        caller.write("PUT", &format!("/graph/v1/g/nodes/{id}"), node);
        caller.write("PUT", &format!("/wide/v1/w/JFK/{id}"), r#"{"obs:t":1}"#);
    }
}

#[test]
fn the_entries_that_a_query_finds_are_answered_from_memory_from_the_first_read_on() {
    let tables = "create table reviews (id bigint primary key, stars int);
         create table notes (review bigint, name text, note text, primary key (review, name));";
    let site = Site::start_with(tables, "[cache.collections.\"kv/others\"]\n");
    let mut caller = Caller::new(&site.server);
    fill(&mut caller);
    for (collection, query, found, hot, cold) in CASES {
        let path = format!("/admin/v1/caches/{collection}");
        let rule = format!("{{\"ttl\":\"1h\",\"warm\":\"{query}\"}}");
        let changed = caller.ask("PATCH", &path, &rule);
        assert_eq!(changed.status, 200, "{changed:?}");
        let cache = wait_until_warm(&site.server, collection, found);
        assert_eq!(cache["warming"]["total"], found, "{cache}");
        assert!(cache["warming"]["last_warmed_at"].is_string(), "{cache}");
        if ["rest", "docs"].contains(&collection.split('/').next().unwrap_or_default()) {
            assert_eq!(cache["entries"], found + 1, "they, and the list: {cache}");
        }
        let before = site.hits_and_loads(collection);
        let read = caller.ask("GET", hot, "");
        assert_eq!(read.status, 200, "{read:?}");
        assert_eq!(
            site.hits_and_loads(collection),
            (before.0 + 1, before.1),
            "{hot}"
        );
        caller.ask("GET", cold, "");
        assert_eq!(
            site.hits_and_loads(collection),
            (before.0 + 1, before.1 + 1),
            "{cold}"
        );
    }
    let metrics = caller.ask("GET", "/metrics", "").body;
    for line in [
        "pando_cache_warmed_total{collection=\"rest/reviews\"} 4",
        "pando_cache_warm_rows{collection=\"kv/carts\",rows=\"found\"} 3",
    ] {
        assert!(metrics.contains(line), "there is no {line}");
    }
    // After a flush, and when somebody says so.
    let (collection, _, _, hot, _) = CASES[0];
    for (action, status, warmed) in [("flush", 204, 8), ("warm", 202, 12)] {
        let path = format!("/admin/v1/caches/{collection}/{action}");
        assert_eq!(caller.ask("POST", &path, "").status, status);
        wait_until_warm(&site.server, collection, warmed);
        let before = site.hits_and_loads(collection);
        caller.read(hot);
        assert_eq!(
            site.hits_and_loads(collection),
            (before.0 + 1, before.1),
            "{action}"
        );
    }
    is_warm_after_a_start(site);
}

fn is_warm_after_a_start(site: Site) {
    let Site { server, folder } = site;
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let server = Server::start(folder.path());
    wait_until_following(&server);
    for (collection, _, found, hot, _) in CASES {
        wait_until_warm(&server, collection, found);
        let before = cache_of(&server, collection)["hits"].as_u64();
        Caller::new(&server).read(hot);
        let after = cache_of(&server, collection)["hits"].as_u64();
        assert_eq!(after, before.map(|hits| hits + 1), "{hot}");
    }
}

#[test]
fn more_is_found_than_fits_a_page_and_no_more_is_loaded_in_a_second_than_the_rule_says() {
    let rule = "[limits]\nmax_rows = 10\n[cache.collections.\"kv/carts\"]\nttl = \"1h\"\n\
                warm_rate = 20\n";
    let site = Site::start(rule);
    let mut caller = Caller::new(&site.server);
    for key in 0..40 {
        caller.write("PUT", &format!("/kv/v1/carts/{key}"), "1");
    }
    let began = Instant::now();
    let path = "/admin/v1/caches/kv/carts";
    caller.ask("PATCH", path, r#"{"warm":"limit=25"}"#);
    let cache = wait_until_warm(&site.server, "kv/carts", 25);
    assert!(began.elapsed() >= Duration::from_millis(24 * 50), "{cache}");
    assert_eq!(cache["warming"]["total"], 25, "{cache}");
}

#[test]
fn a_query_that_cannot_be_is_refused_where_it_is_said() {
    let site = Site::start("");
    let mut caller = Caller::new(&site.server);
    for (path, body, said) in [
        (
            "rest/reviews",
            r#"{"warm":"order=views.down"}"#,
            "failed to parse order",
        ),
        ("rest/reviews", r#"{"warm":"order=views.desc"}"#, "views"),
        ("rest/reviews", r#"{"warm":"select=count()"}"#, "aggregate"),
        (
            "rest/reviews",
            r#"{"warm":"id=eq.x"}"#,
            "invalid input syntax",
        ),
        ("rest/reviews", r#"{"warm_rate":0}"#, "warm_rate"),
        (
            "rest/notes",
            r#"{"warm":"select=*,reviews(id)&order=reviews(stars)&limit=1000000"}"#,
            "has no pages",
        ),
        (
            "kv/carts",
            r#"{"warm":"sort=key"}"#,
            "there is no parameter",
        ),
        ("wide/weather", r#"{"warm":"limit=10"}"#, "partition"),
    ] {
        let answer = caller.ask("PATCH", &format!("/admin/v1/caches/{path}"), body);
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let message = answer.json()["message"].to_string();
        assert!(message.contains(said), "{body}: {message}");
    }
    let answer = caller.ask("POST", "/admin/v1/caches/rest/notes/warm", "");
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(answer.json()["code"], "no_warm_query");
    let answer = caller.ask("POST", "/admin/v1/caches/rest/plain/warm", "");
    assert_eq!(answer.status, 404, "{answer:?}");
    by_a_migration(&site);
    by_the_file(&site);
}

/// With the table and the fault.
fn by_a_migration(site: &Site) {
    let migration = site.folder.path().join("migrations/0002_more.sql");
    let table = "create table t (id bigint primary key) with (cache = 'read-through', warm = ";
    std::fs::write(&migration, format!("{table}'order=views.desc');")).expect("a file");
    let said = support::refused(site.folder.path(), &["migrate"], 1);
    assert!(
        said.contains("the table t cannot be warmed by its query"),
        "{said}"
    );
    assert!(said.contains("views"), "{said}");
    std::fs::write(
        &migration,
        format!("{table}'order=id.desc', warm_rate = 50);"),
    )
    .expect("a file");
    support::json(site.folder.path(), &["migrate"]);
    let began = Instant::now();
    while site.cache("rest/t")["warming"]["rate"] != 50 {
        assert!(began.elapsed().as_secs() < 20, "{}", site.cache("rest/t"));
    }
}

/// What needs no schema at once, and the rest where it is told of.
fn by_the_file(site: &Site) {
    let file = site.folder.path().join("pando.toml");
    let rule = "[cache.collections.\"rest/reviews\"]\nwarm = ";
    std::fs::write(&file, format!("{rule}\"order=views.down\"\n")).expect("a file");
    let said = support::refused(site.folder.path(), &["config", "check"], 2);
    assert!(said.contains("cache.collections.rest/reviews"), "{said}");
    assert!(said.contains("failed to parse order"), "{said}");
    site.reload(&format!("{rule}\"order=views.desc\"\n"));
    let failed = || {
        let warming = site.cache("rest/reviews")["warming"].clone();
        let error = warming["error"].as_str().unwrap_or_default().to_owned();
        (warming["state"] == "failed" && error.contains("views")).then_some(())
    };
    let began = Instant::now();
    while failed().is_none() {
        assert!(
            began.elapsed().as_secs() < 20,
            "{}",
            site.cache("rest/reviews")
        );
    }
}
