//! Random uses of a queue: whatever is done, what consumers see of it may be.

use crate::bench::{Bench, SECOND, VISIBILITY, keyed, message, on_each};
use crate::concluded::concluded;
use pando_store::queue::{LeaseToken, Leased, Nack, NewMessage, QueuePage};
use pando_workload::QueueHistory;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::collections::HashMap;

/// What is done in one run.
const STEPS: u64 = 400;
/// How often nothing comes before nothing comes any more.
const IN_VAIN_MAX: u32 = 4;
const QUEUE: &str = "q";

struct Run {
    bench: Bench,
    random: StdRng,
    history: QueueHistory,
    published: u64,
    /// What consumers have, as far as they know.
    held: Vec<Leased>,
    /// The last lease of each message.
    newest: HashMap<String, LeaseToken>,
}

fn seed() -> u64 {
    let seed = match std::env::var("PANDO_SEED") {
        Ok(text) => text.parse().expect("PANDO_SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("seed {seed}: PANDO_SEED={seed} repeats it");
    seed
}

fn body(leased: &Leased) -> String {
    String::from_utf8(leased.message.body.to_vec()).unwrap()
}

impl Run {
    fn now_us(&self) -> i64 {
        self.bench.store.clock().now_us()
    }

    async fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..30 => self.publish().await,
            30..60 => self.lease().await,
            60..80 => self.ack().await,
            80..86 => self.nack().await,
            86..89 => self.extend().await,
            89..91 => self.redrive().await,
            _ => {
                let longest = VISIBILITY + SECOND;
                let us = self.random.random_range(1..longest);
                self.bench.wait(us);
                self.bench.store.queue_release(0).await.unwrap();
            }
        }
        self.note_dead().await;
        assert!(
            self.history.wrong().is_empty(),
            "{:#?}",
            self.history.wrong()
        );
    }

    async fn publish(&mut self) {
        let mut messages = Vec::new();
        for _ in 0..self.random.random_range(1..6) {
            let body = format!("m{}", self.published);
            self.published += 1;
            let new = match self.random.random_range(0..6) {
                0 => message(&body),
                // One that comes later takes its place then: of no key, whose order is that of publishes.
                1 => NewMessage {
                    at_us: Some(self.now_us() + self.random.random_range(0..VISIBILITY)),
                    ..message(&body)
                },
                n => keyed(&body, &format!("k{n}")),
            };
            self.history.publishing(&body, new.ordering_key.as_deref());
            self.history.published(&body);
            messages.push(new);
        }
        self.bench.publish(QUEUE, messages).await;
    }

    async fn lease(&mut self) {
        let max = self.random.random_range(1..12);
        let leased = self.bench.lease(QUEUE, max).await;
        // What this lease found dead lets others of its key go with it.
        self.note_dead().await;
        let until_us = self.now_us() + VISIBILITY;
        for one in leased {
            self.history.delivered(&body(&one), self.now_us(), until_us);
            self.newest.insert(body(&one), one.lease.clone());
            self.held.push(one);
        }
    }

    /// Some of what consumers have, some of which they have no more.
    fn some(&mut self) -> Vec<Leased> {
        self.held.shuffle(&mut self.random);
        let most = self.random.random_range(1..8);
        self.held.split_off(self.held.len().saturating_sub(most))
    }

    /// Of leases, those that still hold by what was answered: one by one, so that it is known.
    async fn ack(&mut self) {
        let some = self.some();
        let now_us = self.now_us();
        for one in some {
            let (body, lease) = (body(&one), vec![one.lease.clone()]);
            let ack = self.bench.store.queue_ack(QUEUE, lease).unwrap();
            let done = concluded(&self.bench.store, ack).await.unwrap();
            assert_eq!(done.acked + done.gone, 1);
            match done.acked {
                1 => self.history.acked(&body),
                // Of a lease that is another's by now nothing else can be said.
                _ if self.newest.get(&body) == Some(&one.lease) => {
                    self.history.gone(&body, now_us);
                }
                _ => {}
            }
        }
    }

    async fn nack(&mut self) {
        let some = self.some();
        if some.is_empty() {
            return;
        }
        let nack = Nack {
            delay: None,
            error: Some("no".into()),
        };
        for one in &some {
            let token = vec![one.lease.clone()];
            let nacked = self.bench.store.queue_nack(QUEUE, token, nack.clone());
            let done = concluded(&self.bench.store, nacked.unwrap()).await.unwrap();
            if done.acked == 1 {
                self.history.given_back(&body(one));
            }
        }
    }

    async fn extend(&mut self) {
        let some = self.some();
        for one in &some {
            let token = vec![one.lease.clone()];
            let extend = self.bench.store.queue_extend(QUEUE, token, None).unwrap();
            concluded(&self.bench.store, extend).await.unwrap();
        }
        self.held.extend(some);
    }

    async fn redrive(&mut self) {
        let redrive = self.bench.store.queue_redrive(QUEUE, None, None).unwrap();
        concluded(&self.bench.store, redrive).await.unwrap();
    }

    /// A message that died stands in its key's way no longer.
    async fn note_dead(&mut self) {
        let dead = self.bench.store.queue_dead(QUEUE, &QueuePage::default());
        let dead = concluded(&self.bench.store, dead.unwrap()).await.unwrap();
        for one in dead.messages {
            let body = String::from_utf8(one.message.body.to_vec()).unwrap();
            self.history.died(&body);
        }
    }

    /// Works on everything until nothing comes any more.
    async fn drain(&mut self) {
        let mut in_vain = 0;
        while in_vain < IN_VAIN_MAX {
            self.bench.wait(VISIBILITY + 3_600 * SECOND);
            self.bench.store.queue_release(0).await.unwrap();
            let leased = self.bench.lease(QUEUE, 100).await;
            self.note_dead().await;
            let until_us = self.now_us() + VISIBILITY;
            for one in &leased {
                self.history.delivered(&body(one), self.now_us(), until_us);
                self.history.acked(&body(one));
            }
            if leased.is_empty() {
                // What died has still to let others of its key go.
                in_vain += 1;
            } else {
                self.bench.ack(QUEUE, &leased).await;
            }
        }
    }
}

#[tokio::test]
async fn whatever_is_done_to_a_queue_nothing_is_lost_doubled_or_out_of_its_keys_order() {
    let seed = seed();
    on_each(|bench: Bench| async move {
        let mut run = Run {
            bench,
            random: StdRng::seed_from_u64(seed),
            history: QueueHistory::default(),
            published: 0,
            held: Vec::new(),
            newest: HashMap::new(),
        };
        for _ in 0..STEPS {
            run.step().await;
        }
        run.drain().await;
        assert!(run.history.again() > 10, "seed {seed}: too little happened");
        let wrong = run.history.finish();
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
        let left = run.bench.store.queue_depth(QUEUE, None).unwrap();
        let left = concluded(&run.bench.store, left).await.unwrap();
        assert_eq!(left.depth() + left.scheduled, 0, "{left:?}");
    })
    .await;
}
