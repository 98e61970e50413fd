//! Key-values that are written behind: what is acknowledged is there, for whoever asks.

use crate::site::{Caller, Site};
use crate::support::{Server, run, text};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Nothing is applied by itself as long as a test takes.
pub const WAITING: &str = "[cache.collections.\"kv/carts\"]\nstrategy = \"write-behind\"\n\
                           [cache.journal]\nflush_interval = \"10m\"\n";

pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed().as_secs() < 30, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn journal(site: &Site) -> Value {
    site.cache("kv/carts")["journal"].clone()
}

/// Waits until a state is in force and the journal was looked at, which is applied first.
fn wait_until(site: &Site, state: Option<&str>) {
    wait_for(&format!("the journal is not {state:?}"), || {
        let journal = journal(site);
        journal["state"].as_str() == state && journal["rows"].is_u64() == state.is_some()
    });
}

#[test]
fn a_write_is_acknowledged_by_the_journal_and_read_from_it() {
    let site = Site::start(WAITING);
    wait_until(&site, Some("on"));
    let mut caller = Caller::new(&site.server);
    let path = "/kv/v1/carts/a";
    for n in 0..3 {
        let answer = caller.ask("PUT", path, &n.to_string());
        assert_eq!(answer.status, 204, "nothing is looked at: {answer:?}");
        let tag = answer.header("etag").expect("a tag").to_owned();
        for _ in 0..2 {
            let read = caller.ask("GET", path, "");
            assert_eq!((read.status, &*read.body), (200, &*n.to_string()));
            assert_eq!(read.header("etag"), Some(&*tag));
        }
    }
    let (hits, loads) = site.hits_and_loads("kv/carts");
    assert_eq!((hits, loads), (3, 3), "both reads are one answer in memory");
    assert_eq!(caller.ask("DELETE", path, "").status, 204);
    assert_eq!(caller.ask("GET", path, "").status, 404);
    assert_eq!(caller.ask("DELETE", "/kv/v1/carts/never", "").status, 204);
    caller.write("PUT", "/kv/v1/carts/b?ttl=1h", "7");
    let batch = r#"[{"op":"incr","key":"b","by":1},{"op":"put","key":"c","text":"x"}]"#;
    caller.write("POST", "/kv/v1/carts/batch", batch);
    let listed = caller.read("/kv/v1/carts");
    assert!(
        listed.contains(r#""key":"b""#) && listed.contains(r#""key":"c""#),
        "{listed}"
    );
    assert!(!listed.contains(r#""key":"a""#), "{listed}");
    assert_eq!(caller.read("/kv/v1/carts/b"), "8");
    let tx = r#"{"ops":[{"method":"PUT","path":"/kv/v1/carts/d","body":1},
                        {"method":"GET","path":"/kv/v1/carts/d"},
                        {"method":"PUT","path":"/kv/v1/carts/d","body":2}]}"#;
    caller.write("POST", "/tx/v1", tx);
    assert_eq!(caller.read("/kv/v1/carts/d"), "2");
}

#[test]
fn one_of_several_looks_whether_there_was_anything() {
    let site = Site::start(WAITING);
    wait_until(&site, Some("on"));
    let mut caller = Caller::new(&site.server);
    let take = r#"{"ops":[{"method":"DELETE","path":"/kv/v1/carts/token"},
                          {"method":"POST","path":"/kv/v1/orders/n/incr"}]}"#;
    caller.write("PUT", "/kv/v1/carts/token", "once");
    assert_eq!(caller.ask("POST", "/tx/v1", take).status, 200);
    // It was taken, and is not there a second time for anybody.
    assert_eq!(caller.ask("POST", "/tx/v1", take).status, 404);
    assert_eq!(caller.read("/kv/v1/orders/n"), "1");
    let put = r#"{"ops":[{"method":"PUT","path":"/kv/v1/carts/token","body":"again"},
                         {"method":"PUT","path":"/kv/v1/carts/token","body":"more"}]}"#;
    let put = caller.ask("POST", "/tx/v1", put).json();
    assert_eq!(
        (&put[0]["status"], &put[1]["status"]),
        (&201.into(), &204.into())
    );
    let batch = r#"[{"op":"delete","key":"token"},{"op":"delete","key":"never"}]"#;
    let batch = caller.ask("POST", "/kv/v1/carts/batch", batch).body;
    let said: Vec<&str> = batch.matches("\"deleted\":true").collect();
    assert_eq!(said.len(), 1, "{batch}");
}

