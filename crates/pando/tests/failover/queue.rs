//! Producers and consumers of a queue, under whatever fails.

use crate::cluster::Site;
use crate::load::{Load, Sent};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is a number")))
}

fn seed() -> u64 {
    let seed = number("PANDO_SEED").unwrap_or_else(rand::random);
    println!("seed {seed}: PANDO_SEED={seed} repeats it");
    seed
}

/// Has them begin.
pub fn start(site: &Site) -> Load {
    Load::start(site.addresses(), &site.key, Sent::Together, seed())
}

/// Primaries end, one after the other, with nobody else at work.
pub async fn go_on(site: &Site, load: &Load) {
    let mut chance = StdRng::seed_from_u64(seed());
    for _ in 0..number("PANDO_KILL_ROUNDS").unwrap_or(0) {
        let more = chance.random_range(1..300);
        tokio::task::block_in_place(|| load.proceed(more));
        match chance.random_range(0..3) {
            0 => site.leader().await.kill().await.expect("it runs"),
            1 => site.kill(site.leader().await.name()).await,
            _ => {
                let fit = site.synchronous().await;
                site.cluster().switch_over(fit).await.expect("a switch");
            }
        }
        tokio::task::block_in_place(|| load.proceed(50));
        site.mend().await;
    }
}

/// Has them end: nothing is lost, doubled, or without its row.
pub fn finish(load: Load) {
    let wrong = tokio::task::block_in_place(|| load.finish());
    assert!(wrong.is_empty(), "the queue: {wrong:#?}");
}
