//! Exchanges: one publish to each queue that a binding says, by request.

use crate::site::{Site, bodies};
use crate::support::{Answer, json, refused, run, text};
use serde_json::{Value, json};

/// Three exchanges over three queues.
pub const CONFIG: &str = r##"
[queues.mail]
[queues.stock]
[queues.audit]
[exchanges.orders]
kind = "topic"
bindings = [
    { queue = "mail", key = "order.*" },
    { queue = "mail", key = "order.paid" },
    { queue = "stock", key = "order.paid" },
    { queue = "audit", key = "#" },
]
[exchanges.exact]
kind = "direct"
bindings = [{ queue = "mail", key = "m" }, { queue = "stock", key = "s" }]
[exchanges.all]
kind = "fanout"
bindings = [{ queue = "mail" }, { queue = "stock" }]
"##;

pub fn post(site: &Site, exchange: &str, headers: &str, body: &Value) -> Answer {
    let path = format!("/exchanges/v1/{exchange}/messages");
    site.server
        .connect()
        .ask("POST", &path, headers, &body.to_string())
}

/// Publishes what must be taken; what is told of each message.
pub fn published(site: &Site, exchange: &str, body: &Value) -> Value {
    let answer = post(site, exchange, "", body);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["messages"].clone()
}

/// What is in a queue, by id.
fn found(site: &Site, queue: &str) -> Vec<(Value, Value)> {
    let path = format!("/queue/v1/{queue}/messages");
    let answer = site.server.connect().ask("GET", &path, "", "");
    let body = answer.json();
    let messages = body["messages"].as_array().expect("messages").iter();
    messages
        .map(|one| (one["id"].clone(), one["body"].clone()))
        .collect()
}

fn depth(site: &Site, queue: &str) -> usize {
    found(site, queue).len()
}

#[test]
fn a_message_goes_once_to_each_queue_that_a_binding_says_and_its_id_in_each_is_told() {
    let site = Site::of(CONFIG);
    let told = published(
        &site,
        "orders",
        &json!([
            { "body": 1, "routing_key": "order.paid" },
            { "body": 2, "routing_key": "order.sent" },
            { "body": 3, "routing_key": "" },
        ]),
    );
    let expected = [
        ("mail", vec![1, 2]),
        ("stock", vec![1]),
        ("audit", vec![1, 2, 3]),
    ];
    for (queue, of_queue) in expected {
        let found = found(&site, queue);
        let bodies: Vec<_> = found.iter().map(|(_, body)| body.clone()).collect();
        assert_eq!(
            bodies,
            of_queue.iter().map(|n| json!(n)).collect::<Vec<_>>(),
            "{queue}"
        );
        for (id, body) in found {
            let place = body.as_u64().expect("a number") - 1;
            let told = &told[usize::try_from(place).expect("small")];
            assert_eq!(told["ids"][queue], id, "{told}");
        }
    }
    let routed: Vec<_> = told
        .as_array()
        .expect("all")
        .iter()
        .map(|one| &one["routed"])
        .collect();
    assert_eq!(routed, [3, 2, 1]);
    for (exchange, key, queues) in [
        ("exact", "m", &["mail"][..]),
        ("exact", "s", &["stock"]),
        ("exact", "M", &[]),
        ("all", "whatever", &["mail", "stock"]),
    ] {
        let told = published(&site, exchange, &json!({ "body": 0, "routing_key": key }));
        let ids = told[0]["ids"].as_object().expect("ids");
        let own: Vec<_> = ids.keys().map(String::as_str).collect();
        assert_eq!(own, queues, "{exchange} {key}");
        assert_eq!(told[0]["routed"], queues.len(), "{exchange} {key}");
    }
    assert_eq!(
        published(&site, "all", &json!({ "body": 0 }))[0]["routed"],
        2
    );
    assert_eq!(site.metric("published", "mail"), 5);
}

