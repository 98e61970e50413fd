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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Bytes(usize);

    impl Weighed for Bytes {
        fn weight_bytes(&self) -> usize {
            self.0
        }
    }

    fn shape(eviction: Eviction, capacity_bytes: usize) -> Shape {
        Shape {
            eviction,
            capacity_bytes,
            parts: 1,
            entry_bytes: 10,
        }
    }

    /// A cache, and how many entries it has told to have left it.
    fn counted(shape: Shape) -> (Resident<u64, Bytes>, Arc<AtomicUsize>) {
        let left = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&left);
        let resident = Resident::new(shape, 1, move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        (resident, left)
    }

    #[test]
    fn no_policy_holds_more_bytes_than_its_capacity_and_each_tells_what_left() {
        for eviction in Eviction::ALL {
            let (resident, left) = counted(shape(eviction, 10_000));
            for key in 0..5_000_u64 {
                assert!(resident.insert(key % 2_500, Bytes(10 + (key % 7) as usize)));
                resident.get(&(key / 2));
                assert!(resident.used_bytes() <= 10_000, "{eviction}");
            }
            let there = resident.entries();
            assert!((600..=1_000).contains(&there), "{eviction}: {there}");
            assert_eq!(left.load(Ordering::SeqCst), 5_000 - there, "{eviction}");
        }
    }

    #[test]
    fn a_cleared_cache_holds_as_much_as_a_new_one_and_tells_of_nothing() {
        for eviction in Eviction::ALL {
            let (resident, left) = counted(shape(eviction, 1_000));
            let fill = || (0..100_u64).all(|key| resident.insert(key, Bytes(10)));
            assert!(fill());
            assert_eq!(resident.entries(), 100, "{eviction}");
            resident.clear();
            assert_eq!((resident.entries(), resident.used_bytes()), (0, 0));
            assert_eq!(left.load(Ordering::SeqCst), 0, "{eviction}");
            assert!(fill());
            assert_eq!(resident.entries(), 100, "{eviction}");
        }
    }

    #[test]
    fn policy_and_capacity_change_while_it_is_used_and_what_fits_is_carried_over() {
        for from in Eviction::ALL {
            for to in Eviction::ALL {
                let (resident, left) = counted(shape(from, 1_000));
                for key in 0..100_u64 {
                    resident.insert(key, Bytes(10));
                }
                resident.reshape(shape(to, 2_000));
                assert_eq!(resident.entries(), 100, "{from} to {to}");
                assert_eq!(resident.get(&42), Some(Bytes(10)));
                resident.reshape(shape(to, 500));
                assert_eq!(resident.entries(), 50, "{from} to {to}");
                assert_eq!(left.load(Ordering::SeqCst), 50, "{from} to {to}");
            }
        }
    }

    /// The counts of foyer's sketch have 16 bits.
    #[test]
    fn a_key_that_is_asked_for_all_the_time_is_not_forgotten_by_lfu() {
        let (resident, _) = counted(shape(Eviction::Lfu, 200_000));
        assert!(resident.insert(0, Bytes(10)));
        for _ in 0..150_000 {
            assert!(resident.get(&0).is_some());
        }
        for key in 1..100_000 {
            resident.insert(key, Bytes(10));
        }
        assert!(resident.get(&0).is_some());
    }

    #[test]
    fn what_would_push_out_much_of_the_cache_is_not_let_in() {
        let (resident, _) = counted(shape(Eviction::Lru, 800));
        assert!(resident.insert(1, Bytes(100)));
        assert!(!resident.insert(2, Bytes(101)));
        assert_eq!(resident.get(&2), None);
    }
}
