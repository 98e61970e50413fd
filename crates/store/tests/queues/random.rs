//! Random uses of a queue: whatever is done, what consumers see of it may be.

use crate::bench::{Bench, SECOND, VISIBILITY, keyed, message, on_each};
use crate::concluded::concluded;
use pando_store::queue::{Leased, Nack, NewMessage, QueuePage};
use pando_workload::{Delivery, Held, QueueHistory};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

/// What is done in one run.
const STEPS: u64 = 400;
/// Where each step is several round trips.
const STEPS_ON_POSTGRES: u64 = 150;
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
}

fn seed() -> u64 {
    let seed = match std::env::var("PANDO_SEED") {
        Ok(text) => text.parse().expect("PANDO_SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("seed {seed}: PANDO_SEED={seed} repeats it");
    seed
}

fn held(leased: &Leased) -> Held {
    Held {
        body: String::from_utf8(leased.message.body.to_vec()).unwrap(),
        lease: leased.lease.to_text(),
    }
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
        let leased = self.leased(max).await;
        self.held.extend(leased);
    }

    async fn leased(&mut self, max: u64) -> Vec<Leased> {
        let delivery = Delivery {
            asked: self.history.moment(),
            at_us: self.now_us(),
            until_us: self.now_us() + VISIBILITY,
        };
        let leased = self.bench.lease(QUEUE, max).await;
        // A lease finds out whose attempts are used up, and those behind it may come at once.
        self.note_dead().await;
        for one in &leased {
            self.history.delivered(&held(one), delivery);
        }
        leased
    }

    /// Some of what consumers have, some of which they have no more.
    fn some(&mut self) -> Vec<Leased> {
        self.held.shuffle(&mut self.random);
        let most = self.random.random_range(1..8);
        self.held.split_off(self.held.len().saturating_sub(most))
    }

    async fn ack(&mut self) {
        let some = self.some();
        if !some.is_empty() {
            self.acked(&some).await;
        }
    }

    async fn acked(&mut self, some: &[Leased]) {
        let all: Vec<Held> = some.iter().map(held).collect();
        all.iter().for_each(|one| self.history.acking(one));
        let done = self.bench.ack(QUEUE, some).await;
        assert_eq!(done.acked + done.gone, all.len() as u64);
        self.history.ack_answered(&all, done.acked, self.now_us());
    }

    async fn nack(&mut self) {
        let nack = Nack {
            delay: None,
            error: Some("no".into()),
        };
        for one in self.some() {
            let done = self
                .bench
                .nack(QUEUE, std::slice::from_ref(&one), nack.clone())
                .await;
            match done.acked {
                1 => self.history.giving_back(&held(&one)),
                _ => self.history.gone(&held(&one), self.now_us()),
            }
        }
    }

    async fn extend(&mut self) {
        let some = self.some();
        for one in &some {
            let seconds = self.random.random_range(1..60);
            let until_us = self.now_us() + i64::try_from(seconds).unwrap() * SECOND;
            let done = self
                .bench
                .extend(QUEUE, std::slice::from_ref(one), seconds)
                .await;
            match done.acked {
                1 => self.history.extended(&held(one), until_us),
                _ => self.history.gone(&held(one), self.now_us()),
            }
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
            let leased = self.leased(100).await;
            if leased.is_empty() {
                // What died has still to let others of its key go.
                in_vain += 1;
            } else {
                self.acked(&leased).await;
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
        };
        let engine = run.bench.store.engine().info().name;
        let steps = match engine {
            "postgres" => STEPS_ON_POSTGRES,
            _ => STEPS,
        };
        for _ in 0..steps {
            run.step().await;
        }
        run.drain().await;
        let counts = run.history.counts();
        println!("{engine}: {counts:?}");
        assert!(counts.again > 5, "seed {seed}: too little happened");
        assert_eq!(counts.acks_unknown, 0, "one that holds is told apart");
        let wrong = run.history.drained();
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
        let left = run.bench.store.queue_depth(QUEUE, None).unwrap();
        let left = concluded(&run.bench.store, left).await.unwrap();
        assert_eq!(left.depth() + left.scheduled, 0, "{left:?}");
    })
    .await;
}
