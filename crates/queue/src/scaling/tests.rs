//! What is decided for what is seen.

mod simulated;

use super::*;
use pando_model::clock::ManualClock;
use proptest::prelude::*;

fn scaler(config: ScalingConfig) -> (Scaler, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let scaler = Scaler::new(config, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    (scaler, clock)
}

fn idle(workers: u32) -> Load {
    Load {
        arrived: 0,
        backlog: 0,
        oldest: Duration::ZERO,
        service: Some(Duration::from_millis(100)),
        workers,
        busy: 0,
        draining: 0,
        headroom: None,
    }
}

/// What is decided after a minute in which `per_s` arrived each second.
fn decided(config: &ScalingConfig, per_s: u64, load: Load) -> Decision {
    let (mut scaler, clock) = scaler(config.clone());
    let mut seen = load;
    for _ in 0..120 {
        scaler.decide(&seen);
        clock.advance_us(1_000_000);
        seen.arrived += per_s;
    }
    scaler.decide(&seen)
}

#[test]
fn as_many_are_wanted_as_the_larger_term_says_within_the_bounds() {
    let config = ScalingConfig {
        workers_min: 2,
        workers_max: 20,
        ..ScalingConfig::default()
    };
    for (per_s, backlog, headroom, workers, said) in [
        (
            0,
            0,
            None,
            2,
            "2 workers stay: 0.0 messages/s of 100ms each, at 0.7 utilisation; bounded by workers_min",
        ),
        (
            50,
            0,
            None,
            8,
            "2 to 8 workers: 50.0 messages/s of 100ms each, at 0.7 utilisation",
        ),
        (
            70,
            0,
            None,
            10,
            "2 to 10 workers: 70.0 messages/s of 100ms each, at 0.7 utilisation",
        ),
        (
            50,
            3_000,
            None,
            10,
            "2 to 10 workers: 3000 messages of 100ms each that wait, in 30s",
        ),
        (
            500,
            0,
            None,
            20,
            "2 to 20 workers: 500.0 messages/s of 100ms each, at 0.7 utilisation; bounded by workers_max",
        ),
        (
            500,
            0,
            Some(9),
            9,
            "2 to 9 workers: 500.0 messages/s of 100ms each, at 0.7 utilisation; bounded by the store's headroom",
        ),
        (
            500,
            0,
            Some(0),
            2,
            "2 workers stay: 500.0 messages/s of 100ms each, at 0.7 utilisation; bounded by the store's headroom",
        ),
    ] {
        let load = Load {
            backlog,
            headroom,
            ..idle(2)
        };
        let decision = decided(&config, per_s, load);
        assert_eq!(decision.workers, workers, "{decision}");
        assert_eq!(decision.to_string(), said);
    }
}

#[test]
fn where_the_oldest_is_too_old_and_all_are_busy_there_are_more_by_as_much() {
    for (oldest_s, busy, backlog, workers) in [
        (29, 10, 5, 10), // not too old
        (36, 10, 5, 12),
        (31, 10, 5, 11),
        (60, 10, 5, 20),
        (3_600, 10, 5, 20), // twice at most
        (60, 9, 5, 10),     // one is idle: more would be idle too
        (60, 10, 0, 10),    // nothing to lease
    ] {
        let load = Load {
            oldest: Duration::from_secs(oldest_s),
            busy,
            backlog,
            ..idle(10)
        };
        let (mut scaler, _) = scaler(ScalingConfig::default());
        let decision = scaler.decide(&load);
        assert_eq!(
            decision.workers, workers,
            "{oldest_s} {busy} {backlog}: {decision}"
        );
    }
}

#[test]
fn before_anything_was_finished_one_finds_out_how_long_it_takes() {
    let config = ScalingConfig {
        workers_min: 0,
        ..ScalingConfig::default()
    };
    for (backlog, workers, expected) in [(0, 0, 0), (1_000, 0, 1), (1_000, 3, 3)] {
        let load = Load {
            backlog,
            service: None,
            ..idle(workers)
        };
        let (mut scaler, _) = scaler(config.clone());
        assert_eq!(
            scaler.decide(&load).workers,
            expected,
            "{backlog} {workers}"
        );
    }
}

#[test]
fn fewer_are_there_only_after_a_while_in_steps_and_once_those_before_have_gone() {
    let (mut scaler, clock) = scaler(ScalingConfig::default());
    let mut load = idle(16);
    let mut ask = |load: &Load, after_s: i64| {
        clock.advance_us(after_s * 1_000_000);
        scaler.decide(load)
    };
    assert_eq!(ask(&load, 0).workers, 16, "nothing is known of before");
    assert!(matches!(
        ask(&load, 59).reason,
        Reason::WantedOfLate { highest: 16, .. }
    ));
    let decision = ask(&load, 1);
    assert_eq!((decision.workers, decision.drain()), (12, 4));
    assert!(matches!(decision.reason, Reason::Down(_)));
    load.workers = 12;
    load.draining = 4;
    for _ in 0..100 {
        let decision = ask(&load, 10);
        assert_eq!(decision.drain(), 0, "{decision}");
        assert!(matches!(
            decision.reason,
            Reason::Draining { draining: 4, .. }
        ));
    }
    load.draining = 0;
    assert_eq!(ask(&load, 0).workers, 9);
    load.workers = 9;
    let decision = ask(&load, 9);
    assert_eq!(decision.workers, 9);
    assert!(matches!(decision.reason, Reason::SteppedDown(_)));
    assert_eq!(ask(&load, 1).workers, 7);
    load.workers = 1;
    assert_eq!(ask(&load, 100).workers, 1);
}

#[test]
fn a_store_without_room_is_relieved_at_once_also_of_workers_that_were_wanted_of_late() {
    let (mut scaler, clock) = scaler(ScalingConfig::default());
    let load = Load {
        headroom: Some(5),
        draining: 1,
        ..idle(16)
    };
    for _ in 0..2 {
        let decision = scaler.decide(&load);
        assert_eq!(decision.drain(), 11);
        assert_eq!(decision.ceiling, Some(Ceiling::Headroom));
        let said = decision.to_string();
        assert!(
            said.starts_with("16 to 5 workers: the store has no room for more"),
            "{said}"
        );
        clock.advance_us(1_000_000);
    }
}

#[test]
fn a_clock_that_is_set_back_and_a_queue_that_begins_anew_are_measured_anew() {
    let (mut scaler, clock) = scaler(ScalingConfig::default());
    let mut load = idle(1);
    for _ in 0..10 {
        clock.advance_us(1_000_000);
        load.arrived += 70;
        scaler.decide(&load);
    }
    assert_eq!(scaler.decide(&load).workers, 10);
    clock.advance_us(-3_600_000_000);
    assert_eq!(scaler.decide(&load).workers, 1, "nothing to compare with");
    clock.advance_us(1_000_000);
    load.arrived += 70;
    assert_eq!(scaler.decide(&load).workers, 10);
    load.arrived = 0;
    assert_eq!(scaler.decide(&load).workers, 1);
}

#[test]
fn what_cannot_be_is_refused_with_the_setting_and_what_it_may_be() {
    let with = |change: fn(&mut ScalingConfig)| {
        let mut config = ScalingConfig::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    };
    for (found, expected) in [
        (
            with(|c| c.workers_max = 0),
            "workers_max is 0: it must be between 1 and 100000",
        ),
        (
            with(|c| c.workers_min = 33),
            "workers_min is 33: it must be at most workers_max",
        ),
        (
            with(|c| c.utilisation = 0.0),
            "utilisation is 0: it must be above 0 and at most 1",
        ),
        (
            with(|c| c.down_share = f64::NAN),
            "down_share is NaN: it must be above 0 and at most 1",
        ),
        (
            with(|c| c.drain_target = Duration::ZERO),
            "drain_target is 0ns: it must be between 100 ms and 1 day",
        ),
    ] {
        assert_eq!(found, expected);
    }
}

proptest! {
    #[test]
    fn whatever_is_seen_the_bounds_hold_and_a_step_down_is_never_larger_than_said(
        seen in prop::collection::vec(
            (
                0_i64..20_000_000,
                (0_u64..1_000_000, 0_u64..u64::MAX, 0_u64..100_000),
                (prop::option::of(0_u64..10_000_000), prop::option::of(0_u32..50)),
                (0_u32..40, 0_u32..3),
            ),
            1..60,
        ),
    ) {
        let config = ScalingConfig { workers_min: 3, workers_max: 30, ..ScalingConfig::default() };
        let (mut scaler, clock) = scaler(config);
        let mut workers = 3;
        let mut arrived = 0;
        for (after_us, (more, backlog, oldest_s), (service_us, headroom), (busy, draining)) in seen {
            clock.advance_us(after_us);
            arrived += more;
            let decision = scaler.decide(&Load {
                arrived,
                backlog,
                oldest: Duration::from_secs(oldest_s),
                service: service_us.map(Duration::from_micros),
                workers,
                busy,
                draining,
                headroom,
            });
            prop_assert!((3..=30).contains(&decision.workers), "{}", decision);
            let most = headroom.map_or(30, |room| room.clamp(3, 30));
            prop_assert!(decision.workers <= most, "{}", decision);
            if !matches!(decision.reason, Reason::Headroom(_)) {
                prop_assert!(decision.drain() <= (workers / 4).max(1), "{}", decision);
                prop_assert!(draining == 0 || decision.drain() == 0, "{}", decision);
            }
            workers = decision.workers;
        }
    }
}
