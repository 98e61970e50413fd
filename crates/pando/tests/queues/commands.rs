//! `pando queue`: the same beside a server and without one.

use crate::site::Site;
use crate::support::{json, pando, refused, run, text};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

/// Publishes, leases, gives back, acknowledges, looks and clears up, through whoever answers.
fn use_all(folder: &Path) {
    let ask = |args: &[&str]| json(folder, &[&["queue"], args].concat());
    let published = ask(&["publish", "mail", "{\"n\": 1.10}", "\"two\""]);
    assert_eq!(published["ids"].as_array().map(Vec::len), Some(2));
    ask(&["publish", "mail", "3", "--delay", "1h"]);
    let depth = ask(&["depth", "mail"]);
    assert_eq!(
        (&depth["ready"], &depth["scheduled"]),
        (&json!(2), &json!(1))
    );
    let peeked = ask(&["peek", "mail", "--limit", "1"]);
    assert_eq!(peeked["messages"][0]["body"], json!({ "n": 1.10 }));
    let leased = ask(&["lease", "mail", "--max", "9", "--wait", "1s"]);
    let of = |place: usize| {
        leased["messages"][place]["lease"]
            .as_str()
            .expect("a lease")
    };
    assert_eq!(leased["messages"][1]["body"], "two");
    let nacked = ask(&["nack", "mail", of(0), "--delay", "0s", "--error", "no"]);
    assert_eq!(nacked, json!({ "nacked": 1, "gone": 0 }));
    assert_eq!(ask(&["ack", "mail", of(1)])["acked"], 1);
    let error = refused(folder, &["queue", "ack", "mail", of(1)], 1);
    assert!(error.contains("settled before"), "{error}");
    // Nothing came in.
    let error = refused(folder, &["queue", "publish", "mail"], 2);
    assert!(error.contains("no message to publish"), "{error}");
    assert_eq!(ask(&["dead", "mail"])["messages"], json!([]));
    assert_eq!(ask(&["redrive", "mail"])["redriven"], 0);
    let error = refused(folder, &["queue", "purge", "mail"], 2);
    assert!(error.contains("--yes"), "{error}");
    assert_eq!(ask(&["purge", "mail", "--yes"]), json!({ "purged": 2 }));
    let error = refused(
        folder,
        &["queue", "replay", "mail", "--from", "2026-01-01T00:00:00Z"],
        1,
    );
    assert!(error.contains("retention"), "{error}");
}

#[test]
fn commands_work_on_a_queue_beside_a_server_and_without_one() {
    let site = Site::start();
    use_all(site.folder());
    let folder = site.stop();
    use_all(folder.path());
}

#[test]
fn dead_letters_are_shown_and_redriven_and_what_is_kept_is_replayed() {
    let site = Site::of("[queues.once]\nattempts = 1\nretention = \"1h\"\n");
    let ask = |args: &[&str]| json(site.folder(), &[&["queue"], args].concat());
    ask(&["publish", "once", "\"a\"", "\"b\""]);
    let leased = ask(&["lease", "once", "--max", "2"]);
    let of = |place: usize| leased["messages"][place]["lease"].as_str();
    let lease = of(0).expect("a lease");
    ask(&["nack", "once", lease, "--error", "550 no such user"]);
    ask(&["ack", "once", of(1).expect("a lease")]);
    let dead = ask(&["dead", "once"]);
    let (body, error) = (&dead["messages"][0]["body"], &dead["messages"][0]["error"]);
    assert_eq!((body, error), (&json!("a"), &json!("550 no such user")));
    let id = dead["messages"][0]["id"].as_str().expect("an id");
    let redriven = ask(&["redrive", "once", "--id", id]);
    assert_eq!(redriven, json!({ "redriven": 1, "more": false }));
    let again = ask(&["lease", "once"]);
    assert_eq!(again["messages"][0]["body"], "a");
    ask(&["replay", "once", "--from", "2026-01-01T00:00:00Z"]);
    let replayed = ask(&["lease", "once", "--max", "9"]);
    assert_eq!(bodies_of(&replayed), [json!("a"), json!("b")]);
    let listed = ask(&["list"]);
    assert_eq!(listed["queues"][0]["name"], "once");
    assert_eq!(listed["queues"][0]["groups"][0]["in_flight"], 2, "{listed}");
}

fn bodies_of(answer: &Value) -> Vec<Value> {
    let messages = answer["messages"].as_array().expect("messages");
    messages.iter().map(|one| one["body"].clone()).collect()
}

#[test]
fn lines_of_standard_input_are_published_in_their_order_and_none_if_one_is_no_json() {
    let site = Site::start();
    let publish = |lines: &str| {
        let mut command = pando(site.folder());
        command.args(["queue", "publish", "mail"]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = child.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(lines.as_bytes()).expect("it reads");
        drop(input);
        child.wait_with_output().expect("it ends")
    };
    let lines: String = (0..1_200).map(|n| format!("{n}\n")).collect();
    let published = publish(&lines);
    assert_eq!(
        text(&published.stdout).lines().count(),
        1_200,
        "{published:?}"
    );
    let mut bodies: Vec<Value> = Vec::new();
    loop {
        let leased = site.lease("mail", &json!({ "max": 1_000 }));
        if leased.is_empty() {
            break;
        }
        bodies.extend(leased.iter().map(|one| one["body"].clone()));
    }
    let expected: Vec<Value> = (0..1_200).map(|n| json!(n)).collect();
    assert_eq!(bodies, expected);
    let refused = publish("1\nhello\n");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(
        text(&refused.stderr).contains("double quotes"),
        "{refused:?}"
    );
    assert!(site.lease("mail", &json!({})).is_empty());
}

#[test]
fn people_are_told_in_a_table_and_wrong_usage_is_status_2() {
    let site = Site::start();
    let said = |args: &[&str]| text(&run(site.folder(), &[&["queue"], args].concat()).stdout);
    assert_eq!(said(&["lease", "mail"]), "there is no message\n");
    said(&["publish", "mail", "{\"to\":\"ada\"}"]);
    let peeked = said(&["peek", "mail"]);
    assert!(peeked.starts_with("id "), "{peeked}");
    assert!(peeked.contains("{\"to\":\"ada\"}"), "{peeked}");
    assert!(said(&["depth", "mail"]).contains("in flight"), "{peeked}");
    for args in [
        &["queue", "publish", "mail", "hello"][..],
        &["queue", "publish", "mail", "1", "2", "--dedup-id", "x"],
        &["queue", "ack", "mail"],
        &["queue", "lease", "mail", "--wait", "5"],
        &["queue", "replay", "mail"],
    ] {
        refused(site.folder(), args, 2);
    }
}

#[test]
fn bodies_are_shown_as_they_were_published_whatever_a_double_holds() {
    let site = Site::start();
    let body = "{\n \"n\": 1e400, \"exact\": 1.10}";
    let headers = "Content-Type: application/json\r\n";
    let published = site.post_with("mail/messages", headers, &format!("{{\"body\": {body}}}"));
    assert_eq!(published.status, 201, "{published:?}");
    let shown = "{  \"n\": 1e400, \"exact\": 1.10}";
    for command in [&["peek"][..], &["lease"]] {
        for json in [&[][..], &["--json"]] {
            if command == ["lease"] && json.is_empty() {
                continue;
            }
            let output = run(
                site.folder(),
                &[&["queue"], command, &["mail"], json].concat(),
            );
            let said = text(&output.stdout);
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert!(said.contains(shown), "{command:?} {json:?}: {said}");
        }
    }
}
