//! Which collections are cached, and how: by file, by DDL, by the admin API, while it runs.

use crate::behind::wait_for;
use crate::behind_killed::start_process;
use crate::site::{Caller, Site, cache_of};
use crate::support;
use pando_cluster::Postgres;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const REVIEWS: &str = "[cache.collections.\"rest/reviews\"]\nttl = \"1h\"\n";

#[test]
fn what_a_rule_names_is_answered_from_memory_and_all_else_by_the_store() {
    let site = Site::start(&format!(
        "{REVIEWS}[cache.collections.\"kv/carts\"]\n[cache.collections.\"docs/notes\"]\n\
         [cache.collections.\"graph/g\"]\n[cache.collections.\"wide/weather\"]\n"
    ));
    let mut caller = Caller::new(&site.server);
    caller.write(
        "POST",
        "/rest/v1/reviews",
        r#"[{"id":1,"stars":5},{"id":2,"stars":1}]"#,
    );
    caller.write(
        "POST",
        "/rest/v1/notes",
        r#"{"id":7,"review":1,"note":"n"}"#,
    );
    caller.write("POST", "/rest/v1/plain", r#"{"id":1,"n":1}"#);
    caller.write("PUT", "/kv/v1/carts/a", "1");
    caller.write("PUT", "/docs/v1/notes/a", r#"{"x":1}"#);
    caller.write("PUT", "/graph/v1/g/nodes/a", r#"{"kind":"k","body":{}}"#);
    caller.write("PUT", "/graph/v1/g/nodes/b", r#"{"kind":"k","body":{}}"#);
    caller.write("PUT", "/graph/v1/g/nodes/a/edges/e/b", "{}");
    caller.write("PUT", "/wide/v1/weather/JFK/010", r#"{"obs:temp":10}"#);
    for (collection, path) in [
        ("rest/reviews", "/rest/v1/reviews?id=eq.1"),
        ("rest/reviews", "/rest/v1/reviews?stars=gt.0&order=stars"),
        (
            "rest/reviews",
            "/rest/v1/reviews?select=id,notes(note)&id=eq.1",
        ),
        ("rest/reviews", "/rest/v1/reviews?id=eq.404"),
        ("rest/notes", "/rest/v1/notes?id=eq.7"),
        ("kv/carts", "/kv/v1/carts/a"),
        ("kv/carts", "/kv/v1/carts"),
        ("docs/notes", "/docs/v1/notes/a"),
        ("docs/notes", "/docs/v1/notes?x=eq.1"),
        ("graph/g", "/graph/v1/g/nodes/a"),
        ("graph/g", "/graph/v1/g/nodes/a/edges/e/b"),
        ("graph/g", "/graph/v1/g/nodes/a/edges/e"),
        ("graph/g", "/graph/v1/g/nodes/a/edges/e/count"),
        ("wide/weather", "/wide/v1/weather/JFK/010"),
    ] {
        let first = caller.read(path);
        let (hits, loads) = site.hits_and_loads(collection);
        for _ in 0..3 {
            assert_eq!(caller.read(path), first, "{path}");
        }
        assert_eq!(site.hits_and_loads(collection), (hits + 3, loads), "{path}");
    }
    assert!(site.cache("rest/plain").is_null());
}

#[test]
fn who_asks_for_the_owners_answer_gets_it_and_nobody_else_is_asked_for_a_bound_that_holds() {
    let site = Site::start(REVIEWS);
    let mut caller = Caller::new(&site.server);
    caller.write("POST", "/rest/v1/reviews", r#"{"id":1,"stars":5}"#);
    let path = "/rest/v1/reviews?id=eq.1";
    caller.read(path);
    for (consistency, is_from_memory) in [
        ("strong", false),
        ("session", true),
        ("bounded=5s", true),
        ("bounded=0s", false),
        ("eventual", true),
    ] {
        let before = site.hits_and_loads("rest/reviews").0;
        let header = format!("Pando-Consistency: {consistency}\r\n");
        Caller::with(&site.server, &header).read(path);
        let hits = site.hits_and_loads("rest/reviews").0 - before;
        assert_eq!(hits == 1, is_from_memory, "{consistency}");
    }
}

#[test]
fn a_rule_changes_while_it_runs_by_the_file_by_the_admin_api_and_back() {
    let site = Site::start(REVIEWS);
    let mut caller = Caller::new(&site.server);
    caller.write("POST", "/rest/v1/reviews", r#"{"id":1,"stars":5}"#);
    caller.read("/rest/v1/reviews?id=eq.1");
    site.reload("[cache.collections.\"rest/reviews\"]\neviction = \"lfu\"\nttl = \"30s\"\n");
    let cache = site.cache("rest/reviews");
    assert_eq!(
        (&cache["eviction"], &cache["ttl_seconds"]),
        (&json!("lfu"), &json!(30.0))
    );
    assert_eq!(cache["entries"], 1, "what lies there stays: {cache}");
    // What is changed here goes before the file, setting by setting, and all processes know.
    let path = "/admin/v1/caches/rest/reviews";
    let changed = caller
        .ask("PATCH", path, r#"{"eviction":"sieve","capacity":"1MiB"}"#)
        .json();
    assert_eq!(changed["eviction"], "sieve", "{changed}");
    assert_eq!(changed["capacity_bytes"], 1 << 20);
    assert_eq!(changed["ttl_seconds"], 30.0);
    // A table is cached that no file names, and is not again.
    let path = "/admin/v1/caches/rest/plain";
    let answer = caller.ask("PATCH", path, r#"{"strategy":"cache-aside"}"#);
    assert_eq!(answer.json()["strategy"], "cache-aside");
    assert_eq!(caller.ask("DELETE", path, "").status, 204);
    assert_eq!(caller.ask("GET", path, "").status, 404);
    // What was changed is there after a start.
    let Site { server, folder } = site;
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let server = support::Server::start(folder.path());
    let found = crate::site::cache_of(&server, "rest/reviews");
    assert_eq!(found["eviction"], "sieve", "{found}");
    drop(server);
}

#[test]
fn what_cannot_be_is_refused_with_the_setting_and_the_way_out() {
    let site = Site::start(REVIEWS);
    let mut caller = Caller::new(&site.server);
    for (path, body, said) in [
        (
            "rest/reviews",
            r#"{"eviction":"mru"}"#,
            "unknown variant `mru`, expected one of `lru`",
        ),
        (
            "rest/reviews",
            r#"{"capacity":"1B"}"#,
            "capacity is 1: it must be at least 16 KiB",
        ),
        ("rest/reviews", r#"{"ttl":5}"#, "invalid type"),
        ("rest/reviews", r#"{"size":"5MiB"}"#, "unknown field `size`"),
        (
            "rest/reviews",
            r#"{"ttl":"0s","strategy":"refresh-ahead"}"#,
            "ttl is none",
        ),
        ("rest/gone", r#"{"ttl":"5s"}"#, "there is no table gone"),
        (
            "tables/reviews",
            r#"{"ttl":"5s"}"#,
            "a collection is named rest/TABLE",
        ),
    ] {
        let answer = caller.ask("PATCH", &format!("/admin/v1/caches/{path}"), body);
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let message = answer.json()["message"]
            .as_str()
            .expect("a message")
            .to_owned();
        assert!(message.contains(said), "{body}: {message}");
    }
    let endless = "x".repeat(256);
    for path in ["tables/reviews", &format!("kv/{endless}")] {
        let answer = caller.ask("DELETE", &format!("/admin/v1/caches/{path}"), "");
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
    }
    assert_eq!(
        site.cache("rest/reviews")["ttl_seconds"],
        3600.0,
        "nothing of it happened"
    );
    std::fs::write(
        site.folder.path().join("pando.toml"),
        "[cache.collections.reviews]\nttl = \"1h\"\n",
    )
    .expect("a file");
    let said = support::refused(site.folder.path(), &["config", "check"], 2);
    assert!(
        said.contains("a collection is named rest/TABLE, docs/NAME"),
        "{said}"
    );
}

#[test]
fn the_api_is_described_with_all_that_can_be_set_and_each_name_of_it() {
    let site = Site::start("");
    let document = Caller::new(&site.server)
        .ask("GET", "/openapi.json", "")
        .json();
    let change = &document["paths"]["/admin/v1/caches/{surface}/{name}"]["patch"];
    let told = &change["requestBody"]["content"]["application/json"]["schema"]["properties"];
    let schema = support::run(site.folder.path(), &["generate", "config-schema"]);
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("a schema");
    let settings = &schema["properties"]["cache"]["properties"]["collections"];
    let known = &settings["additionalProperties"]["properties"];
    let names = |of: &Value| -> BTreeSet<String> {
        let of = of.as_object().expect("settings");
        of.keys().cloned().collect()
    };
    assert_eq!(names(told), names(known));
    for setting in ["strategy", "eviction"] {
        let found = known[setting].to_string();
        let of_schema: BTreeSet<&str> = found
            .split("\"const\":\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let of_api = told[setting]["enum"].as_array().expect("names");
        let of_api: BTreeSet<&str> = of_api.iter().filter_map(Value::as_str).collect();
        assert_eq!(of_api, of_schema, "{setting}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_two_processes_change_at_the_same_time_are_both_changed() {
    let postgres = Postgres::builder().start().await.expect("start PostgreSQL");
    let url = format!("postgres://postgres@{}/postgres", postgres.address());
    let changed = tokio::task::spawn_blocking(move || change_at_two(&url));
    changed.await.expect("it ends");
    drop(postgres);
}

/// Something is cached that needs no table.
const FOLLOWING: &str = "[cache.collections.\"kv/others\"]\n";

fn change_at_two(url: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let start = |number| start_process(folder.path(), number, Some(url), FOLLOWING);
    let servers = [start(0), start(1)];
    for round in 1..=10_u64 {
        let changes = [
            format!("{{\"ttl\":\"{round}m\"}}"),
            format!("{{\"capacity\":\"{round}MiB\"}}"),
        ];
        std::thread::scope(|scope| {
            for (server, change) in servers.iter().zip(&changes) {
                let mut caller = Caller::new(server);
                scope.spawn(move || caller.write("PATCH", "/admin/v1/caches/kv/carts", change));
            }
        });
        for server in &servers {
            wait_for("one of the settings is as it was", || {
                let cache = cache_of(server, "kv/carts");
                cache["ttl_seconds"] == (round * 60) as f64
                    && cache["capacity_bytes"] == round << 20
            });
        }
    }
}

#[test]
fn a_migration_empties_what_it_may_have_changed_and_a_flush_what_it_names() {
    let site = Site::start(REVIEWS);
    let mut caller = Caller::new(&site.server);
    caller.write("POST", "/rest/v1/reviews", r#"{"id":1,"stars":5}"#);
    let path = "/rest/v1/reviews?id=eq.1";
    caller.read(path);
    let flush = caller.ask("POST", "/admin/v1/caches/rest/reviews/flush", "");
    assert_eq!(flush.status, 204, "{flush:?}");
    assert_eq!(site.cache("rest/reviews")["entries"], 0);
    caller.read(path);
    let migration = site.folder.path().join("migrations/0002_more.sql");
    let sql = "alter table reviews add column body text default 'none';";
    std::fs::write(migration, sql).expect("a file");
    support::json(site.folder.path(), &["migrate"]);
    let read = caller.read(path);
    assert!(read.contains("\"body\":\"none\""), "{read}");
    assert_eq!(caller.read(path), read);
}

#[test]
fn what_runs_out_in_the_store_runs_out_in_memory() {
    let site = Site::start("[cache.collections.\"kv/carts\"]\nttl = \"1h\"\n");
    let mut caller = Caller::new(&site.server);
    let began = std::time::Instant::now();
    caller.write("PUT", "/kv/v1/carts/a?ttl=700ms", "1");
    let path = "/kv/v1/carts/a";
    loop {
        let (found, listed) = (caller.ask("GET", path, ""), caller.read("/kv/v1/carts"));
        let passed = began.elapsed().as_millis();
        if found.status == 404 {
            assert!(passed >= 700, "gone after {passed} ms");
            let again = caller.read("/kv/v1/carts");
            assert_eq!(again, "{\"keys\":[]}");
            break;
        }
        assert!(
            passed < 1_000,
            "there after {passed} ms: {found:?} {listed}"
        );
    }
    let (hits, loads) = site.hits_and_loads("kv/carts");
    assert!(hits > loads, "{hits} from memory, {loads} from the store");
}

#[test]
fn nothing_is_recorded_for_caches_where_nothing_is_cached() {
    let tables = "create table reviews (id bigint primary key, stars int);";
    let site = Site::start_with(tables, REVIEWS);
    let mut caller = Caller::new(&site.server);
    let mut depth_after = |id: u32| {
        let body = format!("{{\"id\":{id}}}");
        caller.write("POST", "/rest/v1/reviews", &body);
        let status = caller.ask("GET", "/admin/v1/status", "").json();
        status["shards"][0]["feed_depth"].as_u64().expect("a depth")
    };
    assert_eq!(depth_after(1), 1);
    site.reload("");
    let began = std::time::Instant::now();
    let mut id = 1;
    let mut next = || {
        id += 1;
        depth_after(id)
    };
    while next() > 0 {
        assert!(
            began.elapsed().as_secs() < 20,
            "it is followed without a rule"
        );
    }
    assert_eq!(next(), 0);
}

#[test]
fn each_setting_in_force_is_told_with_where_it_comes_from_and_a_tables_own_rule_can_be_turned_off()
{
    let file = "[cache.collections.\"rest/notes\"]\neviction = \"lfu\"\n";
    let site = Site::start(file);
    let mut caller = Caller::new(&site.server);
    let path = "/admin/v1/caches/rest/notes";
    let changed = caller.ask("PATCH", path, r#"{"negative_ttl":"3s"}"#).json();
    for (setting, value, origin) in [
        ("strategy", json!("read-through"), "table"),
        ("ttl", json!("1h"), "table"),
        ("eviction", json!("lfu"), "file"),
        ("negative_ttl", json!("3s"), "admin"),
        ("capacity", json!("64MiB"), "default"),
        ("stale_while_revalidate", json!("0s"), "default"),
        ("stale_if_error", json!("0s"), "default"),
        ("ttl_jitter", json!(0.1), "default"),
        ("shadow", json!(false), "default"),
        ("warm", json!(null), "default"),
        ("warm_rate", json!(200), "default"),
    ] {
        let expected = json!({ "value": value, "origin": origin });
        assert_eq!(changed["rule"][setting], expected, "{setting}: {changed}");
    }
    // What refresh-ahead brings along is told, too.
    let ahead = caller
        .ask("PATCH", path, r#"{"strategy":"refresh-ahead"}"#)
        .json();
    assert_eq!(ahead["rule"]["stale_if_error"]["value"], "1m", "{ahead}");
    caller.write(
        "POST",
        "/rest/v1/notes",
        r#"{"id":1,"review":1,"note":"n"}"#,
    );
    let off = caller.ask("PATCH", path, r#"{"strategy":"off"}"#);
    assert_eq!(
        (off.status, &off.json()["strategy"]),
        (200, &json!("off")),
        "{off:?}"
    );
    let listed = caller.ask("GET", "/admin/v1/caches", "").json();
    assert_eq!(listed["collections"], json!([]));
    assert_eq!(caller.ask("DELETE", path, "").status, 204);
    assert_eq!(site.cache("rest/notes")["strategy"], "read-through");
    site.reload("[cache.collections.\"rest/notes\"]\nstrategy = \"off\"\n");
    assert_eq!(
        site.cache("rest/notes")["rule"]["strategy"]["origin"],
        "file"
    );
    assert_eq!(site.cache("rest/notes")["strategy"], "off");
}

#[test]
fn a_rule_that_was_changed_goes_with_its_table() {
    let site = Site::start("");
    let mut caller = Caller::new(&site.server);
    let path = "/admin/v1/caches/rest/plain";
    caller.ask("PATCH", path, r#"{"ttl":"7s"}"#);
    let table = "create table plain (id bigint primary key);";
    for (file, sql) in [("0002_a.sql", "drop table plain;"), ("0003_b.sql", table)] {
        let migration = site.folder.path().join("migrations").join(file);
        std::fs::write(migration, sql).expect("a file");
        support::json(site.folder.path(), &["migrate"]);
    }
    let began = std::time::Instant::now();
    while !site.cache("rest/plain").is_null() {
        assert!(began.elapsed().as_secs() < 20, "it has a rule of old");
    }
}
