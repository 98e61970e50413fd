use super::House;
use super::late::Late;
use pando_store::error::StoreError;
use pando_store::ids::PROCESSES_MAX;
use std::collections::HashSet;
use std::sync::Arc;

const SECOND_US: i64 = 1_000_000;

#[tokio::test]
async fn ids_rise_and_fit_a_double() {
    let store = House::new().open().await;
    let mut last = 0;
    for _ in 0..20 {
        for id in store.ids().reserve(100).await.unwrap() {
            assert!(id > last && id < 1 << 53, "{id} after {last}");
            last = id;
        }
    }
    assert!(store.ids().reserve(0).await.unwrap().is_empty());
}

/// Restarts as a crash does, with clocks that step back at every one of them.
#[tokio::test]
async fn no_id_is_made_twice_over_restarts_whatever_the_clock_does() {
    let house = House::new();
    let mut seen = HashSet::new();
    let mut made = 0;
    for step in [
        0, -3, 5, -3_600, 10, -1, -1, 2, -7_200, 1, 0, 0, -30, 3_600, 0, 0, -2, 5, 0, -9,
    ] {
        house.clock.advance_us(step * SECOND_US);
        let store = house.open().await;
        match store.ids().reserve(1_000).await {
            Ok(ids) => {
                made += 1;
                for id in ids {
                    assert!(seen.insert(id), "{id} was made before");
                }
            }
            // All groups are ahead of a clock that stepped back by hours: better none.
            Err(StoreError::Engine(error)) => assert!(error.is_retry_safe()),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(made >= 16, "a group that was not used has room: {made}");
}

#[tokio::test]
async fn as_many_processes_make_ids_as_there_are_groups_and_one_more_is_told_so() {
    let mut house = House::new();
    house.engine = Arc::new(Late::new(house.engine));
    let mut stores = Vec::new();
    for _ in 0..PROCESSES_MAX {
        let store = house.open().await;
        store.ids().reserve(1).await.unwrap();
        stores.push(store);
    }
    let one_more = house.open().await;
    let error = one_more.ids().reserve(1).await.unwrap_err();
    assert!(
        error.to_string().contains("16 processes may make ids"),
        "{error}"
    );
    // One that is idle has none: so many more may be there.
    house.clock.advance_us(SECOND_US);
    let ids = one_more.ids().reserve(1).await.unwrap();
    let others = stores[15].ids().reserve(1).await.unwrap();
    assert_ne!(ids, others);
}

#[tokio::test]
async fn many_quick_restarts_leave_room_for_ids() {
    for (restarts, apart_us) in [(200, SECOND_US / 2), (1_000, SECOND_US / 20)] {
        let house = House::new();
        for _ in 0..restarts {
            house.clock.advance_us(apart_us);
            house.open().await.ids().reserve(10).await.unwrap();
        }
    }
}
