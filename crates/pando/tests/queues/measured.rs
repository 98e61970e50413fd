//! What is told of how full queues are, and how fast they go.

use crate::site::{Site, leases};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn get(site: &Site, path: &str) -> Value {
    site.server.connect().ask("GET", path, "", "").json()
}

/// What `/metrics` says of a group of a declared queue, once it says anything.
fn gauge(site: &Site, name: &str, queue: &str, group: &str) -> Option<f64> {
    let text = site.server.connect().ask("GET", "/metrics", "", "").body;
    let lead = format!("pando_queue_{name}{{queue=\"{queue}\",group=\"{group}\"}} ");
    let found = text.lines().find_map(|line| line.strip_prefix(&lead))?;
    Some(found.parse().expect("a number"))
}

#[test]
fn metrics_tell_how_full_declared_queues_are_for_each_group_though_nobody_asks() {
    let site = Site::of("[queues.mail]\ngroups = [\"a\", \"b\"]\n");
    site.publish(
        "mail",
        &json!([{ "body": 1 }, { "body": 2 }, { "body": 3, "delay": "1h" }]),
    );
    site.publish("undeclared", &json!({ "body": 1 }));
    site.lease("mail", &json!({ "group": "a" }));
    let began = Instant::now();
    while gauge(&site, "in_flight", "mail", "a") != Some(1.0) {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "it is not measured"
        );
        std::thread::yield_now();
    }
    for (name, of_a, of_b) in [
        ("ready", 1.0, 2.0),
        ("scheduled", 1.0, 1.0),
        ("dead", 0.0, 0.0),
    ] {
        assert_eq!(gauge(&site, name, "mail", "a"), Some(of_a), "{name}");
        assert_eq!(gauge(&site, name, "mail", "b"), Some(of_b), "{name}");
    }
    assert!(gauge(&site, "oldest_age_seconds", "mail", "b") > Some(0.0));
    assert_eq!(gauge(&site, "ready", "undeclared", "default"), None);
}

#[test]
fn a_queue_tells_how_fast_it_goes() {
    let site = Site::start();
    let still = get(&site, "/queue/v1/mail");
    assert_eq!(still["published_per_second"], 0.0, "{still}");
    let many: Vec<Value> = (0..200).map(|n| json!({ "body": n })).collect();
    site.publish("mail", &json!(many));
    let leased = site.lease("mail", &json!({ "max": 100 }));
    site.post("mail/ack", &leases(&leased[..50]));
    let depth = get(&site, "/queue/v1/mail");
    let rate = |name: &str| depth[name].as_f64().expect("a number");
    let (published, acked) = (rate("published_per_second"), rate("acked_per_second"));
    assert!(published > rate("leased_per_second"), "{depth}");
    assert!(rate("leased_per_second") > acked && acked > 0.0, "{depth}");
    assert_eq!(rate("retried_per_second"), 0.0, "{depth}");
    let mut back = leases(&leased[50..]);
    back["delay"] = json!(0);
    site.post("mail/nack", &back);
    site.lease("mail", &json!({ "max": 60 }));
    let retried = get(&site, "/queue/v1/mail")["retried_per_second"].clone();
    assert!(retried.as_f64() > Some(0.0), "{retried}");
    assert_eq!(site.metric("retried", "(others)"), 50);
    assert_eq!(site.metric("leased", "(others)"), 160);
}

#[test]
fn the_admin_api_lists_queues_and_where_they_are_kept() {
    let site = Site::of("[queues.mail]\ngroups = [\"a\", \"b\"]\n");
    site.publish("other", &json!([{ "body": 1 }, { "body": 2 }]));
    site.lease("other", &json!({}));
    let listed = get(&site, "/admin/v1/queues");
    let (mail, other) = (&listed["queues"][0], &listed["queues"][1]);
    assert_eq!(
        (&mail["name"], &mail["declared"]),
        (&json!("mail"), &json!(true))
    );
    assert_eq!(mail["groups"][1]["group"], "b");
    assert_eq!(
        (&other["name"], &other["home"]),
        (&json!("other"), &json!("store"))
    );
    let group = &other["groups"][0];
    assert_eq!(
        (&group["depth"], &group["in_flight"]),
        (&json!(2), &json!(1)),
        "{listed}"
    );
    assert_eq!(listed["more"], false);
}
