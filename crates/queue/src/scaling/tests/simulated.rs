//! The autoscaler against a simulated pool of workers: steps, a spike, decay.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Workers of a simulated queue. Each tick is 10 ms.
struct World {
    scaler: Scaler,
    clock: Arc<ManualClock>,
    random: StdRng,
    now_us: i64,
    /// When each message that waits came.
    waiting: VecDeque<i64>,
    arrived: u64,
    /// Arrivals that are not whole yet.
    part: f64,
    finished: u64,
    pool: Vec<Worker>,
    service: Option<f64>,
    /// Workers that were told to go before their message was finished, and finished it.
    finished_draining: u64,
    worst_wait_us: i64,
}

struct Worker {
    /// It takes leases from then on.
    ready_us: i64,
    /// It has a message until then.
    busy_until_us: Option<i64>,
    drains: bool,
}

const TICK_US: i64 = 10_000;
/// What it takes to start a worker.
const START_US: i64 = 500_000;
const SERVICE_US: f64 = 100_000.0;

impl World {
    fn new(config: ScalingConfig, seed: u64) -> World {
        let (scaler, clock) = scaler(config);
        World {
            scaler,
            clock,
            random: StdRng::seed_from_u64(seed),
            now_us: 1_000_000,
            waiting: VecDeque::new(),
            arrived: 0,
            part: 0.0,
            finished: 0,
            pool: Vec::new(),
            service: None,
            finished_draining: 0,
            worst_wait_us: 0,
        }
    }

    fn working(&self) -> u32 {
        self.pool.iter().filter(|worker| !worker.drains).count() as u32
    }

    /// Runs for so long at so many messages a second; gives the decisions, one a second.
    fn run(&mut self, seconds: i64, per_s: f64) -> Vec<Decision> {
        let mut decisions = Vec::new();
        for tick in 0..seconds * 100 {
            if tick % 100 == 0 {
                decisions.push(self.decide());
            }
            self.now_us += TICK_US;
            self.clock.advance_us(TICK_US);
            self.part += per_s / 100.0;
            while self.part >= 1.0 {
                self.part -= 1.0;
                self.arrived += 1;
                self.waiting.push_back(self.now_us);
            }
            self.work();
        }
        decisions
    }

    fn work(&mut self) {
        let now_us = self.now_us;
        for worker in &mut self.pool {
            if worker.busy_until_us.is_some_and(|until| until <= now_us) {
                worker.busy_until_us = None;
                self.finished += 1;
                self.finished_draining += u64::from(worker.drains);
            }
            let takes =
                !worker.drains && worker.busy_until_us.is_none() && worker.ready_us <= now_us;
            if takes && let Some(came_us) = self.waiting.pop_front() {
                self.worst_wait_us = self.worst_wait_us.max(now_us - came_us);
                let took_us = SERVICE_US * self.random.random_range(0.5..1.5);
                let mean_us = self.service.unwrap_or(took_us);
                self.service = Some(mean_us + (took_us - mean_us) / 50.0);
                worker.busy_until_us = Some(now_us + took_us as i64);
            }
        }
        self.pool
            .retain(|worker| !worker.drains || worker.busy_until_us.is_some());
    }

    fn decide(&mut self) -> Decision {
        let has = |worker: &&Worker| worker.busy_until_us.is_some();
        let oldest_us = self
            .waiting
            .front()
            .map_or(0, |came_us| self.now_us - came_us);
        let decision = self.scaler.decide(&Load {
            arrived: self.arrived,
            backlog: self.waiting.len() as u64,
            oldest: Duration::from_micros(oldest_us as u64),
            service: self.service.map(|us| Duration::from_micros(us as u64)),
            workers: self.working(),
            busy: self.pool.iter().filter(|w| !w.drains).filter(has).count() as u32,
            draining: self.pool.iter().filter(|w| w.drains).filter(has).count() as u32,
            headroom: None,
        });
        let mut to_drain = decision.drain();
        // The busiest first, which is the worst that a pool can do.
        self.pool
            .sort_by_key(|worker| std::cmp::Reverse(worker.busy_until_us));
        for worker in &mut self.pool {
            if to_drain > 0 && !worker.drains {
                worker.drains = true;
                to_drain -= 1;
            }
        }
        for _ in 0..decision.start() {
            self.pool.push(Worker {
                ready_us: self.now_us + START_US,
                busy_until_us: None,
                drains: false,
            });
        }
        decision
    }
}

/// What a rate needs, by the formula, if all were known at once.
fn needed(per_s: f64) -> u32 {
    (per_s * SERVICE_US / 1e6 / 0.7).ceil() as u32
}

#[test]
fn workers_follow_steps_a_spike_and_decay_within_ten_seconds_up_and_without_a_lost_lease_down() {
    let config = ScalingConfig {
        workers_max: 100,
        ..ScalingConfig::default()
    };
    for seed in 0..10 {
        let mut world = World::new(config.clone(), seed);
        world.run(60, 10.0);
        for (per_s, for_s) in [(50.0, 60), (150.0, 60), (500.0, 15)] {
            world.worst_wait_us = 0;
            world.run(10, per_s);
            let (working, needed) = (world.working(), needed(per_s * 0.95));
            assert!(
                working >= needed,
                "seed {seed}, {per_s}/s: {working} of {needed}"
            );
            world.run(for_s - 10, per_s);
            let worst_s = world.worst_wait_us as f64 / 1e6;
            assert!(
                worst_s < 10.0,
                "seed {seed}, {per_s}/s: one waited for {worst_s} s"
            );
        }
        world.run(6, 5.0);
        let at_peak = world.working();
        let within_a_minute = world.run(44, 5.0);
        assert_eq!(
            world.working(),
            at_peak,
            "seed {seed}: more were wanted of late"
        );
        assert!(within_a_minute.iter().all(|decision| decision.drain() == 0));
        let decay = world.run(300, 5.0);
        let steps: Vec<u32> = decay
            .iter()
            .map(Decision::drain)
            .filter(|n| *n > 0)
            .collect();
        assert!(
            steps.len() > 5 && steps[0] <= at_peak / 4,
            "seed {seed}: {steps:?}"
        );
        assert!(
            decay.iter().all(|decision| decision.start() == 0),
            "seed {seed}: it swings"
        );
        assert_eq!(world.working(), 1, "seed {seed}");
        assert!(
            world.finished_draining > 0,
            "seed {seed}: nobody had a lease when told to go"
        );
        world.run(5, 0.0);
        assert_eq!(
            (world.arrived, world.waiting.len()),
            (world.finished, 0),
            "seed {seed}"
        );
    }
}

#[test]
fn from_no_worker_at_all_a_queue_comes_to_what_it_needs_within_ten_seconds() {
    let config = ScalingConfig {
        workers_min: 0,
        workers_max: 100,
        ..ScalingConfig::default()
    };
    let mut world = World::new(config, 1);
    world.run(60, 0.0);
    assert_eq!(world.working(), 0);
    world.run(10, 200.0);
    assert!(world.working() >= needed(190.0), "{}", world.working());
    world.run(300, 0.0);
    assert_eq!((world.working(), world.finished), (0, world.arrived));
}

#[test]
fn the_same_load_is_decided_alike() {
    let decisions = || World::new(ScalingConfig::default(), 7).run(120, 60.0);
    assert_eq!(decisions(), decisions());
}
