use super::House;
use super::late::Late;
use std::sync::Arc;
use std::time::Duration;

const TERM: Duration = Duration::from_secs(60);
const SECOND_US: i64 = 1_000_000;

#[tokio::test]
async fn one_of_several_processes_keeps_up_and_another_once_it_is_gone() {
    let mut house = House::new();
    house.engine = Arc::new(Late::new(house.engine));
    let (first, second) = (house.open().await, house.open().await);
    assert!(first.keeps_up(TERM).await.unwrap());
    for _ in 0..20 {
        house.clock.advance_us(10 * SECOND_US);
        assert!(first.keeps_up(TERM).await.unwrap());
        assert!(!second.keeps_up(TERM).await.unwrap());
    }
    // The first one is not heard of any more.
    house.clock.advance_us(61 * SECOND_US);
    assert!(second.keeps_up(TERM).await.unwrap());
    assert!(!first.keeps_up(TERM).await.unwrap());
    // A clock that was far ahead holds nobody off.
    house.clock.advance_us(-3_600 * SECOND_US);
    assert!(first.keeps_up(TERM).await.unwrap());
}

#[tokio::test]
async fn a_store_with_one_process_asks_nobody() {
    let house = House::new();
    for store in [house.open().await, house.open().await] {
        assert!(store.keeps_up(TERM).await.unwrap());
    }
}