#[test]
fn what_matches_no_binding_is_told_and_what_is_mandatory_takes_all_back() {
    let site = Site::of(CONFIG);
    let (there, nowhere) = (
        json!({ "body": 1, "routing_key": "m" }),
        json!({ "body": 2, "routing_key": "x" }),
    );
    let answer = post(&site, "exact", "", &nowhere);
    assert_eq!(answer.status, 201, "{answer:?}");
    let nothing = json!({ "messages": [{ "routed": 0, "ids": {} }], "durability": null });
    assert_eq!(answer.json(), nothing);
    let key = "Idempotency-Key: nothing\r\n";
    for replayed in [None, Some("true")] {
        let answer = post(&site, "exact", key, &nowhere);
        assert_eq!(answer.json(), nothing, "{answer:?}");
        assert_eq!(answer.header("idempotency-replayed"), replayed);
    }
    let mut must = nowhere;
    must["mandatory"] = json!(true);
    let answer = post(&site, "exact", "", &json!([there, must]));
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (422, &json!("unroutable")),
        "{answer:?}"
    );
    assert_eq!(answer.json()["details"], "message 1");
    assert_eq!(depth(&site, "mail"), 0);
}

#[test]
fn a_publish_to_an_exchange_is_one_transaction_with_data_and_is_done_once_under_a_key() {
    let site = Site::of(CONFIG);
    let publish = json!({
        "method": "POST", "path": "/exchanges/v1/orders/messages",
        "body": { "body": "a", "routing_key": "order.paid" },
    });
    let put = |key: &str, headers: &Value| json!({ "method": "PUT", "path": format!("/kv/v1/s/{key}"), "headers": headers, "body": 1 });
    let tx = |ops: &Value| {
        let body = json!({ "ops": ops }).to_string();
        site.server.connect().ask("POST", "/tx/v1", "", &body)
    };
    let done = tx(&json!([put("a", &json!({})), publish]));
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(done.json()[1]["status"], 201);
    assert_eq!(done.json()[1]["body"]["messages"][0]["routed"], 3);
    let back = tx(&json!([
        publish,
        put("a", &json!({ "If-None-Match": "*" }))
    ]));
    assert_eq!(back.status, 412, "{back:?}");
    for queue in ["mail", "stock", "audit"] {
        assert_eq!(depth(&site, queue), 1, "{queue}");
    }
    let body = json!({ "body": "b", "routing_key": "order.paid" });
    let key = "Idempotency-Key: k\r\n";
    let first = post(&site, "orders", key, &body);
    let again = post(&site, "orders", key, &body);
    assert_eq!((first.status, &first.body), (201, &again.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert!(first.header("pando-stamp").is_some(), "{first:?}");
    let other = post(
        &site,
        "orders",
        key,
        &json!({ "body": "c", "routing_key": "order.paid" }),
    );
    assert_eq!(other.status, 422, "{other:?}");
    assert_eq!(depth(&site, "stock"), 2);
}

#[test]
fn one_queue_that_takes_no_more_refuses_the_whole_publish() {
    let config = CONFIG.replace("[queues.stock]", "[queues.stock]\nmax_message = \"1KiB\"");
    let site = Site::of(&config);
    let large = json!({ "body": "x".repeat(2_000) });
    let answer = post(&site, "all", "", &json!([{ "body": 1 }, large]));
    assert_eq!(answer.status, 413, "{answer:?}");
    assert_eq!(answer.json()["details"], "message 1, for the queue stock");
    assert_eq!(depth(&site, "mail"), 0);
    // The same id is one message in each queue.
    let once = json!({ "body": 1, "dedup_id": "x" });
    let (first, again) = (
        published(&site, "all", &once),
        published(&site, "all", &once),
    );
    assert_eq!(first, again);
    assert_eq!((depth(&site, "mail"), depth(&site, "stock")), (1, 1));
    let later = json!({ "body": 2, "delay": "1h" });
    published(&site, "all", &later);
    assert_eq!(depth(&site, "mail"), 1);
}

#[test]
fn a_bad_publish_to_an_exchange_is_refused_with_what_where_and_how_to_mend_it() {
    let site = Site::of(CONFIG);
    let message = |more: &Value| {
        let mut message = json!({ "body": 1 });
        for (name, value) in more.as_object().expect("an object") {
            message[name] = value.clone();
        }
        message
    };
    for (exchange, body, status, says) in [
        ("none", message(&json!({})), 404, "[exchanges.none]"),
        ("orders", json!([]), 400, "no message"),
        ("orders", message(&json!({})), 400, "routing_key is missing"),
        (
            "orders",
            message(&json!({ "routing_key": 7 })),
            400,
            "routing_key",
        ),
        (
            "orders",
            message(&json!({ "routing_key": "x".repeat(256) })),
            400,
            "255",
        ),
        (
            "all",
            message(&json!({ "priority": 9 })),
            422,
            "priorities of [queues.mail]",
        ),
    ] {
        let answer = post(&site, exchange, "", &body);
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(answer.body.contains(says), "{body}: {}", answer.body);
    }
    let to_queue = site.post("mail/messages", &message(&json!({ "routing_key": "x" })));
    assert_eq!(to_queue.status, 400, "{to_queue:?}");
    assert!(
        to_queue.body.contains("/exchanges/v1/{exchange}/messages"),
        "{to_queue:?}"
    );
    for (method, path, status) in [
        ("GET", "/exchanges/v1/orders/messages", 405),
        ("POST", "/exchanges/v1/orders", 405),
        ("POST", "/exchanges/v1/orders/lease", 404),
        ("GET", "/exchanges/v1/none", 404),
    ] {
        let answer = site.server.connect().ask(method, path, "", "");
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    }
    let told = site
        .server
        .connect()
        .ask("GET", "/exchanges/v1/exact", "", "");
    let bindings = json!([{ "queue": "mail", "key": "m" }, { "queue": "stock", "key": "s" }]);
    assert_eq!(
        told.json(),
        json!({ "name": "exact", "kind": "direct", "bindings": bindings })
    );
}

#[test]
fn the_scope_of_the_exchange_is_enough_and_that_of_the_queues_is_not() {
    let site = Site::of(CONFIG);
    let key = |scope: &str| {
        let made = json(site.folder(), &["keys", "create", "--scope", scope]);
        format!(
            "Authorization: Bearer {}\r\n",
            made["key"].as_str().expect("a key")
        )
    };
    let body = json!({ "body": 1 });
    for (scope, status) in [
        ("exchanges:write:all", 201),
        ("exchanges:*", 201),
        ("exchanges:write:exact", 403),
        ("exchanges:read", 403),
        ("queue:write", 403),
    ] {
        let answer = post(&site, "all", &key(scope), &body);
        assert_eq!(answer.status, status, "{scope}: {answer:?}");
        let ops = json!({ "ops": [{
            "method": "POST", "path": "/exchanges/v1/all/messages", "body": body,
        }] });
        let answer = site
            .server
            .connect()
            .ask("POST", "/tx/v1", &key(scope), &ops.to_string());
        let expected = if status == 201 { 200 } else { status };
        assert_eq!(
            answer.status, expected,
            "{scope} in a transaction: {answer:?}"
        );
    }
}

#[test]
fn pando_queue_publish_reaches_exchanges_too() {
    let site = Site::of(CONFIG);
    let publish = ["queue", "publish", "--exchange", "orders"];
    let told = json(
        site.folder(),
        &[&publish[..], &["1", "2", "--routing-key", "order.sent"]].concat(),
    );
    assert_eq!(told["messages"][1]["routed"], 2, "{told}");
    let said = |args: &[&str]| text(&run(site.folder(), &[&publish[..], args].concat()).stdout);
    let line = said(&["3", "--routing-key", "order.paid"]);
    assert!(
        line.starts_with("audit ") && line.contains(", mail ") && line.contains(", stock "),
        "{line}"
    );
    let exact = [
        "queue",
        "publish",
        "exact",
        "--exchange",
        "4",
        "--routing-key",
        "x",
    ];
    let line = text(&run(site.folder(), &exact).stdout);
    assert!(line.starts_with("to no queue"), "{line}");
    let error = refused(site.folder(), &[&exact[..], &["--mandatory"]].concat(), 1);
    assert!(
        error.contains("unroutable") && error.contains("Bind a queue"),
        "{error}"
    );
    refused(
        site.folder(),
        &["queue", "publish", "mail", "1", "--routing-key", "x"],
        2,
    );
    let leased = site.lease("mail", &json!({ "max": 9 }));
    assert_eq!(bodies(&leased), [json!(1), json!(2), json!(3)]);
}
