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
fn a_replay_that_would_do_nothing_is_refused_with_what_is_allowed() {
    let site = Site::of("[queues.mail]\ngroups = [\"a\", \"b\"]\nretention = \"1h\"\n");
    site.publish("mail", &json!({ "body": 1 }));
    site.lease("mail", &json!({ "group": "late" }));
    let from = "from=2026-01-01T00:00:00Z";
    let groups = "Its groups are a, b, late";
    for (query, status, says) in [
        (format!("{from}&group=a"), 204, ""),
        // It has leased, though nobody declared it.
        (format!("{from}&group=late"), 204, ""),
        (format!("{from}&group=audti"), 422, groups),
        (from.to_owned(), 422, groups),
        (
            "from=2999-01-01T00:00:00Z&group=a".to_owned(),
            422,
            "lies ahead",
        ),
        (
            "from=yesterday&group=a".to_owned(),
            400,
            "is not a time, such as 2026-",
        ),
        ("from=&group=a".to_owned(), 400, "is not a time"),
        ("group=a".to_owned(), 400, "from is missing"),
    ] {
        let answer = site.post_with(&format!("mail/replay?{query}"), "", "");
        assert_eq!(answer.status, status, "{query}: {answer:?}");
        assert!(answer.body.contains(says), "{query}: {answer:?}");
    }
    let replay = ["queue", "replay", "mail", "--from", "2026-01-01T00:00:00Z"];
    let error = refused(
        site.folder(),
        &[&replay[..], &["--group", "audti"]].concat(),
        1,
    );
    assert!(
        error.contains("no group \"audti\"") && error.contains(groups),
        "{error}"
    );
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
fn what_schedules_publish_is_counted_as_published() {
    let schedule = |name: &str| format!("[queues.mail.schedules.{name}]\ncron = \"* * * * * *\"\n");
    let site = Site::of(&(schedule("a") + &schedule("b")));
    let began = Instant::now();
    let mut counted = 0;
    // Two in the same second are two.
    while counted < 4 {
        counted = site.metric("published", "mail");
        let depth = site.server.connect().ask("GET", "/queue/v1/mail", "", "");
        let there = depth.json()["depth"].as_u64().expect("a number");
        assert!(counted <= there, "{counted} of {there}");
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{counted} of {there} are counted"
        );
        std::thread::yield_now();
    }
    let depth = site.server.connect().ask("GET", "/queue/v1/mail", "", "");
    assert!(
        depth.json()["published_per_second"].as_f64() > Some(0.0),
        "{depth:?}"
    );
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
            "pando.toml:3:1 (queues.q.schedules.s.zone): there is no time zone",
        ),
        (
            "[queues.q.schedules.s]\ncron = \"0 9 * * *\"\npriority = 1",
            "schedules.s.priority",
        ),
        (
            "[queues.q.schedules.s]\nbody = 1",
            "pando.toml:2:1 (queues.q.schedules.s.cron): is missing or empty, and has to say when: \
             write cron = \"0 9 * * mon-fri\"",
        ),
        (
            "[queues.q.schedules.s]\ncron = 9",
            "write cron = \"0 9 * * mon-fri\", for instance",
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

#[test]
fn the_server_sweeps_what_all_have_done_out_of_the_log() {
    let site = Site::of(
        "[store]\nsweep_interval = \"100ms\"\n[queues.mail]\nretention = \"2s\"\ngroups = [\"a\", \"b\"]\n",
    );
    let peek = || {
        let answer = site
            .server
            .connect()
            .ask("GET", "/queue/v1/mail/messages?group=a", "", "");
        answer.json()["messages"].clone()
    };
    site.publish(
        "mail",
        &json!([{ "body": 1 }, { "body": 2 }, { "body": 3 }]),
    );
    let done = site.lease("mail", &json!({ "group": "a", "max": 3 }));
    site.post("mail/ack", &leases(&done));
    let done = site.lease("mail", &json!({ "group": "b", "max": 2 }));
    site.post("mail/ack", &leases(&done));
    let began = Instant::now();
    // The third is not done by all.
    while bodies(peek().as_array().expect("messages")) != [json!(3)] {
        let kept = peek();
        assert!(began.elapsed() < Duration::from_secs(30), "{kept}");
        std::thread::yield_now();
    }
}
