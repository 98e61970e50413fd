//! Processes on their errands, over one store and one second level, with a clock that only the walk
//! moves.

use crate::cache::Loaded;
use crate::random::SeededRandom;
use crate::replica::Guards;
use crate::replica::world::{BOTH, World, at, value_of};
use crate::sharing::SharingConfig;
use crate::sharing::errand::{Errand, Heard, Step};
use futures_util::FutureExt;
use pando_engine_memory::MemoryLevel2;
use pando_model::clock::{Clock, ManualClock};
use pando_model::engine::{Copies, Freshness};
use pando_model::level2::{Lease, Level2};
use pando_model::stamp::Position;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(super) const LEASE: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(3_600);

/// The double never waits.
fn now<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().unwrap()
}

pub(super) fn us(span: Duration) -> i64 {
    span.as_micros() as i64
}

/// What may happen in a walk.
#[derive(Clone, Copy)]
pub(super) struct Chances {
    /// Nobody is told that another loads: the test of the test.
    pub(super) leases: bool,
    pub(super) guards: Guards,
    pub(super) patience: Duration,
    pub(super) load_ms: (i64, i64),
    /// One of so many who begin to load with a lease dies; 0: none.
    pub(super) deaths: u32,
    /// At one of so many steps the second level forgets all, or is away, or back; 0: never.
    pub(super) faults: u32,
    /// At one of so many steps somebody writes; 0: never.
    pub(super) writes: u32,
}

pub(super) const CALM: Chances = Chances {
    leases: true,
    guards: BOTH,
    patience: Duration::from_secs(2),
    load_ms: (1, 20),
    deaths: 0,
    faults: 0,
    writes: 0,
};

enum State {
    Idle,
    At(Errand, Step),
    Waiting(Errand, i64),
    /// Until when, what comes of it, and whether it is told to the others.
    Loading(i64, Loaded, bool),
    Dead,
}

struct Node {
    world: World,
    state: State,
    key: u8,
    seen: Position,
    /// What it had seen when its errand began: it asks with that.
    asked: Position,
    holder: u128,
    began_us: i64,
    errands: usize,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) loads: usize,
    pub(super) deaths: usize,
    pub(super) answers: usize,
    pub(super) shared: usize,
    pub(super) stale: usize,
    /// The longest between the beginning of an errand and its load, or what it took.
    pub(super) waited_us: i64,
    /// When all was over.
    pub(super) ended_us: i64,
}

pub(super) struct Walk {
    chances: Chances,
    config: SharingConfig,
    random: StdRng,
    jitter: SeededRandom,
    clock: Arc<ManualClock>,
    level2: MemoryLevel2,
    is_away: bool,
    nodes: Vec<Node>,
    keys: u8,
    seen: Seen,
}

impl Walk {
    pub(super) fn new(chances: Chances, nodes: u128, keys: u8, errands: usize, seed: u64) -> Walk {
        let clock = Arc::new(ManualClock::new(0));
        let node = |holder| Node {
            world: World::new(chances.guards),
            state: State::Idle,
            key: 0,
            seen: at(10),
            asked: at(10),
            holder,
            began_us: 0,
            errands,
        };
        Walk {
            chances,
            config: SharingConfig {
                lease: LEASE,
                patience: chances.patience,
                ..SharingConfig::default()
            },
            random: StdRng::seed_from_u64(seed),
            jitter: SeededRandom::new(seed),
            level2: MemoryLevel2::new(Arc::clone(&clock) as _),
            clock,
            is_away: false,
            nodes: (0..nodes).map(node).collect(),
            keys,
            seen: Seen::default(),
        }
    }

    fn chance(&mut self, one_of: u32) -> bool {
        one_of > 0 && self.random.random_range(0..one_of) == 0
    }

    /// To the end of all errands; what was seen.
    pub(super) fn run(mut self) -> Seen {
        loop {
            let now_us = self.clock.now_us();
            let (mut ready, mut next_us) = (Vec::new(), i64::MAX);
            for (ix, node) in self.nodes.iter().enumerate() {
                match &node.state {
                    State::Idle if node.errands > 0 => ready.push(ix),
                    State::Idle | State::Dead => {}
                    State::At(..) => ready.push(ix),
                    State::Waiting(_, until_us) | State::Loading(until_us, ..) => {
                        if *until_us <= now_us {
                            ready.push(ix);
                        }
                        next_us = next_us.min(*until_us);
                    }
                }
            }
            if ready.is_empty() {
                if next_us == i64::MAX {
                    self.seen.ended_us = now_us;
                    return self.seen;
                }
                self.clock.advance_us(next_us - now_us);
                continue;
            }
            let ix = ready[self.random.random_range(0..ready.len())];
            self.happen(ix);
            self.step(ix);
            let passes_us = self.random.random_range(0..400);
            self.clock.advance_us(passes_us);
        }
    }

