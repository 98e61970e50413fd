//! Publishes: ids that come again, and messages for later.

use crate::bench::{Bench, NOW, SECOND, message, on_each, text, with_id};
use pando_store::queue::NewMessage;

#[tokio::test]
async fn an_id_names_one_message_while_its_window_lasts_whatever_became_of_it() {
    on_each(|bench: Bench| async move {
        let three = [
            with_id("one", "x"),
            with_id("two", "y"),
            with_id("three", "x"),
        ];
        let first = bench.publish("q", three.to_vec()).await;
        assert_eq!(first[0], first[2]);
        let leased = bench.lease("q", 9).await;
        assert_eq!(text(&leased), "one 1, two 1");
        bench.ack("q", &leased).await;
        bench.wait(300 * SECOND - 1);
        let again = bench.publish("q", vec![with_id("again", "x")]).await;
        assert_eq!(again[0], first[0]);
        assert_eq!(text(&bench.lease("q", 9).await), "");
        bench.wait(1);
        let new = bench.publish("q", vec![with_id("new", "x")]).await;
        assert_ne!(new[0], first[0]);
        assert_eq!(text(&bench.lease("q", 9).await), "new 1");
        let elsewhere = bench.publish("other", vec![with_id("there", "x")]).await;
        assert_ne!(elsewhere[0], new[0]);
    })
    .await;
}

#[tokio::test]
async fn a_message_for_later_takes_its_place_when_its_time_has_come() {
    on_each(|bench: Bench| async move {
        let later = |body, seconds| NewMessage {
            at_us: Some(NOW + seconds * SECOND),
            ..message(body)
        };
        let all = vec![
            later("ten", 10),
            later("five", 5),
            message("now"),
            later("past", -5),
        ];
        bench.publish("q", all).await;
        assert_eq!(text(&bench.lease("q", 9).await), "now 1, past 1");
        let released = bench.store.queue_release(0).await.unwrap();
        assert!(released.queues.is_empty());
        assert_eq!(released.next_us, Some(NOW + 5 * SECOND));
        bench.wait(10 * SECOND);
        let released = bench.store.queue_release(0).await.unwrap();
        assert_eq!(released.queues, ["q".to_owned()].into());
        assert_eq!(released.next_us, None);
        assert_eq!(text(&bench.lease("q", 9).await), "five 1, ten 1");
        assert!(
            bench
                .store
                .queue_release(0)
                .await
                .unwrap()
                .queues
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn each_occurrence_of_a_schedule_is_published_once_whoever_looks() {
    on_each(|bench: Bench| async move {
        // 1_800_000_000 is a Friday, 08:00 in UTC.
        let run = || async { bench.store.queue_run_schedules(|_| ()).await.unwrap() };
        let hour = 3_600 * SECOND;
        let next = |released: pando_store::queue::Released| released.next_us.unwrap() - NOW;
        assert_eq!(
            next(run().await),
            hour,
            "what was before it is new does not occur"
        );
        assert_eq!(text(&bench.lease("hourly", 9).await), "");
        bench.wait(hour);
        let both = tokio::join!(run(), run());
        assert_eq!(both.0.queues.len() + both.1.queues.len(), 1);
        let leased = bench.lease("hourly", 9).await;
        assert_eq!(text(&leased), "{\"do\":\"it\"} 1");
        bench.ack("hourly", &leased).await;
        bench.wait(5 * hour + SECOND);
        assert_eq!(next(run().await), 7 * hour, "a stop is made up for once");
        assert_eq!(bench.lease("hourly", 9).await.len(), 1);
    })
    .await;
}
