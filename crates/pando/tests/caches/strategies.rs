//! What each strategy does with a read and a write.

use crate::site::{Caller, Site};
use std::time::{Duration, Instant};

fn settings(strategy: &str, more: &str) -> String {
    [
        "rest/reviews",
        "kv/carts",
        "docs/notes",
        "graph/g",
        "wide/weather",
    ]
    .map(|name| format!("[cache.collections.\"{name}\"]\nstrategy = \"{strategy}\"\n{more}\n"))
    .concat()
}

#[test]
fn a_write_to_the_store_invalidates_and_the_next_read_loads() {
    for strategy in [
        "cache-aside",
        "read-through",
        "write-around",
        "refresh-ahead",
    ] {
        let site = Site::start(&settings(strategy, "ttl = \"1h\""));
        let mut caller = Caller::new(&site.server);
        let path = "/rest/v1/reviews?id=eq.1";
        caller.write("POST", "/rest/v1/reviews", r#"{"id":1,"stars":1}"#);
        for stars in 2..6 {
            let (hits, loads) = site.hits_and_loads("rest/reviews");
            for _ in 0..3 {
                let read = caller.read(path);
                assert!(
                    read.contains(&format!("\"stars\":{}", stars - 1)),
                    "{strategy}: {read}"
                );
            }
            let expected = (hits + 2, loads + 1);
            assert_eq!(site.hits_and_loads("rest/reviews"), expected, "{strategy}");
            caller.write("PATCH", path, &format!("{{\"stars\":{stars}}}"));
        }
    }
}

#[test]
fn what_is_written_through_is_read_from_memory_from_the_first_read_on() {
    let site = Site::start(&settings("write-through", "ttl = \"1h\""));
    let mut caller = Caller::new(&site.server);
    let (by_id, key) = ("/rest/v1/reviews?id=eq.1", "/kv/v1/carts/a");
    let steps: [(&str, &str, &str, &str, &str); 8] = [
        (
            "POST",
            "/rest/v1/reviews",
            r#"{"id":1,"stars":1}"#,
            by_id,
            "\"stars\":1",
        ),
        ("PATCH", by_id, r#"{"stars":2}"#, by_id, "\"stars\":2"),
        (
            "PUT",
            by_id,
            r#"{"id":1,"airline":"a","stars":3}"#,
            by_id,
            "\"stars\":3",
        ),
        ("DELETE", by_id, "", by_id, "[]"),
        ("PUT", key, "7", key, "7"),
        ("POST", "/kv/v1/carts/a/incr?by=3", "", key, "10"),
        ("PUT", "/kv/v1/carts/a?ttl=1h", "x", key, "x"),
        ("DELETE", key, "", key, "not_found"),
    ];
    for (method, path, body, read, expected) in steps {
        caller.write(method, path, body);
        for _ in 0..2 {
            let found = caller.ask("GET", read, "").body;
            assert!(found.contains(expected), "{method} {path}: {found}");
        }
    }
    assert_eq!(site.hits_and_loads("rest/reviews"), (8, 0));
    assert_eq!(site.hits_and_loads("kv/carts"), (8, 0));
    // What a write names only by another column, it does not lay down.
    caller.write(
        "POST",
        "/rest/v1/reviews",
        r#"[{"id":5,"stars":1},{"id":6,"stars":1}]"#,
    );
    caller.write("PATCH", "/rest/v1/reviews?stars=eq.1", r#"{"stars":4}"#);
    let read = caller.read("/rest/v1/reviews?id=eq.5");
    assert!(read.contains("\"stars\":4"), "{read}");
}

#[test]
fn what_is_written_through_of_the_other_models_is_read_from_memory_too() {
    let site = Site::start(&settings("write-through", "ttl = \"1h\""));
    let mut caller = Caller::new(&site.server);
    for (method, path, body, expected) in [
        ("PUT", "/docs/v1/notes/a", r#"{"x":1}"#, "\"x\": 1"),
        ("PATCH", "/docs/v1/notes/a", r#"{"x":2}"#, "\"x\": 2"),
        ("DELETE", "/docs/v1/notes/a", "", "not_found"),
        (
            "PUT",
            "/graph/v1/g/nodes/a",
            r#"{"kind":"k","body":{"x":3}}"#,
            "\"x\": 3",
        ),
        (
            "PATCH",
            "/graph/v1/g/nodes/a",
            r#"{"body":{"x":4}}"#,
            "\"x\": 4",
        ),
    ] {
        caller.headers = match method {
            "PATCH" => "Content-Type: application/merge-patch+json\r\n".to_owned(),
            _ => String::new(),
        };
        caller.write(method, path, body);
        let found = caller.ask("GET", path, "").body;
        assert!(found.contains(expected), "{method} {path}: {found}");
    }
    // A patch reads the document that it changes.
    for (collection, hits) in [("docs/notes", 4), ("graph/g", 2)] {
        assert_eq!(site.hits_and_loads(collection), (hits, 0), "{collection}");
    }
}

/// Reads for a while; the answers, and how often memory had none that could be given.
fn read_for(site: &Site, path: &str, collection: &str, span: Duration) -> (u64, u64) {
    let mut caller = Caller::new(&site.server);
    caller.read(path);
    let misses = || site.cache(collection)["misses"].as_u64().expect("a number");
    let before = misses();
    let began = Instant::now();
    let mut answers = 0;
    while began.elapsed() < span {
        caller.read(path);
        answers += 1;
    }
    (answers, misses() - before)
}

#[test]
fn who_reads_all_the_time_waits_for_a_load_once_where_it_is_done_ahead_or_behind() {
    let span = Duration::from_millis(2_500);
    for (strategy, more, waits) in [
        ("refresh-ahead", "ttl = \"400ms\"", false),
        (
            "read-through",
            "ttl = \"400ms\"\nstale_while_revalidate = \"1m\"",
            false,
        ),
        ("read-through", "ttl = \"400ms\"", true),
    ] {
        let site = Site::start(&settings(strategy, more));
        let mut caller = Caller::new(&site.server);
        caller.write("POST", "/rest/v1/reviews", r#"{"id":1,"stars":1}"#);
        let path = "/rest/v1/reviews?id=eq.1";
        let (answers, misses) = read_for(&site, path, "rest/reviews", span);
        let loads = site.hits_and_loads("rest/reviews").1;
        println!("{strategy}, {more}: {answers} answers, {misses} waits, {loads} loads");
        assert!(loads >= 4, "{strategy}, {more}: {loads} loads");
        if !waits {
            assert_eq!(misses, 0, "{strategy}, {more}");
        }
    }
}

#[test]
fn that_there_is_nothing_is_remembered_as_long_as_it_is_said_and_no_longer_than_it_is_true() {
    for (negative, is_kept) in [("1h", true), ("0s", false)] {
        let more = format!("ttl = \"1h\"\nnegative_ttl = \"{negative}\"");
        let site = Site::start(&settings("read-through", &more));
        let mut caller = Caller::new(&site.server);
        for _ in 0..4 {
            assert_eq!(caller.ask("GET", "/kv/v1/carts/a", "").status, 404);
        }
        let (hits, loads) = site.hits_and_loads("kv/carts");
        assert_eq!((hits, loads), if is_kept { (3, 1) } else { (0, 4) });
        caller.write("PUT", "/kv/v1/carts/a", "1");
        assert_eq!(caller.read("/kv/v1/carts/a"), "1");
    }
}
