//! Stamps, as they come and go.

use crate::world::World;
use pando_client::{Consistency, Session};
use pando_store::token::Token;
use std::collections::BTreeSet;

#[tokio::test]
async fn a_session_hands_back_what_it_was_handed_and_clients_of_one_session_share_it() {
    let world = World::new().await;
    let client = world.client();
    assert!(client.session().tokens().is_empty());
    client.kv("s").put("k", "v").await.expect("it is put");
    let [token] = client.session().tokens().try_into().expect("one token");
    assert_eq!(
        client.clone().session().tokens(),
        std::slice::from_ref(&token)
    );
    let other = client.in_session(Session::new());
    assert!(other.session().tokens().is_empty());
    let carried = client.in_session(Session::resume([token]));
    let entry = carried.kv("s").get("k").await.expect("it is read");
    assert_eq!(entry.expect("a value").text(), Some("v"));
    assert_eq!(carried.session().stamps_lost(), 0);
}

#[tokio::test]
async fn requests_that_overlap_leave_tokens_that_the_next_one_covers() {
    let world = World::new().await;
    let client = world.client();
    let kv = client.kv("s");
    let writes = (0..24).map(|n| {
        let call = kv.put(&format!("k{n}"), "v");
        tokio::spawn(async move { call.await })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.expect("it ends").expect("it is put");
    }
    let tokens: BTreeSet<_> = client.session().tokens().into_iter().collect();
    assert!(!tokens.is_empty());
    // Each answer covers up to 16 that were sent, and adds one.
    for _ in 0..3 {
        client.kv("s").get("k0").await.expect("it is read");
    }
    assert_eq!(client.session().tokens().len(), 1);
}

#[tokio::test]
async fn what_the_history_has_lost_is_told_and_several_tokens_are_all_looked_at() {
    let world = World::new().await;
    let client = world.client();
    client.kv("s").put("k", "v").await.expect("it is put");
    let sound = client.session().tokens().remove(0);
    let high = world.store.engine().progress().high;
    let mut lost = Token::of(0, high);
    lost.positions[0].1.p = u64::MAX;
    let lost = world.store.seal_token(&lost);
    for tokens in [[sound.clone(), lost.clone()], [lost, sound]] {
        let client = client.in_session(Session::resume(tokens));
        let first = client
            .kv("s")
            .get("k")
            .detailed()
            .await
            .expect("it is read");
        assert!(first.stamp_lost && first.value.is_some());
        assert_eq!(client.session().stamps_lost(), 1);
        let second = client
            .kv("s")
            .get("k")
            .detailed()
            .await
            .expect("it is read");
        assert!(!second.stamp_lost, "it is told once");
    }
}

#[tokio::test]
async fn each_request_says_how_fresh_its_answer_has_to_be() {
    let world = World::new().await;
    let client = world.client();
    let second = std::time::Duration::from_secs(1);
    for consistency in [
        Consistency::Strong,
        Consistency::Session,
        Consistency::Bounded(second),
        Consistency::Eventual,
    ] {
        let read = client.kv("s").get("k").consistency(consistency).await;
        assert_eq!(read.expect("the server knows it"), None);
    }
}
