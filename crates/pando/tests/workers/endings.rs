//! What becomes of messages when the process ends.

use crate::application::{Application, Got, Told};
use crate::site::{Site, bodies};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often each body was posted.
fn counted(got: &[Got]) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for got in got {
        *counted.entry(got.body.clone()).or_default() += 1;
    }
    counted
}

#[test]
fn a_graceful_stop_finishes_what_was_begun_and_loses_no_lease() {
    let application = Application::start(|_| Told::ok().after(Duration::from_millis(50)));
    let mut site = Site::of(&format!(
        "[workers.mail]\nurl = \"{}\"\nconcurrency = {{ min = 8, max = 8 }}\n",
        application.url("/hook")
    ));
    site.publish("mail", &bodies("m", 400), None);
    application.wait_for("/hook", 20);
    site.stop();
    let posted = application.got();
    assert!(counted(&posted).values().all(|times| *times == 1));
    let (depth, dead) = site.look("mail");
    assert_eq!((depth.in_flight, dead.len()), (0, 0));
    // What was leased as the signal came was given back, and waits for nothing.
    let left = depth.ready + depth.waiting;
    assert_eq!(
        left as usize + posted.len(),
        400,
        "each is posted or still there"
    );
    site.start_again();
    let got = application.wait_for("/hook", 400);
    assert!(counted(&got).values().all(|times| *times == 1));
}

#[test]
fn what_does_not_end_in_time_is_given_back_and_the_attempt_does_not_count() {
    let is_stuck = Arc::new(AtomicBool::new(true));
    let stuck = Arc::clone(&is_stuck);
    let application = Application::start(move |_| match stuck.load(Ordering::SeqCst) {
        true => Told::ok().after(Duration::from_secs(600)),
        false => Told::ok(),
    });
    let mut site = Site::of(&format!(
        "[limits]\ndrain_timeout = \"300ms\"\n\
         [workers.mail]\nurl = \"{}\"\nconcurrency = {{ min = 4, max = 4 }}\ntimeout = \"1h\"\n",
        application.url("/hook")
    ));
    site.publish("mail", &bodies("m", 6), None);
    application.wait_for("/hook", 4);
    site.stop();
    let (depth, _) = site.look("mail");
    assert_eq!((depth.in_flight, depth.ready, depth.waiting), (0, 2, 4));
    is_stuck.store(false, Ordering::SeqCst);
    site.start_again();
    let got = application.wait_for("/hook", 4 + 6);
    assert!(got.iter().all(|got| got.headers["pando-attempt"] == "1"));
}

#[test]
fn a_process_that_is_killed_loses_nothing_and_repeats_only_what_it_had() {
    let application = Application::start(|_| Told::ok().after(Duration::from_millis(20)));
    let mut site = Site::of(&format!(
        "[workers.mail]\nurl = \"{}\"\nvisibility = \"2s\"\n\
         concurrency = {{ min = 4, max = 4 }}\n",
        application.url("/hook")
    ));
    site.publish("mail", &bodies("m", 200), None);
    application.wait_for("/hook", 40);
    site.kill();
    let killed = std::time::Instant::now();
    site.start_again();
    application.wait(|got| counted(got).len() == 200);
    site.until_empty("mail");
    let got = application.got();
    let again: Vec<&Got> = got
        .iter()
        .filter(|got| got.headers["pando-attempt"] != "1")
        .collect();
    assert!(
        again
            .iter()
            .all(|got| got.at - killed > Duration::from_millis(1_000))
    );
    site.stop();
    // Those in hand, and those that had been done and not acknowledged yet: a few batches of four.
    let repeated = counted(&application.got());
    let repeated = repeated.values().filter(|times| **times > 1).count();
    assert!(repeated <= 16, "{repeated} repeated");
    let (depth, dead) = site.look("mail");
    assert_eq!((depth.depth(), dead.len()), (0, 0));
}
