//! What lies in memory: foyer's cache behind one type, whatever the policy, with a capacity in
//! bytes, and a policy and a capacity that can be changed while it is used.
//!
//! foyer's own `clear` leaves its count of used bytes as it was (0.22.6), and what is being read
//! outlives its `evict_all` under `lru`; so nothing is ever cleared here: an emptied or changed
//! cache is a new one.

use crate::policy::Eviction;
use arc_swap::ArcSwap;
use foyer_common::event::{Event, EventListener};
use foyer_memory::{Cache as Foyer, CacheBuilder};
use futures_util::FutureExt;
use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What knows how much memory it takes.
pub trait Weighed {
    /// Bytes, key and bookkeeping included.
    fn weight_bytes(&self) -> usize;
}

/// How a cache in memory is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What leaves first.
    pub eviction: Eviction,
    /// How much it holds, in bytes.
    pub capacity_bytes: usize,
    /// Into how many parts it is cut, each with a lock and a share of the capacity.
    pub parts: usize,
    /// How much an entry is expected to weigh; the sketch of `lfu` is sized by it.
    pub entry_bytes: usize,
}

impl Shape {
    /// The heaviest entry that is let in: an eighth of a part. What is heavier would push out
    /// more than it can be worth.
    pub fn entry_bytes_max(&self) -> usize {
        (self.capacity_bytes / self.parts.max(1) / 8).max(1)
    }
}

/// Entries in memory, by key. Values are handed out as clones, so they should be cheap to clone.
pub struct Resident<K, V>
where
    K: Send + Sync + 'static + Hash + Eq,
    V: Send + Sync + 'static,
{
    now: ArcSwap<Generation<K, V>>,
    on_leave: OnLeave<V>,
    seed: u64,
}

type OnLeave<V> = Arc<dyn Fn(&V) + Send + Sync>;

/// One foyer cache, until it is replaced.
struct Generation<K, V>
where
    K: Send + Sync + 'static + Hash + Eq,
    V: Send + Sync + 'static,
{
    foyer: Foyer<K, V, KeyHash>,
    shape: Shape,
    /// Cleared before the generation is given up, so that what it drops is not told of.
    is_current: Arc<AtomicBool>,
}

impl<K, V> Resident<K, V>
where
    K: Clone + Send + Sync + 'static + Hash + Eq,
    V: Clone + Send + Sync + 'static + Weighed,
{
    /// An empty cache. `on_leave` is told of everything that leaves it, but for what
    /// [`Resident::clear`] drops; it is called without any lock of this cache held. `seed` makes
    /// its hashes.
    pub fn new(
        shape: Shape,
        seed: u64,
        on_leave: impl Fn(&V) + Send + Sync + 'static,
    ) -> Resident<K, V> {
        let on_leave: OnLeave<V> = Arc::new(on_leave);
        let first = Generation::new(shape, seed, &on_leave);
        Resident {
            now: ArcSwap::from_pointee(first),
            on_leave,
            seed,
        }
    }

    /// What lies there; the policy takes notice.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Eq + ?Sized,
        K: Borrow<Q>,
    {
        self.now.load().foyer.get(key).map(|entry| V::clone(&entry))
    }

    /// Puts it in, in the place of what was there. `false` where it is too heavy.
    pub fn insert(&self, key: K, value: V) -> bool {
        let now = self.now.load();
        if value.weight_bytes() > now.shape.entry_bytes_max() {
            return false;
        }
        now.foyer.insert(key, value);
        true
    }

    /// Takes it out.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Eq + ?Sized,
        K: Borrow<Q>,
    {
        let removed = self.now.load().foyer.remove(key);
        removed.map(|entry| V::clone(&entry))
    }

    /// Drops everything, without telling of it.
    pub fn clear(&self) {
        let shape = self.shape();
        self.replace(shape, false);
    }

    /// Changes policy and capacity; what is there is carried over as far as it fits. What order
    /// it was in, and how often it was used, is forgotten. Nothing may be inserted or removed
    /// meanwhile; it may be read.
    pub fn reshape(&self, shape: Shape) {
        if shape != self.shape() {
            self.replace(shape, true);
        }
    }

    /// How it is cut.
    pub fn shape(&self) -> Shape {
        self.now.load().shape
    }

    /// How many bytes lie there.
    pub fn used_bytes(&self) -> usize {
        self.now.load().foyer.usage()
    }

    /// How many entries lie there.
    pub fn entries(&self) -> usize {
        self.now.load().foyer.entries()
    }

    fn replace(&self, shape: Shape, carry: bool) {
        let old = self.now.load_full();
        let next = Generation::new(shape, self.seed, &self.on_leave);
        if carry {
            let limit = shape.entry_bytes_max();
            for (key, value) in old.all() {
                if value.weight_bytes() <= limit {
                    next.foyer.insert(key, value);
                } else {
                    (self.on_leave)(&value);
                }
            }
        }
        old.is_current.store(false, Ordering::SeqCst);
        self.now.store(Arc::new(next));
    }
}

impl<K, V> Generation<K, V>
where
    K: Clone + Send + Sync + 'static + Hash + Eq,
    V: Clone + Send + Sync + 'static + Weighed,
{
    fn new(shape: Shape, seed: u64, on_leave: &OnLeave<V>) -> Generation<K, V> {
        let is_current = Arc::new(AtomicBool::new(true));
        let parts = shape.parts.max(1);
        let entries = shape.capacity_bytes / shape.entry_bytes.max(1) / parts;
        let listener = Leaving {
            is_current: Arc::clone(&is_current),
            on_leave: Arc::clone(on_leave),
            key: PhantomData,
        };
        let foyer = CacheBuilder::new(shape.capacity_bytes)
            .with_shards(parts)
            .with_eviction_config(shape.eviction.foyer(entries))
            .with_hash_builder(KeyHash(seed))
            .with_weighter(|_: &K, value: &V| value.weight_bytes())
            .with_event_listener(Arc::new(listener))
            .build();
        Generation {
            foyer,
            shape,
            is_current,
        }
    }

    /// Everything that is there. foyer has no other way to go over it than a condition of what
    /// is to leave; none does, so nothing is waited for.
    fn all(&self) -> Vec<(K, V)> {
        let mut found = Vec::new();
        let visit = |key: &K, value: &V| {
            found.push((key.clone(), value.clone()));
            false
        };
        let _ = self.foyer.flush_if(visit).now_or_never();
        found
    }
}

struct Leaving<K, V> {
    is_current: Arc<AtomicBool>,
    on_leave: OnLeave<V>,
    key: PhantomData<fn(K)>,
}

impl<K, V> EventListener for Leaving<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    type Key = K;
    type Value = V;

    fn on_leave(&self, _: Event, _: &K, value: &V) {
        if self.is_current.load(Ordering::SeqCst) {
            (self.on_leave)(value);
        }
    }
}

impl<K, V> fmt::Debug for Resident<K, V>
where
    K: Send + Sync + 'static + Hash + Eq,
    V: Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.now.load();
        f.debug_struct("Resident")
            .field("shape", &now.shape)
            .finish_non_exhaustive()
    }
}

/// XXH3 in one go over a key's bytes, seeded anew in each process so that keys which fall on one
/// another cannot be made beforehand.
#[derive(Clone, Copy, Debug)]
struct KeyHash(u64);

impl BuildHasher for KeyHash {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher(self.0)
    }
}

struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxhash_rust::xxh3::xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    /// The length before the bytes: they are hashed with it.
    fn write_usize(&mut self, number: usize) {
        self.0 ^= number as u64;
    }
}
