//! Single flight: all who want the same thing at the same time share one load.
//!
//! A load runs as a task of its own, so that nobody's going away ends it for the others; it goes
//! on to its end, and what it gives is told to all who wait, a failure too. Where it panics, or
//! its runtime ends, they are told that as well.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use tokio::sync::watch;

/// The loads of a process that are under way, by key.
#[derive(Debug)]
pub struct Flights<K, T> {
    aloft: Arc<Mutex<HashMap<K, watch::Receiver<Option<T>>>>>,
}

/// A place on a flight.
#[derive(Debug)]
pub struct Ticket<T> {
    flight: watch::Receiver<Option<T>>,
    /// Whether the flight began with it.
    pub led: bool,
}

/// A load ended without an answer: it panicked, or the process is going down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the load ended without an answer")]
pub struct Abandoned;

impl<K, T> Default for Flights<K, T> {
    fn default() -> Flights<K, T> {
        Flights {
            aloft: Arc::default(),
        }
    }
}

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// A place on the flight of this key; where there is none, `load` is begun as a task of the
    /// current runtime. Whoever comes after its end begins another one.
    pub fn join<F>(&self, key: K, load: impl FnOnce() -> F) -> Ticket<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut aloft = self.aloft.lock();
        if let Some(flight) = aloft.get(&key) {
            let flight = flight.clone();
            return Ticket { flight, led: false };
        }
        let (tell, flight) = watch::channel(None);
        aloft.insert(key.clone(), flight.clone());
        drop(aloft);
        let landing = Landing {
            aloft: Arc::clone(&self.aloft),
            key,
        };
        let load = load();
        tokio::spawn(async move {
            let landing = landing;
            let answer = load.await;
            // Off the list first: whoever finds it there is told.
            drop(landing);
            let _ = tell.send(Some(answer));
        });
        Ticket { flight, led: true }
    }

    /// How many are under way.
    pub fn aloft(&self) -> usize {
        self.aloft.lock().len()
    }
}

impl<T: Clone> Ticket<T> {
    /// Waits for the answer. Dropping it lets go of this place alone.
    pub async fn landed(mut self) -> Result<T, Abandoned> {
        let answer = self.flight.wait_for(Option::is_some).await;
        answer.ok().and_then(|told| told.clone()).ok_or(Abandoned)
    }
}

/// Takes a flight off the list when it ends, in whichever way.
struct Landing<K: Eq + Hash, T> {
    aloft: Arc<Mutex<HashMap<K, watch::Receiver<Option<T>>>>>,
    key: K,
}

impl<K: Eq + Hash, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        self.aloft.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    type Told = Result<u32, String>;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap()
    }

    #[test]
    fn ten_thousand_who_miss_one_key_at_once_share_one_load_and_its_failure() {
        for told in [Ok(7), Err("the store is down".to_owned())] {
            let flights: Flights<&str, Told> = Flights::default();
            let (loads, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
            runtime().block_on(async {
                let tickets: Vec<Ticket<Told>> = (0..10_000)
                    .map(|_| {
                        let (loads, gate) = (Arc::clone(&loads), Arc::clone(&gate));
                        let told = told.clone();
                        flights.join("key", || async move {
                            loads.fetch_add(1, Ordering::SeqCst);
                            let _ = gate.acquire().await;
                            told
                        })
                    })
                    .collect();
                assert_eq!(tickets.iter().filter(|ticket| ticket.led).count(), 1);
                gate.add_permits(1);
                for ticket in tickets {
                    assert_eq!(ticket.landed().await, Ok(told.clone()));
                }
                assert_eq!(loads.load(Ordering::SeqCst), 1);
                assert_eq!(flights.aloft(), 0);
                let later = flights.join("key", || async { Ok(8) });
                assert_eq!(later.landed().await, Ok(Ok(8)));
            });
        }
    }

    #[test]
    fn who_goes_away_harms_nobody_not_even_who_began() {
        let flights: Flights<u8, u32> = Flights::default();
        let gate = Arc::new(Semaphore::new(0));
        runtime().block_on(async {
            let inside = Arc::clone(&gate);
            let leader = flights.join(1, || async move {
                let _ = inside.acquire().await;
                5
            });
            let follower = flights.join(1, || async { unreachable!() });
            let gone = tokio::spawn(leader.landed());
            gone.abort();
            assert!(gone.await.unwrap_err().is_cancelled());
            gate.add_permits(1);
            assert_eq!(follower.landed().await, Ok(5));
        });
    }

    #[test]
    fn a_load_that_panics_is_told_and_the_next_one_is_begun() {
        let flights: Flights<u8, u32> = Flights::default();
        let gate = Arc::new(Semaphore::new(0));
        runtime().block_on(async {
            let inside = Arc::clone(&gate);
            let leader = flights.join(1, || async move {
                let _ = inside.acquire().await;
                panic!("as the test wants it")
            });
            let follower = flights.join(1, || async { unreachable!() });
            gate.add_permits(1);
            assert_eq!(leader.landed().await, Err(Abandoned));
            assert_eq!(follower.landed().await, Err(Abandoned));
            assert_eq!(flights.join(1, || async { 6 }).landed().await, Ok(6));
        });
    }
}
