//! What is declared of queues: it holds, and what cannot be is refused with the setting's name.

use crate::site::{Site, bodies, leases};
use crate::support::refused;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn what_is_declared_of_a_queue_holds() {
    let site = Site::of(
        "[queues.mail]\nvisibility = \"1m\"\nattempts = 2\nbackoff = { base = \"1ms\", cap = \"1ms\" }\n\
         priorities = 3\ngroups = [\"a\", \"b\"]\nretention = \"1h\"\nmax_message = \"1KiB\"\n",
    );
    let message = |body: u32, priority: u32| json!({ "body": body, "priority": priority });
    site.publish(
        "mail",
        &json!([message(1, 0), message(2, 2), message(3, 1)]),
    );
    let of_a = site.lease("mail", &json!({ "group": "a", "max": 9 }));
    assert_eq!(bodies(&of_a), [json!(2), json!(3), json!(1)]);
    site.post("mail/ack", &leases(&of_a));
    let of_b = site.lease("mail", &json!({ "group": "b", "max": 9 }));
    assert_eq!(of_b.len(), 3, "b gets each, though it came later");
    let replayed = site.post_with("mail/replay?from=2026-01-01T00:00:00Z&group=a", "", "");
    assert_eq!(replayed.status, 204, "{replayed:?}");
    let again = site.lease("mail", &json!({ "group": "a", "max": 9 }));
    assert_eq!(again.len(), 3, "they are kept");
    let large = json!({ "body": "x".repeat(2_000) });
    assert_eq!(site.post("mail/messages", &large).status, 413);
    assert_eq!(site.metric("published", "mail"), 3);
}

#[test]
fn a_full_queue_tells_publishers_to_come_again() {
    let site = Site::of("[queues.mail]\nmax_depth = 2\n");
    let began = Instant::now();
    loop {
        let answer = site.post("mail/messages", &json!({ "body": 1 }));
        if answer.status == 429 {
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert_eq!(answer.json()["code"], "queue_full");
            return;
        }
        assert_eq!(answer.status, 201, "{answer:?}");
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "it is never full"
        );
    }
}

#[test]
fn a_schedule_publishes_its_message() {
    let site =
        Site::of("[queues.mail.schedules.tick]\ncron = \"* * * * * *\"\nbody = { hello = [1] }\n");
    let leased = site.lease("mail", &json!({ "wait": "60s" }));
    assert_eq!(bodies(&leased), [json!({ "hello": [1] })]);
}

#[test]
fn a_setting_that_cannot_be_is_refused_by_its_name() {
    for (text, says) in [
        ("[queues.q]\nvisibility = \"13h\"", "visibility): must be"),
        ("[queues.q]\nvisibilty = \"1h\"", "visibility"),
        ("[queues.q]\nattempts = 0", "attempts): is 0"),
        (
            "[queues.q.backoff]\nbase = \"1h\"\ncap = \"1m\"",
            "backoff.cap): is",
        ),
        ("[queues.q.backoff]\njitter = 2.0", "backoff.jitter): is 2"),
        ("[queues.q]\ndedup_window = \"8d\"", "dedup_window): is"),
        (
            "[queues.q]\npriorities = 11",
            "priorities): must be between 1 and 10",
        ),
        ("[queues.q]\ngroups = [\"a\", \"a\"]", "is there twice"),
        ("[queues.q]\nmax_depth = 0", "max_depth): must be"),
        (
            "[queues.q]\nmax_message = \"65MiB\"",
            "max_message): must be",
        ),
        (
            "[queues.q.schedules.s]\ncron = \"never\"",
            "schedules.s.cron",
        ),
        (
            "[queues.q.schedules.s]\ncron = \"0 9 * * *\"\nzone = \"Here\"",
            "schedules.s",
        ),
        (
            "[queues.q.schedules.s]\ncron = \"0 9 * * *\"\npriority = 1",
            "schedules.s.priority",
        ),
        (
            "[store]\nengine = \"memory\"\n[queues.q]\nsynced = true",
            "queues.q.synced): the engine `memory` syncs nothing",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("pando.toml"), text).expect("a file");
        let error = refused(folder.path(), &["config", "check"], 2);
        assert!(error.contains(says), "{text}\n{error}");
    }
}
