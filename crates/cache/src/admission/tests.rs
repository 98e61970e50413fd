//! Admission before a store that the test simulates: it serves so many at once, each in a time,
//! and lets the others wait.

use super::*;
use futures_util::FutureExt;
use pando_model::clock::ManualClock;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn admission(config: AdmissionConfig) -> (Arc<Admission>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let admission = Admission::new(config, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    (admission, clock)
}

fn admitted(admission: &Arc<Admission>) -> Permit {
    match admission.ask(Duration::from_secs(1)).unwrap() {
        Asked::Admitted(permit) => permit,
        Asked::InLine(_) => panic!("there is room"),
    }
}

fn in_line(admission: &Arc<Admission>, patience: Duration) -> Place {
    match admission.ask(patience).unwrap() {
        Asked::InLine(place) => place,
        Asked::Admitted(_) => panic!("there is no room"),
    }
}

/// What a place was told so far.
fn told(place: &mut Place) -> Option<Result<Permit, NotAdmitted>> {
    let told = (&mut place.told).now_or_never()?;
    Some(told.map_err(|_| NotAdmitted::TooLate))
}

fn four() -> AdmissionConfig {
    AdmissionConfig {
        limit_start: 4,
        waiting_max: 3,
        ..AdmissionConfig::default()
    }
}

#[test]
fn who_finds_no_room_is_served_in_the_order_of_coming() {
    let (admission, _) = admission(four());
    let mut permits: Vec<Permit> = (0..4).map(|_| admitted(&admission)).collect();
    let mut places: Vec<Place> = (0..3)
        .map(|_| in_line(&admission, Duration::from_secs(1)))
        .collect();
    assert!(places.iter_mut().all(|place| told(place).is_none()));
    drop(permits.pop());
    let first = told(&mut places[0]).unwrap().unwrap();
    assert!(told(&mut places[1]).is_none());
    first.succeeded();
    assert!(told(&mut places[1]).unwrap().is_ok());
    assert!(told(&mut places[2]).unwrap().is_ok(), "dropped above");
    drop(permits);
    let headroom = admission.headroom();
    assert_eq!((headroom.under_way, headroom.waiting), (0, 0));
}

#[test]
fn a_full_line_is_refused_with_what_is_there_and_who_left_it_makes_room() {
    let (admission, _) = admission(four());
    let _permits: Vec<Permit> = (0..4).map(|_| admitted(&admission)).collect();
    let mut places: Vec<Place> = (0..3)
        .map(|_| in_line(&admission, Duration::from_secs(1)))
        .collect();
    let refused = admission.ask(Duration::from_secs(1)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the store has no headroom: 3 loads wait for 4 places"
    );
    drop(places.remove(1));
    places.push(in_line(&admission, Duration::from_secs(1)));
    assert!(admission.ask(Duration::from_secs(1)).is_err());
}

#[test]
fn whose_patience_is_over_is_passed_by_and_told_so() {
    let (admission, clock) = admission(four());
    let mut permits: Vec<Permit> = (0..4).map(|_| admitted(&admission)).collect();
    let mut hasty = in_line(&admission, Duration::from_millis(10));
    assert_eq!(hasty.deadline_us(), 1_010_000);
    let mut patient = in_line(&admission, Duration::from_secs(10));
    clock.advance_us(10_000);
    drop(permits.pop());
    assert_eq!(told(&mut hasty).unwrap().unwrap_err(), NotAdmitted::TooLate);
    assert!(told(&mut patient).unwrap().is_ok());
}

#[test]
fn a_place_that_is_given_up_after_it_was_told_goes_to_the_next_one() {
    let (admission, _) = admission(four());
    let mut permits: Vec<Permit> = (0..4).map(|_| admitted(&admission)).collect();
    let first = in_line(&admission, Duration::from_secs(1));
    let mut second = in_line(&admission, Duration::from_secs(1));
    drop(permits.pop());
    assert!(told(&mut second).is_none());
    drop(first);
    let permit = told(&mut second).unwrap().unwrap();
    assert_eq!(admission.headroom().under_way, 4);
    drop((permit, permits));
    assert_eq!(admission.headroom().under_way, 0);
}

/// Measures the base every five seconds, so that not much time need be simulated.
fn often() -> AdmissionConfig {
    AdmissionConfig {
        base_for: Duration::from_secs(5),
        ..AdmissionConfig::default()
    }
}

/// A store that serves `capacity` at once, each in `service_us`, and lets the others wait.
struct Store {
    capacity: usize,
    service_us: i64,
    /// Until when each of its places is taken.
    busy_until_us: Vec<i64>,
    fails: bool,
}

impl Store {
    fn new(capacity: usize, service_us: i64) -> Store {
        Store {
            capacity,
            service_us,
            busy_until_us: vec![0; capacity],
            fails: false,
        }
    }

    /// When a load that comes now is answered; the times vary by a half, as those of loads do.
    fn ends_us(&mut self, now_us: i64, random: &mut StdRng) -> i64 {
        self.busy_until_us.resize(self.capacity, now_us);
        let place = self.busy_until_us.iter_mut().min().unwrap();
        let service = self.service_us as f64 * random.random_range(0.5..1.5);
        *place = now_us.max(*place) + service as i64;
        *place
    }
}

/// Runs a closed crowd for so long, and gives the most that were on the store in its second half
/// (but while it is measured), the mean limit then, and how many loads were done in all.
fn run(
    admission: &Arc<Admission>,
    clock: &ManualClock,
    store: &mut Store,
    crowd: usize,
    for_us: i64,
) -> (usize, f64, usize) {
    let mut random = StdRng::seed_from_u64(3);
    let (began_us, mut done) = (clock.now_us(), 0);
    let mut line: VecDeque<Place> = VecDeque::new();
    let mut aloft: Vec<(i64, Permit)> = Vec::new();
    let (mut most, mut limits, mut samples) = (0, 0, 0);
    while clock.now_us() - began_us < for_us {
        let now_us = clock.now_us();
        while line.len() + aloft.len() < crowd {
            match admission.ask(Duration::from_secs(3_600)).unwrap() {
                Asked::Admitted(permit) => {
                    aloft.push((store.ends_us(now_us, &mut random), permit));
                }
                Asked::InLine(place) => line.push_back(place),
            }
        }
        let next_us = aloft.iter().map(|(ends_us, _)| *ends_us).min().unwrap();
        clock.advance_us(next_us - now_us);
        let (ended, rest): (Vec<_>, Vec<_>) = aloft
            .drain(..)
            .partition(|(ends_us, _)| *ends_us <= next_us);
        aloft = rest;
        for (_, permit) in ended {
            done += 1;
            match store.fails {
                true => permit.failed(),
                false => permit.succeeded(),
            }
        }
        while let Some(permit) = line.front_mut().and_then(told) {
            line.pop_front();
            let ends_us = store.ends_us(next_us, &mut random);
            aloft.push((ends_us, permit.unwrap()));
        }
        if clock.now_us() - began_us > for_us / 2 {
            most = most.max(aloft.len());
            limits += admission.headroom().limit;
            samples += 1;
        }
    }
    (most, limits as f64 / f64::from(samples), done)
}

/// A crowd of 300 before stores of several sizes: no store is left idle for more than a tenth,
/// and none has more than three times of what it serves at once.
#[test]
fn the_limit_comes_to_rest_by_what_the_store_serves_at_once_whatever_that_is() {
    for (capacity, service_us) in [(8, 10_000), (32, 20_000), (100, 50_000)] {
        let (admission, clock) = admission(AdmissionConfig::default());
        let mut store = Store::new(capacity, service_us);
        let for_us = 40_000_000;
        let (most, mean, done) = run(&admission, &clock, &mut store, 300, for_us);
        let could = capacity as f64 * for_us as f64 / service_us as f64;
        let shown = format!("{capacity} at once: most {most}, mean {mean}, done {done} of {could}");
        assert!(most <= capacity * 3, "{shown}");
        assert!(mean >= capacity as f64, "{shown}");
        assert!(done as f64 >= could * 0.9, "{shown}");
    }
}

#[test]
fn it_goes_down_with_a_store_that_grows_slower_and_up_again_with_one_that_recovers() {
    let (admission, clock) = admission(often());
    let mut store = Store::new(100, 20_000);
    let (_, before, _) = run(&admission, &clock, &mut store, 300, 16_000_000);
    store.capacity = 10;
    store.busy_until_us.truncate(10);
    let (_, less, _) = run(&admission, &clock, &mut store, 300, 16_000_000);
    store.capacity = 100;
    let (_, after, _) = run(&admission, &clock, &mut store, 300, 16_000_000);
    assert!(
        before > 100.0 && less < 30.0 && after > 100.0,
        "{before} {less} {after}"
    );
}

/// The test of measuring anew: an overload that lasts for twelve times as long as the base is believed does not become the rule.
#[test]
fn an_overload_that_lasts_is_not_taken_for_the_base() {
    let (admission, clock) = admission(often());
    let mut store = Store::new(16, 20_000);
    let (most, ..) = run(&admission, &clock, &mut store, 300, 60_000_000);
    let base = admission.headroom().base.unwrap();
    assert!(base < Duration::from_millis(24), "{base:?}");
    assert!(most <= 48, "{most}");
}

#[test]
fn a_store_that_fails_is_asked_by_as_few_as_always_may_ask() {
    let (admission, clock) = admission(often());
    let mut store = Store::new(100, 20_000);
    run(&admission, &clock, &mut store, 300, 10_000_000);
    store.fails = true;
    run(&admission, &clock, &mut store, 300, 20_000_000);
    assert_eq!(admission.headroom().limit, 4);
}

#[test]
fn what_is_not_used_does_not_raise_the_limit() {
    let (admission, clock) = admission(often());
    let mut store = Store::new(1_000, 20_000);
    run(&admission, &clock, &mut store, 3, 60_000_000);
    assert_eq!(admission.headroom().limit, 20);
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let (admission, clock) = admission(often());
    let mut store = Store::new(32, 20_000);
    run(&admission, &clock, &mut store, 200, 10_000_000);
    clock.advance_us(-3_600_000_000);
    store.busy_until_us.fill(0);
    let (_, mean, _) = run(&admission, &clock, &mut store, 200, 16_000_000);
    assert!((32.0..96.0).contains(&mean), "{mean}");
}

#[test]
fn what_cannot_be_is_refused_with_the_setting() {
    assert_eq!(AdmissionConfig::default().validate(), Ok(()));
    let with = |change: fn(&mut AdmissionConfig)| {
        let mut config = AdmissionConfig::default();
        change(&mut config);
        config.validate().unwrap_err().setting
    };
    assert_eq!(with(|c| c.limit_min = 0), "limit_min");
    assert_eq!(with(|c| c.limit_min = 2_000), "limit_min");
    assert_eq!(with(|c| c.limit_start = 1), "limit_start");
    assert_eq!(with(|c| c.tolerance = f64::NAN), "tolerance");
    assert_eq!(with(|c| c.window_answers_min = 0), "window_answers_min");
    assert_eq!(with(|c| c.base_for = Duration::ZERO), "base_for");
}
