use super::*;
use pando_model::clock::ManualClock;
use proptest::prelude::*;

const MS: i64 = 1_000;

fn config() -> BreakerConfig {
    BreakerConfig {
        calls_min: 4,
        probes: 2,
        ..BreakerConfig::default()
    }
}

fn breaker(config: BreakerConfig) -> (Arc<Breaker>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let breaker = Breaker::new(config, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    (breaker, clock)
}

/// Makes a call that takes so long: `+` is answered, `-` fails, `~` is answered late.
fn call(breaker: &Arc<Breaker>, clock: &ManualClock, how: char) {
    let call = breaker.admit().unwrap();
    match how {
        '+' => call.succeeded(),
        '-' => call.failed(),
        _ => {
            clock.advance_us(101 * MS);
            call.succeeded();
        }
    }
}

#[test]
fn it_opens_by_the_share_that_failed_or_was_slow_once_there_are_enough_calls() {
    for (calls, state) in [
        ("---", BreakerState::Closed),
        ("----", BreakerState::Open),
        ("++--", BreakerState::Open),
        ("+++-", BreakerState::Closed),
        ("+++-++-+-+", BreakerState::Closed),
        ("~~~", BreakerState::Closed),
        ("~~~~", BreakerState::Open),
        ("~~~+", BreakerState::Closed),
        ("+~~~~", BreakerState::Open),
    ] {
        let (breaker, clock) = breaker(config());
        for how in calls.chars() {
            call(&breaker, &clock, how);
        }
        assert_eq!(breaker.state(), state, "{calls}");
    }
}

#[test]
fn what_lies_further_back_than_the_window_does_not_count() {
    for (pause_ms, state) in [(8_900, BreakerState::Open), (10_000, BreakerState::Closed)] {
        let (breaker, clock) = breaker(config());
        for _ in 0..3 {
            call(&breaker, &clock, '-');
        }
        clock.advance_us(pause_ms * MS);
        call(&breaker, &clock, '-');
        assert_eq!(breaker.state(), state, "{pause_ms} ms");
    }
}

fn opened() -> (Arc<Breaker>, Arc<ManualClock>) {
    let (breaker, clock) = breaker(config());
    for _ in 0..4 {
        call(&breaker, &clock, '-');
    }
    (breaker, clock)
}

#[test]
fn an_open_one_refuses_with_what_is_left_and_then_lets_its_probes_through_and_no_more() {
    let (breaker, clock) = opened();
    clock.advance_us(400 * MS);
    let refused = breaker.admit().unwrap_err();
    assert_eq!(refused.retry_after, Duration::from_millis(600));
    assert_eq!(
        refused.to_string(),
        "the circuit breaker is open; it is tried again in 600 ms"
    );
    clock.advance_us(600 * MS);
    let probes = [breaker.admit().unwrap(), breaker.admit().unwrap()];
    assert!(breaker.admit().is_err());
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    for probe in probes {
        probe.succeeded();
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn each_round_of_probes_that_fails_doubles_the_wait_up_to_its_bound() {
    let (breaker, clock) = opened();
    for (round, open_s) in [1, 2, 4, 8, 16, 30, 30].into_iter().enumerate() {
        clock.advance_us(open_s * 1_000 * MS - 1);
        assert_eq!(breaker.state(), BreakerState::Open, "round {round}");
        clock.advance_us(1);
        // A slow answer is no better than none.
        call(&breaker, &clock, if round % 2 == 0 { '-' } else { '~' });
        assert_eq!(breaker.state(), BreakerState::Open, "round {round}");
    }
    clock.advance_us(30_000 * MS);
    call(&breaker, &clock, '+');
    call(&breaker, &clock, '+');
    for _ in 0..4 {
        call(&breaker, &clock, '-');
    }
    clock.advance_us(1_000 * MS);
    assert_eq!(breaker.state(), BreakerState::HalfOpen, "it begins anew");
}

#[test]
fn a_probe_that_is_given_up_makes_room_for_another_one() {
    let (breaker, clock) = opened();
    clock.advance_us(1_000 * MS);
    for _ in 0..10 {
        drop(breaker.admit().unwrap());
    }
    call(&breaker, &clock, '+');
    call(&breaker, &clock, '+');
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn what_was_begun_before_it_opened_says_nothing_about_what_is_now() {
    let (breaker, clock) = breaker(config());
    let early: Vec<Call> = (0..8).map(|_| breaker.admit().unwrap()).collect();
    for _ in 0..4 {
        call(&breaker, &clock, '-');
    }
    clock.advance_us(1_000 * MS);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    for (n, call) in early.into_iter().enumerate() {
        match n % 3 {
            0 => call.failed(),
            1 => call.succeeded(),
            _ => drop(call),
        }
    }
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    let probes = [breaker.admit().unwrap(), breaker.admit().unwrap()];
    assert!(breaker.admit().is_err(), "the late ones freed no place");
    drop(probes);
}

#[test]
fn a_clock_that_is_set_back_prolongs_the_wait_by_no_more_than_itself() {
    let (breaker, clock) = opened();
    clock.advance_us(-3_600_000 * MS);
    assert!(breaker.admit().unwrap_err().retry_after <= Duration::from_secs(1));
    clock.advance_us(1_000 * MS);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
}

#[test]
fn what_cannot_be_is_refused_with_the_setting() {
    assert_eq!(BreakerConfig::default().validate(), Ok(()));
    let with = |change: fn(&mut BreakerConfig)| {
        let mut config = config();
        change(&mut config);
        config.validate().unwrap_err().setting
    };
    assert_eq!(with(|c| c.failed_share = 0.0), "failed_share");
    assert_eq!(with(|c| c.slow_share = f64::NAN), "slow_share");
    assert_eq!(with(|c| c.calls_min = 0), "calls_min");
    assert_eq!(with(|c| c.probes = 0), "probes");
    assert_eq!(with(|c| c.window = Duration::ZERO), "window");
    assert_eq!(with(|c| c.open = Duration::ZERO), "open");
    assert_eq!(with(|c| c.open_max = Duration::ZERO), "open_max");
}

proptest! {
    /// Whatever happens in whichever order: no more probes than allowed are out at once, and
    /// what stands behind it, once well, is used again.
    #[test]
    fn it_lets_no_more_probes_out_than_it_may_and_always_comes_back(
        steps in prop::collection::vec((0_u8..5, 0_i64..700), 1..300),
    ) {
        let (breaker, clock) = breaker(config());
        let mut out: Vec<(Call, bool)> = Vec::new();
        for (what, advance_ms) in steps {
            clock.advance_us((advance_ms - 50) * MS);
            match what {
                0 | 1 => if let Ok(call) = breaker.admit() {
                    let is_probe = breaker.state() == BreakerState::HalfOpen;
                    out.push((call, is_probe));
                },
                _ if out.is_empty() => {}
                2 => out.remove(0).0.failed(),
                3 => out.remove(0).0.succeeded(),
                _ => drop(out.remove(0)),
            }
            let epoch = breaker.inside.lock().epoch;
            let probes = out.iter().filter(|(call, is_probe)| *is_probe && call.epoch == epoch);
            prop_assert!(probes.count() <= 2);
        }
        out.clear();
        for _ in 0..20 {
            clock.advance_us(30_000 * MS);
            if let Ok(call) = breaker.admit() {
                call.succeeded();
            }
        }
        prop_assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