    /// What happens besides.
    fn happen(&mut self, ix: usize) {
        if self.chance(self.chances.writes) {
            let key = self.random.random_range(0..self.keys);
            for node in &mut self.nodes {
                let stamp = node.world.write(key);
                // One of them is who writes.
                if node.holder == ix as u128 {
                    node.seen = stamp;
                }
            }
        }
        if self.chance(self.chances.writes) {
            let world = &self.nodes[ix].world;
            world.consume(world.now().p);
        }
        if self.chance(self.chances.faults) {
            match self.random.random_range(0..2) {
                0 => self.level2.restart(BTreeMap::new()),
                _ => {
                    self.is_away = !self.is_away;
                    self.level2.set_away(self.is_away);
                }
            }
        }
    }

    fn step(&mut self, ix: usize) {
        let now_us = self.clock.now_us();
        let state = std::mem::replace(&mut self.nodes[ix].state, State::Idle);
        self.nodes[ix].state = match state {
            State::Idle => self.begin(ix, now_us),
            State::At(errand, step) => self.carry_out(ix, errand, step, now_us),
            State::Waiting(errand, _) => self.hear(ix, errand, Heard::Waited, now_us),
            State::Loading(_, loaded, is_leased) => {
                self.loaded(ix, loaded, is_leased);
                State::Idle
            }
            State::Dead => State::Dead,
        };
    }

    fn begin(&mut self, ix: usize, now_us: i64) -> State {
        let key = self.random.random_range(0..self.keys);
        let node = &mut self.nodes[ix];
        node.errands -= 1;
        node.key = key;
        node.began_us = now_us;
        node.asked = node.seen;
        if let Some((value, low)) = value_of(&node.world.get(key, Some(node.seen))) {
            self.answered(ix, value, low);
            return State::Idle;
        }
        let (errand, step) = Errand::begin(&self.config, now_us);
        State::At(errand, step)
    }

    fn carry_out(&mut self, ix: usize, errand: Errand, step: Step, now_us: i64) -> State {
        let node = &self.nodes[ix];
        let (name, holder) = ([node.key], node.holder);
        let heard = match step {
            Step::Fetch => now(self.level2.fetch(&name)).map_or(Heard::Away, Heard::There),
            Step::Take(record) => {
                let freshness = Freshness {
                    seen: Some(node.asked),
                    copies: Copies::Covering,
                };
                let found = node.world.cache.take(&name, &record, &freshness);
                let taken = value_of(&found);
                if let Some((value, low)) = taken {
                    self.seen.shared += 1;
                    self.waited(ix, now_us);
                    self.answered(ix, value, low);
                }
                Heard::Taken(taken.is_some())
            }
            Step::Lease(_) if !self.chances.leases => Heard::Leased(Lease::Granted),
            Step::Lease(past) => {
                let lease = now(self.level2.lease(&name, holder, LEASE, past));
                lease.map_or(Heard::Away, Heard::Leased)
            }
            Step::Wait(span) => {
                assert!(span > Duration::ZERO && span <= self.config.look_max);
                return State::Waiting(errand, now_us + us(span));
            }
            Step::Load { is_leased } => return self.load(ix, is_leased, now_us),
            Step::Done => return State::Idle,
        };
        self.hear(ix, errand, heard, now_us)
    }

    fn hear(&mut self, _: usize, mut errand: Errand, heard: Heard, now_us: i64) -> State {
        let step = errand.next(heard, now_us, &self.jitter);
        State::At(errand, step)
    }

    fn load(&mut self, ix: usize, is_leased: bool, now_us: i64) -> State {
        self.seen.loads += 1;
        self.waited(ix, now_us);
        if is_leased && self.chance(self.chances.deaths) {
            self.seen.deaths += 1;
            return State::Dead;
        }
        let (least, most) = self.chances.load_ms;
        let load_us = self.random.random_range(least..most) * 1_000;
        // A load that outlasts its lease is prolonged: here, once, by all it takes.
        if is_leased && load_us > us(LEASE) {
            let span = Duration::from_micros(load_us as u64);
            let node = &self.nodes[ix];
            let _ = now(self
                .level2
                .lease(&[node.key], node.holder, span, Some(at(u64::MAX))));
        }
        let loaded = self.nodes[ix].world.read(self.nodes[ix].key);
        State::Loading(now_us + load_us, loaded, is_leased)
    }

    fn loaded(&mut self, ix: usize, loaded: Loaded, is_leased: bool) {
        let node = &self.nodes[ix];
        let name = [node.key];
        let record = node.world.cache.record(&loaded, Duration::ZERO);
        let low = loaded.low;
        if node.world.fill(node.key, loaded).is_ok()
            && let Some(record) = record
        {
            let _ = now(self.level2.put(&name, record, LONG));
        }
        if is_leased {
            let _ = now(self.level2.release(&name, node.holder));
        }
        let value = node.world.value(node.key, low.p);
        self.answered(ix, value, low);
    }

    fn waited(&mut self, ix: usize, now_us: i64) {
        let waited_us = now_us - self.nodes[ix].began_us;
        self.seen.waited_us = self.seen.waited_us.max(waited_us);
    }

    fn answered(&mut self, ix: usize, value: u64, low: Position) {
        let node = &mut self.nodes[ix];
        self.seen.answers += 1;
        let known = node.world.value(node.key, node.asked.p.max(low.p));
        node.seen = node.seen.max(low);
        self.seen.stale += usize::from(value < known);
    }
}
