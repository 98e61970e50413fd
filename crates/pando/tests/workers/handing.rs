//! How messages are handed over, and what becomes of them.

use crate::application::{Application, Got, Told};
use crate::site::{Site, bodies};
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn a_message_is_posted_with_what_it_is_signed_and_acknowledged() {
    let application = Application::start(|_| Told::ok());
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let mut site = Site::of(&format!(
        "[workers.mail]\nurl = \"{}\"\nsecret_file = {secret:?}\n",
        application.url("/hook?token=1")
    ));
    site.publish("mail", &bodies("m", 1), None);
    let got = application.wait_for("/hook?token=1", 1).remove(0);
    assert_eq!(got.body, "\"m0\"");
    let header = |name: &str| got.headers.get(name).map_or("", String::as_str);
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("pando-attempt"), "1");
    assert_eq!(header("pando-queue"), "mail");
    assert_eq!(header("ce-specversion"), "1.0");
    assert_eq!(header("ce-id"), header("webhook-id"));
    assert!(header("webhook-signature").starts_with("v1,"));
    let worker = site.until("mail", |worker| worker["handled"] == 1);
    assert!(
        !worker["handler"].as_str().unwrap().contains("token"),
        "{worker}"
    );
    let metrics = site.metrics();
    for line in [
        "pando_worker_handled_total{worker=\"mail\"} 1",
        "pando_worker_attempt_seconds_count{worker=\"mail\"} 1",
        "pando_worker_wanted{worker=\"mail\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert_eq!(site.status()["workers"][0]["handled"], 1);
    site.stop();
    let (depth, dead) = site.look("mail");
    assert_eq!((depth.depth(), dead.len()), (0, 0));
}

#[test]
fn a_poison_message_stops_nobody_else_and_ends_dead_with_its_error() {
    let application = Application::start(|got| match got.body.as_str() {
        "\"poison\"" => Told::status("429 Slow Down\r\nRetry-After: 0").saying("not this one"),
        "\"never\"" => Told::status("410 Gone").saying("unsubscribed"),
        _ => Told::ok(),
    });
    let mut site = Site::of(&format!(
        "[workers.mail]\nurl = \"{}\"\nconcurrency = {{ min = 1, max = 1 }}\n",
        application.url("/hook")
    ));
    site.publish("mail", &["poison".to_owned(), "never".to_owned()], None);
    site.publish("mail", &bodies("m", 50), None);
    // Sixteen attempts are the default; then it is dead.
    let is = |body: &'static str| move |got: &&Got| got.body == body;
    let got = application.wait(|got| {
        let poisoned = got.iter().filter(is("\"poison\"")).count();
        poisoned == 16 && got.len() == 16 + 1 + 50
    });
    assert_eq!(
        got.iter().filter(is("\"never\"")).count(),
        1,
        "dead at once"
    );
    site.until("mail", |worker| worker["handled"] == 50);
    site.stop();
    let (depth, dead) = site.look("mail");
    assert_eq!(depth.depth(), 0);
    let errors: Vec<(u32, &str)> = dead
        .iter()
        .map(|one| (one.attempts, one.error.as_str()))
        .collect();
    let url = application.url("/hook");
    assert_eq!(
        errors,
        [
            (
                16,
                &*format!("POST {url} answered 429 Too Many Requests: not this one")
            ),
            (1, &*format!("POST {url} answered 410 Gone: unsubscribed")),
        ]
    );
}

#[test]
fn a_slow_endpoint_does_not_starve_other_queues() {
    let application = Application::start(|got| match got.path.as_str() {
        "/slow" => Told::ok().after(Duration::from_secs(20)),
        _ => Told::ok(),
    });
    let site = Site::of(&format!(
        "[workers.slow]\nurl = \"{}\"\nconcurrency = {{ min = 8, max = 8 }}\ntimeout = \"200ms\"\n\
         [workers.quick]\nurl = \"{}\"\nconcurrency = {{ min = 2, max = 2 }}\n",
        application.url("/slow"),
        application.url("/quick"),
    ));
    site.publish("slow", &bodies("s", 500), None);
    application.wait_for("/slow", 8);
    for round in 0..20 {
        site.publish("quick", &bodies(&format!("q{round}."), 10), None);
        application.wait_for("/quick", 10 * (round + 1));
    }
    let slow = site.until("slow", |worker| worker["failed"].as_u64() >= Some(8));
    let error = slow["last_error"].as_str().unwrap();
    assert!(error.contains("timeout, 200ms"), "{error}");
    assert!(application.at_once_max("/quick") <= 2);
}

#[test]
fn messages_of_a_key_come_in_order_whatever_fails() {
    let application = Application::start(|got| {
        let first = got.headers["pando-attempt"] == "1";
        match first && got.body.ends_with("3\"") {
            true => Told::status("503 Busy\r\nRetry-After: 0"),
            false => Told::ok(),
        }
    });
    let site = Site::of(&format!(
        "[workers.mail]\nurl = \"{}\"\nconcurrency = {{ min = 8, max = 8 }}\n",
        application.url("/hook")
    ));
    for key in ["a", "b", "c"] {
        site.publish("mail", &bodies(key, 20), Some(key));
    }
    // Two of each key end in 3, and are posted twice.
    let got = application.wait(|got| got.len() == 3 * 22);
    for key in ["a", "b", "c"] {
        let of_key = got
            .iter()
            .filter(|got| got.body.starts_with(&format!("\"{key}")));
        let mut bodies: Vec<&str> = of_key.map(|got| got.body.trim_matches('"')).collect();
        bodies.dedup();
        assert_eq!(bodies, self::bodies(key, 20), "{key}");
    }
}

#[test]
fn no_more_are_begun_than_the_rate() {
    let application = Application::start(|_| Told::ok());
    let site = Site::of(&format!(
        "[workers.mail]\nurl = \"{}\"\nconcurrency = {{ min = 32, max = 32 }}\nrate = \"20/s\"\n",
        application.url("/hook")
    ));
    site.publish("mail", &bodies("m", 60), None);
    let got = application.wait_for("/hook", 60);
    // Twenty at once, then one each 50 ms.
    let took = got.last().unwrap().at - got[0].at;
    assert!(took >= Duration::from_millis(1_900), "{took:?}");
    drop(site);
}

#[test]
fn a_command_has_each_message_on_its_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let done = folder.path().join("done");
    std::fs::create_dir(&done).unwrap();
    let script = format!(
        "body=$(cat); [ \"$body\" = '\"bad\"' ] && {{ echo no such user >&2; exit 65; }}; \
         echo \"$PANDO_QUEUE $PANDO_ATTEMPT $body\" > {}/$PANDO_MESSAGE_ID",
        done.display()
    );
    let mut site = Site::of(&format!(
        "[workers.resize]\ncommand = [\"sh\", \"-c\", {script:?}]\ndead_on = [65]\n\
         concurrency = {{ min = 2, max = 2 }}\n"
    ));
    let mut sent = bodies("m", 5);
    sent.push("bad".to_owned());
    site.publish("resize", &sent, None);
    site.until("resize", |worker| {
        worker["handled"] == 5 && worker["dead"] == 1
    });
    let files = std::fs::read_dir(&done).unwrap();
    let written = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let written: BTreeSet<String> = written.map(|text| text.trim().to_owned()).collect();
    let expected = (0..5).map(|n| format!("resize 1 \"m{n}\""));
    assert_eq!(written, expected.collect());
    site.stop();
    let (_, dead) = site.look("resize");
    assert_eq!(dead[0].error, "`sh` ended with status 65: no such user");
}
