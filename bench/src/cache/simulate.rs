//! The policies again, written from their papers for keys alone, and the optimum: what the
//! cache's hit ratios are compared with. Plain on purpose; it shares nothing with the cache.
//!
//! Keys are `0..distinct`, as [`super::traces`] numbers them.

use pando_cache::Eviction;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// How many requests of a trace a policy answers from so many entries.
pub fn hits(eviction: Eviction, trace: &[u32], entries: usize) -> u64 {
    match eviction {
        Eviction::Lru => lru(trace, entries),
        Eviction::Lfu => w_tiny_lfu(trace, entries, Tie::Stays),
        Eviction::Fifo => fifo(trace, entries),
        Eviction::S3Fifo => s3_fifo(trace, entries),
        Eviction::Sieve => sieve(trace, entries),
    }
}

/// The optimum of what keeps every key it is asked for: what is needed again last goes. Belady:
/// A Study of Replacement Algorithms for a Virtual-Storage Computer, IBM Systems Journal 1966.
pub fn belady(trace: &[u32], entries: usize) -> u64 {
    let mut next = vec![usize::MAX; trace.len()];
    let mut last = HashMap::new();
    for (i, key) in trace.iter().enumerate().rev() {
        next[i] = last.insert(*key, i).unwrap_or(usize::MAX);
    }
    let mut due: HashMap<u32, usize> = HashMap::new();
    let mut order: BTreeSet<(usize, u32)> = BTreeSet::new();
    let mut hits = 0;
    for (i, key) in trace.iter().enumerate() {
        if let Some(old) = due.get(key) {
            hits += 1;
            order.remove(&(*old, *key));
        } else if due.len() == entries
            && let Some((_, furthest)) = order.pop_last()
        {
            due.remove(&furthest);
        }
        due.insert(*key, next[i]);
        order.insert((next[i], *key));
    }
    hits
}

/// Keys in an order, from the back (new) to the front.
#[derive(Default)]
struct Queue {
    order: BTreeMap<u64, u32>,
    place: HashMap<u32, u64>,
    next: u64,
}

impl Queue {
    fn push(&mut self, key: u32) {
        self.order.insert(self.next, key);
        self.place.insert(key, self.next);
        self.next += 1;
    }

    fn pop(&mut self) -> Option<u32> {
        let (_, key) = self.order.pop_first()?;
        self.place.remove(&key);
        Some(key)
    }

    fn front(&self) -> Option<u32> {
        self.order.first_key_value().map(|(_, key)| *key)
    }

    /// Whether it was there.
    fn remove(&mut self, key: u32) -> bool {
        let place = self.place.remove(&key);
        place.is_some_and(|place| self.order.remove(&place).is_some())
    }

    fn contains(&self, key: u32) -> bool {
        self.place.contains_key(&key)
    }

    fn len(&self) -> usize {
        self.order.len()
    }
}

fn lru(trace: &[u32], entries: usize) -> u64 {
    let mut queue = Queue::default();
    let mut hits = 0;
    for key in trace {
        if queue.remove(*key) {
            hits += 1;
        } else if queue.len() == entries {
            queue.pop();
        }
        queue.push(*key);
    }
    hits
}

fn fifo(trace: &[u32], entries: usize) -> u64 {
    let mut queue = Queue::default();
    let mut hits = 0;
    for key in trace {
        if queue.contains(*key) {
            hits += 1;
            continue;
        }
        if queue.len() == entries {
            queue.pop();
        }
        queue.push(*key);
    }
    hits
}

/// Who stays where the candidate and the victim were asked for equally often.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// Who is there: the paper's rule.
    Stays,
    /// The newcomer: foyer's. It costs hits where a loop would just fit.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a test shows that it is the difference")
    )]
    Leaves,
}

/// W-TinyLFU: Einziger, Friedman, Manes: TinyLFU, ACM Transactions on Storage 2017. A window of
/// 10 %, then a segmented LRU of which 80 % are protected; what leaves the window is let in if it
/// was asked for more often than what would leave for it. Counts are exact where the paper has a
/// sketch, and halved every eight times the entries.
pub fn w_tiny_lfu(trace: &[u32], entries: usize, tie: Tie) -> u64 {
    let window_max = (entries / 10).max(1);
    let main_max = entries - window_max;
    let protected_max = main_max * 8 / 10;
    let (mut window, mut probation, mut protected) =
        (Queue::default(), Queue::default(), Queue::default());
    let mut counts: HashMap<u32, u32> = HashMap::new();
    let (mut counted, mut hits) = (0, 0);
    for key in trace {
        *counts.entry(*key).or_default() += 1;
        counted += 1;
        if counted == 8 * entries {
            counts.values_mut().for_each(|count| *count /= 2);
            counted /= 2;
        }
        if window.remove(*key) {
            hits += 1;
            window.push(*key);
        } else if protected.remove(*key) {
            hits += 1;
            protected.push(*key);
        } else if probation.remove(*key) {
            hits += 1;
            protected.push(*key);
            if protected.len() > protected_max
                && let Some(demoted) = protected.pop()
            {
                probation.push(demoted);
            }
        } else {
            window.push(*key);
            if window.len() <= window_max {
                continue;
            }
            let Some(candidate) = window.pop() else {
                continue;
            };
            if probation.len() + protected.len() < main_max {
                probation.push(candidate);
                continue;
            }
            let main = if probation.len() > 0 {
                &mut probation
            } else {
                &mut protected
            };
            let count = |key: u32| counts.get(&key).copied().unwrap_or(0);
            let is_let_in = |victim| match tie {
                Tie::Stays => count(candidate) > count(victim),
                Tie::Leaves => count(candidate) >= count(victim),
            };
            if main.front().is_some_and(is_let_in) {
                main.pop();
                probation.push(candidate);
            }
        }
    }
    hits
}

