//! What cannot be: statuses, and what is said about it.

use crate::site::Site;
use serde_json::json;

/// What is posted, the status, and what is said.
type Case<'a> = (&'a str, &'a str, u16, &'a str);

fn check(cases: &[Case<'_>]) {
    let site = Site::start();
    for (path, body, status, says) in cases {
        let answer = site.post_with(path, "", body);
        assert_eq!(answer.status, *status, "{path} {body}: {answer:?}");
        assert!(answer.body.contains(says), "{path} {body}: {}", answer.body);
    }
}

#[test]
fn a_bad_publish_is_refused_with_what_where_and_how_to_mend_it() {
    let large = format!("{{\"body\":\"{}\"}}", "x".repeat(300 << 10));
    check(&[
        ("q/messages", "", 400, "EOF"),
        ("q/messages", "7", 400, "an object"),
        ("q/messages", "[]", 400, "no message"),
        ("q/messages", "{}", 400, "missing field `body`"),
        (
            "q/messages",
            "{\"body\":1,\"x\":1}",
            400,
            "unknown field `x`",
        ),
        ("q/messages", "[{\"body\":1},7]", 400, "an object"),
        (
            "q/messages",
            "{\"body\":1,\"delay\":\"soon\"}",
            400,
            "span of time",
        ),
        (
            "q/messages",
            "{\"body\":1,\"at\":\"noon\"}",
            400,
            "is not a time",
        ),
        (
            "q/messages",
            "{\"body\":1,\"at\":0,\"delay\":1}",
            400,
            "Leave one out",
        ),
        (
            "q/messages",
            "{\"body\":1,\"at\":9223372036854775807}",
            422,
            "out of range",
        ),
        (
            "q/messages",
            "{\"body\":1,\"delay\":1e18}",
            422,
            "out of range",
        ),
        (
            "q/messages",
            "{\"body\":1,\"priority\":1}",
            422,
            "priority 1",
        ),
        ("q/messages", "{\"body\":1,\"priority\":256}", 400, "u8"),
        (
            "q/messages",
            "{\"body\":1,\"dedup_id\":\"\"}",
            400,
            "dedup_id is empty",
        ),
        (
            "q/messages",
            "{\"body\":1,\"ordering_key\":\"\"}",
            400,
            "an ordering_key",
        ),
        ("q/messages?priority=1", "{\"body\":1}", 400, "no parameter"),
        ("q/messages", &large, 413, "max_message"),
    ]);
}

#[test]
fn bad_leases_and_places_are_refused_with_what_where_and_how_to_mend_it() {
    let long = format!("{}/lease", "k".repeat(300));
    check(&[
        ("q/lease", "{\"max\":0}", 400, "from 1"),
        ("q/lease", "{\"wait\":\"61s\"}", 422, "60s at most"),
        ("q/lease", "{\"visibility\":0}", 422, "visibility"),
        ("q/lease", "{\"visibility\":\"13h\"}", 422, "visibility"),
        ("q/lease", "{\"group\":\"\"}", 400, "a group"),
        ("q/lease", "[1]", 400, "an object"),
        ("q/lease?max=1", "", 400, "no parameter"),
        ("q/ack", "{}", 400, "missing field `leases`"),
        ("q/ack", "{\"leases\":[]}", 400, "leases"),
        ("q/ack", "{\"leases\":[\"x\"]}", 400, "no lease"),
        (
            "q/ack",
            "{\"leases\":[\"x\"],\"delay\":1}",
            400,
            "delay does not go",
        ),
        (
            "q/nack",
            "{\"leases\":[\"x\"],\"visibility\":1}",
            400,
            "visibility does not",
        ),
        (
            "q/extend",
            "{\"leases\":[\"x\"],\"error\":\"\"}",
            400,
            "error does not",
        ),
        ("q/nowhere", "{}", 404, "Invalid path"),
        (&long, "{}", 400, "the name of a queue"),
        ("q%00/lease", "{}", 400, "U+0000"),
        ("q%FF/lease", "{}", 400, "UTF-8"),
    ]);
}

#[test]
fn other_forms_and_methods_are_refused_with_those_there_are() {
    let site = Site::start();
    for (path, headers, body, status, says) in [
        (
            "q/lease",
            "Content-Type: text/plain\r\n",
            "{}",
            415,
            "Send application/json",
        ),
        (
            "q/messages",
            "Content-Type: nothing\r\n",
            "x",
            400,
            "no media type",
        ),
        (
            "q/messages",
            "Content-Type: a/b+json\r\n",
            "x",
            400,
            "not JSON",
        ),
        (
            "q/messages?delay=x",
            "Content-Type: a/b\r\n",
            "x",
            400,
            "span of time",
        ),
        (
            "q/messages?what=x",
            "Content-Type: a/b\r\n",
            "x",
            400,
            "no parameter",
        ),
        ("q/messages", "ce-id: 1\r\n", "{}", 400, "source"),
        (
            "q/messages",
            "Content-Type: application/cloudevents-batch+json\r\n",
            "[]",
            415,
            "application/cloudevents+json",
        ),
    ] {
        let answer = site.post_with(path, headers, body);
        assert_eq!(answer.status, status, "{path} {headers}: {answer:?}");
        assert!(
            answer.body.contains(says),
            "{path} {headers}: {}",
            answer.body
        );
    }
    let mut connection = site.server.connect();
    let answer = connection.ask("PUT", "/queue/v1/q/lease", "", "{}");
    assert_eq!(answer.status, 405, "{answer:?}");
    assert!(answer.header("allow").is_some(), "{answer:?}");
    let answer = connection.ask("OPTIONS", "/queue/v1/q/lease", "", "");
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn a_publish_that_passes_max_depth_is_refused_for_now_or_for_ever() {
    let site = Site::of("[queues.small]\nmax_depth = 2\n");
    let three = json!([{ "body": 1 }, { "body": 2 }, { "body": 3 }]);
    let never = site.post("small/messages", &three);
    assert_eq!(never.status, 422, "{never:?}");
    assert!(never.body.contains("max_depth"), "{never:?}");
    site.publish("small", &json!([{ "body": 1 }, { "body": 2 }]));
    let full = site.post("small/messages", &json!({ "body": 3 }));
    assert_eq!(full.status, 429, "{full:?}");
    assert_eq!(full.json()["code"], "queue_full");
    assert!(full.header("retry-after").is_some(), "{full:?}");
    assert_eq!(site.lease("small", &json!({ "max": 9 })).len(), 2);
}

#[test]
fn a_producer_s_a_worker_s_and_an_onlooker_s_key_are_three() {
    let site = Site::of("[auth]\nrequired = true\n");
    let key = |scope: &str| {
        let made = crate::support::json(site.folder(), &["keys", "create", "--scope", scope]);
        let key = made["key"].as_str().expect("a key").to_owned();
        format!("Authorization: Bearer {key}\r\n")
    };
    let publish = json!({ "body": 1 }).to_string();
    let [producer, worker, onlooker] =
        ["queue:write:mail", "queue:lease:mail", "queue:read"].map(key);
    for (headers, path, body, status) in [
        (&producer, "mail/messages", &*publish, 201),
        (&producer, "post/messages", &publish, 403),
        (&producer, "mail/lease", "{}", 403),
        (&worker, "mail/messages", &publish, 403),
        (&worker, "mail/lease", "{}", 200),
        (&worker, "mail/ack", "{\"leases\":[\"x\"]}", 400),
        (&onlooker, "mail/messages", &publish, 403),
        (&onlooker, "mail/lease", "{}", 403),
        (&onlooker, "mail/purge", "{}", 403),
        (&String::new(), "mail/lease", "{}", 401),
    ] {
        let answer = site.post_with(path, headers, body);
        assert_eq!(answer.status, status, "{headers} {path}: {answer:?}");
    }
    let ops = json!({ "ops": [
        { "method": "POST", "path": "/queue/v1/mail/messages", "body": { "body": 1 } },
    ] });
    for (headers, status) in [(&producer, 200), (&worker, 403)] {
        let mut connection = site.server.connect();
        let answer = connection.ask("POST", "/tx/v1", headers, &ops.to_string());
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[test]
fn a_listeners_queue_is_not_open_to_who_may_use_all_others() {
    let site = Site::of("[auth]\nrequired = true\n");
    let key = |scope: &str| {
        let made = crate::support::json(site.folder(), &["keys", "create", "--scope", scope]);
        let key = made["key"].as_str().expect("a key").to_owned();
        format!("Authorization: Bearer {key}\r\n")
    };
    let plain = key("queue:*");
    let named = key("queue:*:listener.search");
    let admin = key("admin:*");
    for (method, path, body) in [
        ("GET", "", ""),
        ("GET", "/messages", ""),
        ("GET", "/dead", ""),
        ("POST", "/lease", "{}"),
        ("POST", "/purge", ""),
        ("POST", "/messages", "{\"body\":1}"),
    ] {
        let at = |queue: &str| format!("/queue/v1/{queue}{path}");
        let ask = |key: &str, path: &str| site.server.connect().ask(method, path, key, body);
        let refused = ask(&plain, &at("listener.search"));
        assert_eq!(refused.status, 403, "{method} {path}: {refused:?}");
        let refused = refused.json();
        let hint = refused["hint"].as_str().expect("a hint");
        assert!(hint.contains(":listener.search"), "{hint}");
        assert!(ask(&plain, &at("mail")).status < 300, "{method} {path}");
        // Nobody publishes there.
        let status = if path == "/messages" && method == "POST" {
            422
        } else {
            200
        };
        for key in [&named, &admin] {
            let answer = ask(key, &at("listener.search"));
            assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        }
    }
}