#[test]
fn what_waits_is_told_of_and_is_there_when_the_process_has_ended() {
    let site = Site::start(WAITING);
    wait_until(&site, Some("on"));
    let mut caller = Caller::new(&site.server);
    for n in 0..5 {
        caller.write("PUT", &format!("/kv/v1/carts/k{n}"), "1");
    }
    wait_for("what waits is not told of", || journal(&site)["rows"] == 5);
    let metrics = caller.read("/metrics");
    let waiting = "journal_rows{collection=\"kv/carts\"} 5";
    assert!(metrics.contains(waiting), "{metrics}");
    let oldest = "journal_oldest_seconds{collection=\"kv/carts\"}";
    assert!(metrics.contains(oldest), "{metrics}");
    assert!(journal(&site)["oldest_seconds"].as_f64() > Some(0.0));
    let told = told_by_status(site.folder.path());
    assert!(told.contains("5 writes wait, the oldest for"), "{told}");
    let folder = site.folder;
    site.server.signal("-TERM");
    assert_eq!(site.server.wait(), Some(0));
    let server = Server::start(folder.path());
    wait_for("the journal is looked at", || {
        let caches = server
            .connect()
            .ask("GET", "/admin/v1/caches", "", "")
            .json();
        caches["journals"][0]["rows"] == 0
    });
    assert_eq!(
        server.connect().ask("GET", "/kv/v1/carts/k4", "", "").body,
        "1"
    );
}

/// What `pando status` says of the journal.
fn told_by_status(folder: &std::path::Path) -> String {
    let status = run(folder, &["status"]);
    let status = text(&status.stdout);
    let lines = status.lines().filter(|line| line.contains("journal"));
    lines.collect()
}

#[test]
fn what_waits_when_a_process_is_killed_is_told_of_and_there_for_the_next_one() {
    let site = Site::start(WAITING);
    wait_until(&site, Some("on"));
    let mut caller = Caller::new(&site.server);
    for n in 0..20 {
        caller.write("PUT", &format!("/kv/v1/carts/k{}", n % 8), &n.to_string());
    }
    let Site { server, folder } = site;
    server.kill();
    let told = told_by_status(folder.path());
    assert!(told.contains("20 writes wait, the oldest for"), "{told}");
    // Also where nothing is to be written behind any more.
    std::fs::write(folder.path().join("pando.toml"), "").expect("a file");
    let site = Site {
        server: Server::start(folder.path()),
        folder,
    };
    let mut caller = Caller::new(&site.server);
    for _ in 0..2 {
        for n in 12..20 {
            let found = caller.read(&format!("/kv/v1/carts/k{}", n % 8));
            assert_eq!(found, n.to_string());
        }
        wait_for("what waits is not applied", || {
            journals(&mut caller) == Value::Array(Vec::new())
        });
    }
}

fn journals(caller: &mut Caller) -> Value {
    let caches = caller.ask("GET", "/admin/v1/caches", "");
    caches.json()["journals"].clone()
}

