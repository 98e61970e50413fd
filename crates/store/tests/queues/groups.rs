//! Groups of consumers: each gets every message.

use crate::bench::{Bench, done, on_each, text};

#[tokio::test]
async fn each_group_gets_each_message_one_that_comes_later_too() {
    on_each(|bench: Bench| async move {
        bench.publish_each("two", &["one", "two"]).await;
        let a = bench.lease_of("two", Some("a"), 9).await;
        assert_eq!(text(&a), "one 1, two 1");
        assert_eq!(bench.ack("two", &a).await, done(2, 0));
        // It is declared: what it has not had is kept.
        let b = bench.lease_of("two", Some("b"), 1).await;
        assert_eq!(text(&b), "one 1");
        assert_eq!(bench.ack("two", &b).await, done(1, 0));
        let late = bench.lease_of("two", Some("late"), 9).await;
        assert_eq!(text(&late), "two 1", "what all had is gone");
        assert_eq!(bench.ack("two", &late).await, done(1, 0));
        let b = bench.lease_of("two", Some("b"), 9).await;
        assert_eq!(text(&b), "two 1");
        assert_eq!(bench.ack("two", &b).await, done(1, 0));
        let never = bench.lease_of("two", Some("never"), 9).await;
        assert_eq!(text(&never), "");
    })
    .await;
}
