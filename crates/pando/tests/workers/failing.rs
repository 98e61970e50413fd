//! What is logged of attempts that fail.

use crate::application::{Application, PATIENCE, Told};
use crate::site::{Site, bodies};
use serde_json::Value;
use std::time::{Duration, Instant};

/// In each body, and in what the application says.
const SECRET: &str = "hunter2";

/// What a worker's lines come to: how many there are, and of how many failures they tell.
fn complaints(log: &[Value], worker: &str) -> (u64, u64) {
    let own = log.iter().filter(|line| line["worker"] == worker);
    let told = own.filter(|line| line["kept_back"].is_u64());
    told.fold((0, 0), |(lines, failures), line| {
        let itself = u64::from(line["error"].is_string());
        (
            lines + 1,
            failures + itself + line["kept_back"].as_u64().unwrap(),
        )
    })
}

/// Waits until the lines of a worker tell of so many failures.
fn log_until(site: &Site, worker: &str, failures: u64) -> Vec<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let log = site.server().log();
        if complaints(&log, worker).1 >= failures {
            return log;
        }
        assert!(Instant::now() < until, "{log:?}");
        std::thread::yield_now();
    }
}

fn first<'a>(log: &'a [Value], worker: &str) -> &'a Value {
    let mut own = log.iter().filter(|line| line["worker"] == worker);
    own.find(|line| line["level"] == "WARN").unwrap()
}

#[test]
fn failures_are_logged_at_once_then_once_a_second_with_the_count_of_those_kept_back() {
    let application = Application::start(|got| {
        Told::status("500 Internal Server Error").saying(&format!("cannot do {}", got.body))
    });
    let begun = Instant::now();
    let site = Site::of(&format!(
        "[queues.mail]\nattempts = 1\n\
         [workers.mail]\nurl = \"{}\"\nconcurrency = {{ min = 8, max = 8 }}\n",
        application.url("/hook?token=hunter2")
    ));
    site.publish("mail", &bodies(SECRET, 300), None);
    site.until("mail", |worker| worker["failed"] == 300);
    let log = log_until(&site, "mail", 300);
    let (lines, failures) = complaints(&log, "mail");
    assert_eq!(failures, 300, "each is counted once");
    assert!(lines <= begun.elapsed().as_secs() + 2, "{lines} lines");
    let first = first(&log, "mail");
    assert_eq!(first["queue"], "mail", "{first}");
    assert_eq!(first["attempt"], 1, "{first}");
    assert_eq!(first["kept_back"], 0, "{first}");
    assert!(first["message_id"].is_i64(), "{first}");
    let url = application.url("/hook");
    assert_eq!(
        first["error"],
        format!("POST {url} answered 500 Internal Server Error"),
        "{first}"
    );
    let text = Value::from(log).to_string();
    assert!(!text.contains(SECRET), "{text}");
    // It is kept where it belongs.
    let last = &site.worker("mail")["last_error"];
    assert!(last.as_str().unwrap().contains(SECRET), "{last}");
}

#[test]
fn a_timeout_and_a_command_that_fails_are_logged_without_what_they_said() {
    let application = Application::start(|_| Told::ok().after(Duration::from_secs(20)));
    let site = Site::of(&format!(
        "[workers.slow]\nurl = \"{}\"\ntimeout = \"50ms\"\n\
         [workers.resize]\ncommand = [\"sh\", \"-c\", \"cat >&2; exit 65\"]\ndead_on = [65]\n",
        application.url("/hook")
    ));
    for (queue, error, what) in [
        (
            "slow",
            "it took longer than the worker's timeout, 50ms",
            "an attempt failed",
        ),
        ("resize", "`sh` ended with status 65", "dead letter"),
    ] {
        site.publish(queue, &bodies(SECRET, 1), None);
        let log = log_until(&site, queue, 1);
        let line = first(&log, queue);
        assert_eq!(line["error"], error, "{line}");
        assert!(line["message"].as_str().unwrap().contains(what), "{line}");
        let text = Value::from(log).to_string();
        assert!(!text.contains(SECRET), "{text}");
    }
}
