//! A walk of several processes through their errands, in every order that a seed gives.

mod walk;

use super::*;
use crate::replica::Guards;
use crate::replica::world::BOTH;
use walk::{CALM, Chances, LEASE, Walk, us};

/// Steps of a walk take up to 400 µs each, and others' come between.
const STEPS_US: i64 = 20_000;

#[test]
fn of_all_processes_that_miss_a_key_at_once_one_loads_and_the_others_are_given_it() {
    for seed in 0..300 {
        let seen = Walk::new(CALM, 5, 1, 1, seed).run();
        let told = (seen.loads, seen.answers, seen.shared, seen.stale);
        assert_eq!(told, (1, 5, 4, 0), "seed {seed}");
    }
}

/// The test of the test: with leases off it finds several loads.
#[test]
fn without_leases_several_load() {
    let chances = Chances {
        leases: false,
        ..CALM
    };
    let loads = (0..300).map(|seed| Walk::new(chances, 5, 1, 1, seed).run().loads);
    let several = loads.filter(|loads| *loads > 1).count();
    assert!(several > 250, "{several} of 300");
}

#[test]
fn a_holder_who_dies_costs_the_others_the_span_of_his_lease_and_one_more_load() {
    let chances = Chances { deaths: 3, ..CALM };
    let mut deaths = 0;
    for seed in 0..300 {
        let seen = Walk::new(chances, 6, 1, 1, seed).run();
        let alive = 6 - seen.deaths;
        assert_eq!(seen.answers, alive, "seed {seed}");
        // Where all died, nobody was left to load.
        let is_any_left = usize::from(alive > 0);
        assert_eq!(seen.loads, seen.deaths + is_any_left, "seed {seed}");
        let each_us = us(LEASE) + STEPS_US;
        let most_us = each_us * seen.deaths as i64 + us(Duration::from_millis(20)) + 2 * STEPS_US;
        assert!(seen.waited_us <= most_us, "seed {seed}: {seen:?}");
        deaths += seen.deaths;
    }
    assert!(deaths > 100, "{deaths}");
}

#[test]
fn nobody_waits_beyond_his_patience_then_he_loads_himself() {
    let chances = Chances {
        patience: Duration::from_millis(250),
        load_ms: (900, 1_000),
        ..CALM
    };
    for seed in 0..200 {
        let seen = Walk::new(chances, 4, 1, 1, seed).run();
        assert_eq!((seen.answers, seen.loads), (4, 4), "seed {seed}");
        let waited = 250_000..250_000 + STEPS_US;
        assert!(waited.contains(&seen.waited_us), "seed {seed}: {seen:?}");
    }
}

#[test]
fn a_walk_goes_the_same_way_twice() {
    let chances = Chances {
        deaths: 9,
        faults: 40,
        writes: 9,
        ..CALM
    };
    let walk = || Walk::new(chances, 4, 3, 40, 7).run();
    assert_eq!(walk(), walk());
}

fn stormy(guards: Guards) -> Chances {
    Chances {
        guards,
        faults: 60,
        writes: 8,
        ..CALM
    }
}

#[test]
fn whatever_happens_on_the_way_every_errand_ends_in_time_and_with_nothing_stale() {
    let (mut shared, mut loads) = (0, 0);
    for seed in 0..150 {
        let seen = Walk::new(stormy(BOTH), 4, 3, 60, seed).run();
        assert_eq!((seen.answers, seen.stale), (240, 0), "seed {seed}");
        let patience_us = us(CALM.patience) + STEPS_US;
        assert!(seen.waited_us <= patience_us, "seed {seed}: {seen:?}");
        shared += seen.shared;
        loads += seen.loads;
    }
    assert!(shared > 1_000 && loads > 1_000, "{shared} shared, {loads}");
}

/// The test of the test: with either guard off, the walk finds stale answers.
#[test]
fn without_the_floor_or_the_comparison_errands_end_with_what_is_stale() {
    let (floor, comparison) = (false, false);
    for guards in [Guards { floor, ..BOTH }, Guards { comparison, ..BOTH }] {
        let walk = |seed| Walk::new(stormy(guards), 4, 3, 60, seed).run();
        let stale: usize = (0..40).map(|seed| walk(seed).stale).sum();
        assert!(stale > 0, "{guards:?}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    assert_eq!(SharingConfig::default().validate(), Ok(()));
    let check = |change: fn(&mut SharingConfig), refusal: &str| {
        let mut config = SharingConfig::default();
        change(&mut config);
        assert_eq!(config.validate().unwrap_err().to_string(), refusal);
    };
    check(
        |c| c.lease = Duration::ZERO,
        "lease is 0ns: it must be at least 1 ms",
    );
    check(
        |c| c.look_max = Duration::ZERO,
        "look_max is 0ns: it must be at least as long as look_min",
    );
    check(
        |c| c.puts_max = 0,
        "puts_max is 0: it must be between 1 and 65536",
    );
}

#[test]
fn a_prefix_tells_stores_shards_schemas_and_collections_apart() {
    let prefixes = [
        Prefix::new("a", "b", 1, "c"),
        Prefix::new("a/1:b", "", 1, "c"),
        Prefix::new("a", "b", 11, "c"),
        Prefix::new("a", "b", 1, "c/1:d"),
        Prefix::new("a", "bc", 1, ""),
    ];
    for (ix, one) in prefixes.iter().enumerate() {
        for other in &prefixes[ix + 1..] {
            assert!(!other.name(b"").starts_with(&one.name(b"")), "{other:?}");
            assert!(!one.name(b"").starts_with(&other.name(b"")), "{one:?}");
        }
    }
}
