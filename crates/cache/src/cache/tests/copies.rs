//! Who may be given what lies in memory: stamps that are lost, copies of any age, a store that
//! fails.

use super::*;
use pando_model::stamp::Fork;

/// A cache over a store of a second timeline, which goes on from position 8 of the first.
fn after_a_failover() -> Setting {
    let mut setting = setting(config());
    let fork = Fork { timeline: 2, at: 8 };
    let at = Position { timeline: 2, p: 10 };
    let now_us = setting.clock.now_us();
    let replica = Replica::new(at, History::new(vec![fork]), now_us);
    let clock = Arc::clone(&setting.clock) as Arc<dyn Clock>;
    let cache = Cache::new(replica, config(), clock, Arc::new(SeededRandom::new(3)));
    setting.cache = cache.unwrap();
    setting
}

const COPIES: [Copies; 3] = [
    Copies::Covering,
    Copies::Within(Duration::from_secs(3_600)),
    Copies::Any,
];

#[test]
fn who_has_seen_what_was_lost_is_told_by_the_store_however_old_an_answer_he_would_take() {
    let setting = after_a_failover();
    let at = Position { timeline: 2, p: 10 };
    let said = |lost| Loaded {
        low: at,
        high: at,
        lost,
        ..loaded("one", 10).unwrap()
    };
    let store = Store::new(Ok(said(false)));
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "one");
    *store.says.lock() = Ok(said(true));
    for copies in COPIES {
        // The first timeline's 8 is in the second, and its 9 is not.
        for (p, is_lost) in [(8, false), (9, true)] {
            let seen = Some(Position { timeline: 1, p });
            let freshness = Freshness { seen, copies };
            let found = setting.cache.get(b"k", &freshness);
            assert_eq!(found == Found::Past, is_lost, "{copies:?} {p}: {found:?}");
            let loads = store.loads();
            let asked = setting.cache.get_or_load(b"k", freshness, || store.load());
            let answer = setting.runtime.block_on(asked).unwrap();
            assert_eq!(answer.lost, is_lost, "{copies:?} {p}");
            assert_eq!(store.loads() - loads, usize::from(is_lost));
        }
    }
}

#[test]
fn who_takes_any_copy_is_not_kept_waiting_for_one_that_has_what_he_has_seen() {
    let setting = setting(config());
    let store = Store::new(loaded("one", 10));
    for copies in COPIES {
        // Far ahead of what the feed or any read has seen.
        let freshness = Freshness {
            seen: Some(at(99)),
            copies,
        };
        setting.cache.clear();
        setting.ask(&store, freshness).unwrap();
        let asked = store.asked.lock().last().copied().unwrap();
        let has_to_cover = copies == Copies::Covering;
        assert_eq!(asked.seen.is_some(), has_to_cover, "{copies:?}: {asked:?}");
        let is_ahead = setting.cache.get(b"k", &freshness) == Found::Ahead;
        assert_eq!(is_ahead, has_to_cover, "{copies:?}");
    }
}

#[test]
fn while_the_store_fails_what_is_old_is_given_at_once_and_it_is_asked_behind() {
    let setting = setting(config());
    let store = Store::new(loaded("old", 10));
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "old");
    setting.advance(20);
    *store.says.lock() = down();
    for n in 1..4 {
        assert_eq!(setting.ask(&store, covering(None)).unwrap(), "old");
        setting.settle();
        assert_eq!(store.loads(), 1 + n);
        assert_eq!(setting.cache.statistics().stale_on_error, n as u64);
    }
    // The first that it says again ends it, for all keys.
    *store.says.lock() = loaded("new", 10);
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "old");
    setting.settle();
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "new");
    setting.advance(20);
    *store.says.lock() = loaded("newer", 10);
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "newer");
}

#[test]
fn a_store_that_hangs_is_one_that_fails() {
    let setting = setting(config());
    let store = Store::gated(loaded("old", 10));
    store.gate.add_permits(1);
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "old");
    setting.advance(20);
    *store.says.lock() = loaded("new", 10);
    // Nobody opens the gate: what is old is given, by and by and then at once.
    for n in 1..4 {
        assert_eq!(setting.ask(&store, covering(None)).unwrap(), "old");
        assert_eq!(setting.cache.statistics().stale_on_error, n);
        assert_eq!(store.loads(), 2, "it is asked once");
    }
    store.gate.add_permits(1);
    setting.settle();
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "new");
}
