//! Chance, injected: for jitter and early refreshes.

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Draws numbers. Tests inject [`SeededRandom`].
pub trait Random: Send + Sync + std::fmt::Debug {
    /// A number in `[0, 1)`, all equally likely.
    fn unit(&self) -> f64;
}

/// The thread's own generator.
#[derive(Debug, Default)]
pub struct ThreadRandom;

impl Random for ThreadRandom {
    fn unit(&self) -> f64 {
        rand::rng().random()
    }
}

/// The same numbers for the same seed.
#[derive(Debug)]
pub struct SeededRandom(Mutex<StdRng>);

impl SeededRandom {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> SeededRandom {
        SeededRandom(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Random for SeededRandom {
    fn unit(&self) -> f64 {
        self.0.lock().random()
    }
}
