//! Random calls, each compared with what the contract says of them.

use super::{Bench, LONG, at, record};
use pando_model::level2::{Lease, Record};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;

pub(super) async fn late_doubled_and_mixed_up_messages_leave_the_newest(bench: Bench) {
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        let key = bench.key(&seed.to_string());
        let mut messages: Vec<u64> = (1..8).collect();
        for _ in 0..6 {
            messages.push(random.random_range(1..8));
        }
        messages.shuffle(&mut random);
        let mut newest = 0;
        for p in messages {
            let is_laid_down = bench.put(&key, &record(at(p), &p.to_string())).await;
            assert_eq!(is_laid_down, p >= newest, "seed {seed}, {p}");
            newest = newest.max(p);
            let there = bench.fetch(&key).await;
            let expected = record(at(newest), &newest.to_string());
            assert_eq!(there, Some(expected), "seed {seed}");
        }
    }
}

/// The contract without time: what lies at a key, and who holds its lease.
#[derive(Default)]
struct Said {
    there: Option<Record>,
    holder: Option<u128>,
}

pub(super) async fn every_answer_is_what_the_contract_says(bench: Bench) {
    for seed in 0..8 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut said: BTreeMap<u8, Said> = BTreeMap::new();
        for step in 0..150 {
            let name = random.random_range(0..3_u8);
            let key = bench.key(&format!("{seed}/{name}"));
            let of = said.entry(name).or_default();
            let p = random.random_range(0..6_u64);
            let holder = random.random_range(1..4_u128);
            let told = format!("seed {seed}, step {step}");
            match random.random_range(0..5) {
                0 => {
                    let new = record(at(p), &step.to_string());
                    let is_newer = of.there.as_ref().is_none_or(|there| there.at <= new.at);
                    assert_eq!(bench.put(&key, &new).await, is_newer, "{told}");
                    if is_newer {
                        of.there = Some(new);
                    }
                }
                1 => {
                    bench.level2.invalidate(&key, at(p)).await.expect("done");
                    of.there = of.there.take().filter(|there| there.at >= at(p));
                }
                2 => {
                    bench.level2.release(&key, holder).await.expect("done");
                    of.holder = of.holder.filter(|of| *of != holder);
                }
                3 => {
                    let past = (p > 0).then(|| at(p - 1));
                    let lease = bench.level2.lease(&key, holder, LONG, past).await;
                    match (lease.expect("lease"), &of.there) {
                        (Lease::Newer(newer), there) => {
                            assert!(Some(newer.at) > past, "{told}");
                            assert_eq!(Some(&newer), there.as_ref(), "{told}");
                        }
                        (_, Some(there)) if Some(there.at) > past => panic!("{told}: not told"),
                        (Lease::Held(_), _) => {
                            assert!(of.holder.is_some_and(|of| of != holder), "{told}");
                        }
                        (Lease::Granted, _) => {
                            assert!(of.holder.is_none_or(|of| of == holder), "{told}");
                            of.holder = Some(holder);
                        }
                    }
                }
                _ => assert_eq!(bench.fetch(&key).await, of.there, "{told}"),
            }
        }
    }
}
