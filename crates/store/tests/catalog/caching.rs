//! What is said of caches while they run, by several processes and tasks.

use super::House;
use super::late::Late;
use pando_store::catalog::CacheMark;
use std::sync::Arc;

const RULE: &str = "rest/a";

#[tokio::test]
async fn a_rule_that_another_process_has_changed_is_not_written_over() {
    let house = House::new();
    let (first, second) = (house.open().await, house.open().await);
    let changed = |rule: &str| Some(rule.to_owned());
    let change = first.change_cache_rule(RULE, None, "1".to_owned());
    assert!(change.await.unwrap());
    // The second has not heard of it.
    assert_eq!(second.cache_settings().rules.get(RULE), None);
    let change = second.change_cache_rule(RULE, None, "2".to_owned());
    assert!(!change.await.unwrap());
    assert_eq!(second.cache_settings().rules[RULE], "1");
    let change = second.change_cache_rule(RULE, changed("1"), "2".to_owned());
    assert!(change.await.unwrap());
    let change = first.change_cache_rule(RULE, changed("1"), "3".to_owned());
    assert!(!change.await.unwrap());
    assert_eq!(first.cache_settings().rules[RULE], "2");
    first.reset_cache_rule(RULE).await.unwrap();
    let change = second.change_cache_rule(RULE, changed("2"), "3".to_owned());
    assert!(!change.await.unwrap());
    assert!(second.cache_settings().rules.is_empty());
}

#[tokio::test]
async fn what_was_read_before_a_flush_does_not_take_it_back() {
    let mut house = House::new();
    let late = Arc::new(Late::new(house.engine));
    house.engine = Arc::clone(&late) as _;
    let store = house.open().await;
    late.hold_next("_pando_setting");
    let reset = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.reset_cache_rule(RULE).await }
    });
    late.held().await;
    // What it has read is on its way.
    let flush = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.mark_caches(CacheMark::Flush, None).await }
    });
    late.let_go_after_a_write().await;
    flush.await.unwrap().unwrap();
    let mark = |of: &CacheMark| store.cache_settings().mark(*of, RULE).map(str::to_owned);
    assert!(mark(&CacheMark::Flush).is_some());
    reset.await.unwrap().unwrap();
    assert!(
        mark(&CacheMark::Flush).is_some(),
        "the flush was taken back"
    );
}
