//! Looking into a queue, and clearing it up.

use crate::site::{Site, bodies, leases};
use crate::support::Answer;
use serde_json::{Value, json};

fn get(site: &Site, path: &str) -> Answer {
    let path = format!("/queue/v1/{path}");
    site.server.connect().ask("GET", &path, "", "")
}

/// Names of queues in a list of them.
fn names(listed: &Value) -> Vec<String> {
    let queues = listed["queues"].as_array().expect("queues").iter();
    let name = |queue: &Value| queue["name"].as_str().expect("a name").to_owned();
    queues.map(name).collect()
}

/// Gives a message back until its attempts are used up.
fn kill(site: &Site, queue: &str) {
    loop {
        let leased = site.lease(queue, &json!({}));
        if leased.is_empty() {
            return;
        }
        let mut back = leases(&leased);
        back["delay"] = json!(0);
        back["error"] = json!("no such address");
        assert_eq!(site.post(&format!("{queue}/nack"), &back).status, 200);
    }
}

#[test]
fn what_is_in_a_queue_is_counted_and_listed_in_pages() {
    let site = Site::start();
    let many: Vec<_> = (0..5).map(|n| json!({ "body": n })).collect();
    site.publish("q", &json!(many));
    site.publish("q", &json!({ "body": "later", "delay": "1h" }));
    site.lease("q", &json!({}));
    let depth = get(&site, "q").json();
    for (name, count) in [
        ("depth", 5),
        ("ready", 4),
        ("in_flight", 1),
        ("waiting", 0),
        ("scheduled", 1),
        ("dead", 0),
    ] {
        assert_eq!(depth[name], count, "{name}: {depth}");
    }
    assert!(depth["oldest_age_seconds"].is_number(), "{depth}");
    let first = get(&site, "q/messages?limit=3");
    let page = first.json()["messages"].as_array().expect("a list").clone();
    assert_eq!(bodies(&page), [json!(0), json!(1), json!(2)]);
    assert_eq!(
        (&page[0]["state"], &page[1]["state"]),
        (&json!("leased"), &json!("ready"))
    );
    assert!(page[0].get("lease").is_none(), "a lease is the worker's");
    let cursor = first.header("pando-cursor").expect("there is more");
    let rest = get(&site, &format!("q/messages?limit=3&cursor={cursor}"));
    let page = rest.json()["messages"].as_array().expect("a list").clone();
    assert_eq!(bodies(&page), [json!(3), json!(4)]);
    assert_eq!(rest.header("pando-cursor"), None);
    for (path, status) in [
        ("q/messages?limit=0", 400),
        ("q/messages?cursor=x", 400),
        ("q/messages?what=x", 400),
        ("q?group=", 400),
        ("q/lease", 405),
        ("q/nowhere", 404),
    ] {
        assert_eq!(get(&site, path).status, status, "{path}");
    }
}

#[test]
fn a_dead_letter_is_kept_with_its_error_and_given_another_chance() {
    let site = Site::start();
    let id = site.publish("q", &json!({ "body": 1 })).remove(0);
    kill(&site, "q");
    let dead = get(&site, "q/dead").json();
    let letter = &dead["messages"][0];
    assert_eq!(letter["id"], id.as_str());
    assert_eq!(letter["error"], "no such address");
    assert!(letter["attempts"].as_u64() > Some(1), "{letter}");
    let other = site.post("q/redrive", &json!({ "ids": ["1"] })).json();
    assert_eq!(other["redriven"], 0);
    let redriven = site.post("q/redrive", &json!({ "ids": [id] })).json();
    assert_eq!(redriven, json!({ "redriven": 1, "more": false }));
    assert_eq!(bodies(&site.lease("q", &json!({}))), [json!(1)]);
    assert_eq!(site.post("q/redrive", &json!({ "ids": ["x"] })).status, 400);
}

#[test]
fn a_queue_is_purged_and_one_that_keeps_nothing_is_not_replayed() {
    let site = Site::start();
    site.publish("q", &json!([{ "body": 1 }, { "body": 2, "delay": "1h" }]));
    let purged = site.post_with("q/purge", "", "").json();
    assert_eq!(purged, json!({ "purged": 2 }));
    assert_eq!(get(&site, "q").json()["scheduled"], 0);
    for (query, status) in [
        ("", 400),
        ("?from=noon", 400),
        ("?from=2026-01-01T00:00:00Z", 422),
    ] {
        let answer = site.post_with(&format!("q/replay{query}"), "", "");
        assert_eq!(answer.status, status, "{query}: {answer:?}");
    }
    let absent: Value = site.post_with("q/ack", "", "{\"leases\":[\"x\"]}").json();
    assert!(absent["hint"].is_string(), "{absent}");
}

#[test]
fn queues_are_listed_page_by_page() {
    let site = Site::of("[queues.e]\n");
    for queue in ["d", "b", "a", "c"] {
        site.lease(queue, &json!({}));
        site.publish(queue, &json!({ "body": 1 }));
        site.lease(queue, &json!({}));
    }
    let ask = |query: &str| {
        let path = format!("/admin/v1/queues{query}");
        site.server.connect().ask("GET", &path, "", "")
    };
    let mut query = "?limit=2".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = ask(&query);
        assert_eq!(page.status, 200, "{page:?}");
        pages.push(names(&page.json()));
        let Some(cursor) = page.header("pando-cursor") else {
            break;
        };
        assert!(
            page.header("link")
                .is_some_and(|link| link.contains(cursor))
        );
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(pages, [&["a", "b"][..], &["c", "d"], &["e"]]);
    for wrong in ["?limit=0", "?limit=x", "?cursor=x", "?page=2"] {
        let refused = ask(wrong);
        assert_eq!(refused.status, 400, "{wrong}: {refused:?}");
    }
    let listed = crate::support::json(site.folder(), &["queue", "list"]);
    assert_eq!(names(&listed), ["a", "b", "c", "d", "e"]);
}

#[test]
fn a_queue_is_listed_that_somebody_has_published_to_and_nobody_leased_from() {
    let site = Site::of("");
    site.publish("lonely", &json!([{ "body": 1 }, { "body": 2 }]));
    site.publish("later", &json!([{ "body": 1, "delay": "1h" }]));
    site.publish("once", &json!([{ "body": 1, "dedup_id": "a" }]));
    let put = json!({ "method": "PUT", "path": "/kv/v1/k/a", "body": 1,
                      "headers": { "if-none-match": "*" } });
    let ops = json!({ "ops": [
        { "method": "POST", "path": "/queue/v1/together/messages", "body": [{ "body": 1 }] },
        { "method": "POST", "path": "/queue/v1/refused/messages", "body": [{ "body": 1 }] },
        put, put,
    ]});
    let mut connection = site.server.connect();
    let refused = connection.ask("POST", "/tx/v1", "", &ops.to_string());
    assert_eq!(refused.status, 412, "{refused:?}");
    // That its name was to be written down is not believed.
    site.publish("together", &json!({ "body": 1 }));
    let listed = crate::support::json(site.folder(), &["queue", "list"]);
    assert_eq!(names(&listed), ["later", "lonely", "once", "together"]);
}
