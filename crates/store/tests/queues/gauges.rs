//! Back-pressure, and how full a queue is without counting it all.

use crate::bench::{Bench, SECOND, message, on_each};
use crate::concluded::concluded;
use pando_store::queue::{Nack, NewMessage};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

#[tokio::test]
async fn what_is_measured_in_pieces_is_what_a_count_of_all_gives() {
    on_each(|bench: Bench| async move {
        let mut random = StdRng::seed_from_u64(11);
        let mut published = 0;
        for round in 0..120 {
            for _ in 0..random.random_range(0..4) {
                let some = 0..random.random_range(1..5);
                let some = some.map(|_| {
                    published += 1;
                    NewMessage {
                        priority: random.random_range(0..3),
                        ..message(&published.to_string())
                    }
                });
                let some = some.collect();
                bench.publish("p", some).await;
            }
            let leased = bench.lease("p", random.random_range(1..9)).await;
            if random.random_bool(0.7) && !leased.is_empty() {
                bench.ack("p", &leased).await;
            } else if !leased.is_empty() {
                bench.nack("p", &leased, Nack::default()).await;
            }
            bench.wait(SECOND / 3);
            if random.random_bool(0.02) {
                bench.store.queue_purge("p").await.unwrap();
            }
            if random.random_bool(0.6) {
                let depth = bench.store.queue_depth("p", None).unwrap();
                let depth = concluded(&bench.store, depth).await.unwrap();
                let measured = bench.store.queue_measure("p", None).await.unwrap();
                assert_eq!(measured, depth, "round {round}");
            }
        }
        assert!(published > 200);
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_refuses_until_there_is_room_again() {
    on_each(|bench: Bench| async move {
        let admit = |count| bench.store.queue_admit_publish("small", count);
        assert_eq!(admit(6).unwrap_err().code, "unprocessable", "never");
        for n in 0..5 {
            admit(1).unwrap_or_else(|refusal| panic!("{n}: {refusal:?}"));
            bench.publish_each("small", &["x"]).await;
            let refusal = admit(5).unwrap_err();
            assert_eq!(refusal.code, "queue_full", "{n}: not at once");
        }
        let refusal = admit(1).unwrap_err();
        assert_eq!(refusal.code, "queue_full");
        bench.store.queue_measure_watched().await.unwrap();
        assert_eq!(admit(1).unwrap_err().code, "queue_full", "as measured");
        let leased = bench.lease("small", 3).await;
        bench.store.queue_measure_watched().await.unwrap();
        let refusal = bench.store.queue_admit_lease("small", None).unwrap_err();
        assert_eq!(refusal.code, "too_many_in_flight");
        bench.ack("small", &leased).await;
        bench.store.queue_measure_watched().await.unwrap();
        bench.store.queue_admit_lease("small", None).unwrap();
        admit(1).unwrap();
    })
    .await;
}

#[tokio::test]
async fn leases_that_ran_out_do_not_keep_others_from_leasing() {
    on_each(|bench| async move {
        bench.publish_each("small", &["a", "b", "c"]).await;
        assert_eq!(bench.lease("small", 3).await.len(), 3);
        bench.store.queue_measure("small", None).await.unwrap();
        let refusal = bench.store.queue_admit_lease("small", None).unwrap_err();
        assert_eq!(refusal.code, "too_many_in_flight");
        bench.wait(3_600_000_000);
        let depth = bench.store.queue_measure("small", None).await.unwrap();
        assert_eq!((depth.in_flight, depth.waiting), (0, 3));
        bench.store.queue_admit_lease("small", None).unwrap();
        assert_eq!(bench.lease("small", 3).await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn what_a_process_has_leased_counts_at_once_and_what_it_settled_no_more() {
    on_each(|bench| async move {
        let is_refused = || {
            let admitted = bench.store.queue_admit_lease("small", None);
            admitted.is_err_and(|refusal| refusal.code == "too_many_in_flight")
        };
        bench
            .publish_each("small", &["a", "b", "c", "d", "e"])
            .await;
        assert!(!is_refused(), "it is asked about from now on");
        for settle in 0..4 {
            let leased = bench.lease("small", 3).await;
            assert_eq!(leased.len(), 3);
            assert!(is_refused(), "{settle}: nobody has counted");
            let some = match settle {
                0 => bench.nack("small", &leased, Nack::default()).await,
                1 => bench.unlease("small", &leased).await,
                2 => bench.bury("small", &leased, "no").await,
                _ => bench.ack("small", &leased).await,
            };
            assert_eq!((some.acked, some.gone), (3, 0));
            assert!(!is_refused(), "{settle}: they are done");
            bench.wait(SECOND);
            bench.publish_each("small", &["x", "y", "z"]).await;
        }
        let leased = bench.lease("small", 2).await;
        bench.store.queue_measure("small", None).await.unwrap();
        assert!(!is_refused(), "each is counted once");
        assert_eq!(bench.ack("small", &leased).await.acked, 2);
        assert_eq!(bench.ack("small", &leased).await.gone, 2);
        assert_eq!(bench.lease("small", 2).await.len(), 2);
        assert!(!is_refused(), "what was gone is not taken off twice");
        assert_eq!(bench.lease("small", 1).await.len(), 1);
        assert!(is_refused());
    })
    .await;
}