#[test]
fn dropping_what_is_in_memory_drops_nothing_that_waits() {
    let site = Site::start(WAITING);
    wait_until(&site, Some("on"));
    let mut caller = Caller::new(&site.server);
    caller.write("PUT", "/kv/v1/carts/a", "1");
    assert_eq!(caller.read("/kv/v1/carts/a"), "1");
    caller.write("POST", "/admin/v1/caches/kv/carts/flush", "");
    wait_for("what waits is not told of", || journal(&site)["rows"] == 1);
    let mut stranger = Caller::new(&site.server);
    for caller in [&mut caller, &mut stranger] {
        assert_eq!(caller.read("/kv/v1/carts/a"), "1");
    }
}

#[test]
fn where_the_journal_is_full_writes_are_done_at_once() {
    let site = Site::start(&format!("{WAITING}max_rows = 3\n"));
    wait_until(&site, Some("on"));
    let mut caller = Caller::new(&site.server);
    let mut put = |key: &str, n: u64| {
        let answer = caller.ask("PUT", &format!("/kv/v1/carts/{key}"), &n.to_string());
        let found = caller.read(&format!("/kv/v1/carts/{key}"));
        assert_eq!(found, n.to_string(), "{key}");
        answer.status
    };
    for n in 0..3 {
        assert_eq!(put("a", n), 204, "it waits");
    }
    assert_eq!(put("b", 3), 201, "it is looked whether it is there");
    assert_eq!(put("a", 4), 204, "it was");
    let mut new = 5..;
    wait_for("there is no room again", || {
        let n = new.next().expect("a number");
        put(&format!("new{n}"), n) == 204
    });
}

#[test]
fn whichever_way_it_is_switched_off_what_waits_is_applied_and_there() {
    let path = "/admin/v1/caches/kv/carts";
    let by_file: &dyn Fn(&Site, &mut Caller) = &|site, _| site.reload("");
    let by_patch: &dyn Fn(&Site, &mut Caller) =
        &|_, caller| caller.write("PATCH", path, r#"{"strategy":"read-through"}"#);
    let by_delete: &dyn Fn(&Site, &mut Caller) = &|_, caller| caller.write("DELETE", path, "");
    for (way, is_in_file, switch_off) in [
        ("file", true, by_file),
        ("PATCH", true, by_patch),
        ("DELETE", false, by_delete),
    ] {
        let interval = "[cache.journal]\nflush_interval = \"10m\"\n";
        let site = Site::start(if is_in_file { WAITING } else { interval });
        let mut caller = Caller::new(&site.server);
        if !is_in_file {
            caller.write("PATCH", path, r#"{"strategy":"write-behind"}"#);
        }
        wait_until(&site, Some("on"));
        for n in 0..5 {
            caller.write("PUT", &format!("/kv/v1/carts/k{n}"), &n.to_string());
        }
        switch_off(&site, &mut caller);
        wait_for(&format!("{way}: it does not end"), || {
            journals(&mut caller) == Value::Array(Vec::new())
        });
        for n in 0..5 {
            let found = caller.read(&format!("/kv/v1/carts/k{n}"));
            assert_eq!(found, n.to_string(), "{way}");
        }
        let made = caller.ask("PUT", "/kv/v1/carts/new", "1");
        assert_eq!(made.status, 201, "{way}: as elsewhere: {made:?}");
    }
}

#[test]
fn only_key_values_can_be_written_behind() {
    let site = Site::start("");
    let mut caller = Caller::new(&site.server);
    for collection in ["rest/reviews", "docs/notes", "graph/g", "wide/weather"] {
        let path = format!("/admin/v1/caches/{collection}");
        let answer = caller.ask("PATCH", &path, r#"{"strategy":"write-behind"}"#);
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.body.contains("key-values alone"), "{answer:?}");
    }
    let settings = "[cache.collections.\"docs/notes\"]\nstrategy = \"write-behind\"\n";
    std::fs::write(site.folder.path().join("pando.toml"), settings).expect("a file");
    let answer = caller.ask("POST", "/admin/v1/reload", "");
    assert!(
        answer.status >= 400 && answer.body.contains("key-values alone"),
        "{answer:?}"
    );
}