/// S3-FIFO: Yang, Zhang, Qiu, Yue, Rashmi: FIFO Queues Are All You Need for Cache Eviction, SOSP
/// 2023, Algorithm 1. A small queue of 10 %, a main one of 90 %, as many ghosts as the main
/// queue has room for; counts up to 3, cleared on the way from the small queue to the main one.
fn s3_fifo(trace: &[u32], entries: usize) -> u64 {
    let small_max = (entries / 10).max(1);
    let ghost_max = entries - small_max;
    let (mut small, mut main) = (VecDeque::new(), VecDeque::new());
    let (mut ghosts, mut ghost_order) = (HashSet::new(), VecDeque::new());
    let mut counts: HashMap<u32, u8> = HashMap::new();
    let mut hits = 0;
    for key in trace {
        if let Some(count) = counts.get_mut(key) {
            hits += 1;
            *count = (*count + 1).min(3);
            continue;
        }
        while counts.len() >= entries {
            // Evict from the small queue until a key has left, or it is within its bound.
            if small.len() > small_max || main.is_empty() {
                let Some(oldest) = small.pop_front() else {
                    break;
                };
                if counts[&oldest] > 1 {
                    counts.insert(oldest, 0);
                    main.push_back(oldest);
                } else {
                    counts.remove(&oldest);
                    ghosts.insert(oldest);
                    ghost_order.push_back(oldest);
                }
                while ghost_order.len() > ghost_max {
                    ghost_order.pop_front().map(|ghost| ghosts.remove(&ghost));
                }
            } else if let Some(oldest) = main.pop_front() {
                match counts[&oldest] {
                    0 => {
                        counts.remove(&oldest);
                    }
                    count => {
                        counts.insert(oldest, count - 1);
                        main.push_back(oldest);
                    }
                }
            }
        }
        if ghosts.remove(key) {
            ghost_order.retain(|ghost| ghost != key);
            main.push_back(*key);
        } else {
            small.push_back(*key);
        }
        counts.insert(*key, 0);
    }
    hits
}

/// SIEVE: Zhang, Yang, Yue, Vigfusson, Rashmi: SIEVE is Simpler than LRU, NSDI 2024, Algorithm 1.
/// One queue; a hand goes from old to new over it, spares what was visited, and stays where it
/// took something out.
fn sieve(trace: &[u32], entries: usize) -> u64 {
    // By when they came: a key is never moved.
    let mut queue: BTreeMap<u64, u32> = BTreeMap::new();
    let mut visited: HashMap<u32, bool> = HashMap::new();
    let (mut hand, mut next, mut hits) = (0, 0, 0);
    for key in trace {
        if let Some(visited) = visited.get_mut(key) {
            hits += 1;
            *visited = true;
            continue;
        }
        while visited.len() >= entries {
            let under = queue
                .range(hand..)
                .next()
                .or_else(|| queue.first_key_value());
            let Some((place, candidate)) = under.map(|(place, key)| (*place, *key)) else {
                break;
            };
            // Beyond the newest it begins again with the oldest, whatever comes in between.
            let newer = queue.range(place + 1..).next();
            hand = newer.map_or(0, |(newer, _)| *newer);
            if visited.get(&candidate) == Some(&true) {
                visited.insert(candidate, false);
            } else {
                visited.remove(&candidate);
                queue.remove(&place);
            }
        }
        queue.insert(next, *key);
        visited.insert(*key, false);
        next += 1;
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each worked by hand, with three entries.
    #[test]
    fn policies_do_what_their_papers_say_on_traces_worked_by_hand() {
        let loops = [0, 1, 2, 3, 0, 1, 2, 3];
        assert_eq!(lru(&loops, 3), 0);
        assert_eq!(fifo(&loops, 3), 0);
        // 3 takes the place of 2, 2 that of 1 or 3: 0, 1, then 3 or 1.
        assert_eq!(belady(&loops, 3), 3);
        // 0 is asked for again: LRU keeps it over 1, FIFO does not, the hand spares it.
        let spared = [0, 1, 2, 0, 3, 0, 1];
        assert_eq!(lru(&spared, 3), 2);
        assert_eq!(fifo(&spared, 3), 1);
        assert_eq!(sieve(&spared, 3), 2);
        assert_eq!(belady(&spared, 3), 3);
    }
}
