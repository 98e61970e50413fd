//! Only memory: its timeline shares nothing with those before it.

use crate::ask::*;
use crate::bench::Bench;
use crate::sessions::session;
use pando_model::stamp::Position;
use pando_store::session::Consistency;

#[tokio::test]
async fn a_stamp_that_the_history_has_lost_is_told() {
    let bench = Bench::new().await;
    let high = bench.store.engine().progress().high;
    let older = Position {
        timeline: high.timeline - 1,
        p: high.p + 1,
    };
    let (_, stamped) = bench
        .store
        .read_table(&from("users").0, &session(older, Consistency::Session))
        .await
        .unwrap();
    assert!(stamped.lost);
    assert_eq!(stamped.high.timeline, high.timeline);
}
