//! How the number of places follows a recorded load. `PANDO_WORKERS_LOAD=full` plays it at its own
//! length; by default it is cut short.

use crate::application::{Application, Told};
use crate::site::{Site, bodies};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::{Duration, Instant};

/// How long a message takes.
const SERVICE: Duration = Duration::from_millis(200);

/// A part of the load: seconds, and messages a second.
const STEPS: [(u64, u64); 3] = [(3, 4), (8, 40), (4, 2)];
const FULL: [(u64, u64); 8] = [
    (30, 4),
    (60, 40),
    (30, 10),
    (10, 120),
    (60, 20),
    (30, 8),
    (30, 4),
    (90, 1),
];

#[test]
fn places_follow_a_load_within_ten_seconds_up_and_no_lease_is_lost_down() {
    let seed = std::env::var("PANDO_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or(1);
    println!("PANDO_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let is_full = std::env::var("PANDO_WORKERS_LOAD").is_ok_and(|load| load == "full");
    let load: &[(u64, u64)] = if is_full { &FULL } else { &STEPS };
    let application = Application::start(|_| Told::ok().after(SERVICE));
    let mut site = Site::of(&format!(
        "[workers.mail]\nurl = \"{}\"\nconcurrency = {{ min = 1, max = 40 }}\n\
         [workers.mail.scaling]\ndown_after = \"2s\"\ndown_every = \"1s\"\n\
         drain_target = \"10s\"\n",
        application.url("/hook")
    ));
    let (mut published, mut highest) = (0, 0);
    for (seconds, per_second) in load {
        let began = Instant::now();
        // So many are busy by Little's law.
        let needed = (*per_second as f64 * SERVICE.as_secs_f64()).ceil() as u64;
        let mut reached = None;
        while began.elapsed() < Duration::from_secs(*seconds) {
            // Ten lots a second, each of a size by chance around the rate.
            let lot = random.random_range(0..=per_second / 5).max(1) as usize;
            site.publish("mail", &bodies(&format!("{published}."), lot), None);
            published += lot;
            let wanted = site.worker("mail")["wanted"].as_u64().unwrap();
            highest = highest.max(wanted);
            if wanted >= needed && reached.is_none() {
                reached = Some(began.elapsed());
            }
            // The pace of the load is what is played here.
            std::thread::sleep(Duration::from_millis(100));
        }
        if *seconds >= 8 && needed > 1 {
            let reached = reached.expect("as many places as are needed");
            println!("{per_second}/s: {needed} places after {reached:?}");
            assert!(reached < Duration::from_secs(10), "{reached:?}");
        }
    }
    application.wait_for("/hook", published);
    assert!(highest >= 8, "{highest}");
    let lower = site.until("mail", |worker| {
        worker["wanted"].as_u64() < Some(highest / 2)
    });
    let changes = lower["changes"].as_array().unwrap();
    let told = |change: &serde_json::Value| !change["reason"].as_str().unwrap().is_empty();
    assert!(
        changes.len() >= 2 && changes.iter().all(told),
        "{changes:?}"
    );
    site.until("mail", |worker| {
        worker["handled"].as_u64() == Some(published as u64)
    });
    assert_eq!(application.got().len(), published, "each was posted once");
    site.stop();
    let (depth, dead) = site.look("mail");
    assert_eq!((depth.depth(), dead.len()), (0, 0));
}
