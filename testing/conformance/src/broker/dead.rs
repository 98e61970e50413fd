//! Dead letters.

use super::{Bench, GROUP, NOW, PATIENCE, SHORT, message};
use pando_model::broker::{Ability, QueueSpec};
use std::time::Instant;

pub(super) async fn a_message_whose_attempts_are_used_up_is_dead_with_its_error_until_it_is_redriven(
    bench: Bench,
) {
    let queue = bench.declare(|spec| spec.attempts_max = 2).await;
    let (poison, fine) = (message(), message());
    queue.publish(std::slice::from_ref(&poison)).await;
    for error in ["the first error", "the second\r\nerror: 가"] {
        let leased = queue.one().await;
        assert_eq!(leased.message, poison);
        queue.nack(&leased, NOW, error).await;
    }
    queue.publish(std::slice::from_ref(&fine)).await;
    let leased = queue.one().await;
    assert_eq!(leased.message, fine, "the dead stop nobody");
    queue.ack(&[leased]).await;
    assert_eq!(queue.lease(1, NOW).await, []);
    let dead = bench.broker.dead(queue.name(), GROUP, 10).await;
    let dead = dead.expect("dead");
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].message, poison);
    assert_eq!(dead[0].error, "the second\r\nerror: 가");
    assert_eq!(dead[0].attempts, 2);
    assert!(dead[0].died_at_us >= poison.published_at_us);
    let again = bench.broker.dead(queue.name(), GROUP, 10).await;
    assert_eq!(again, Ok(dead), "nothing happens to them");
    let redriven = bench.broker.redrive(queue.name(), GROUP, 10).await;
    assert_eq!(redriven, Ok(1));
    let leased = queue.one().await;
    assert_eq!((&leased.message, leased.attempt), (&poison, 1));
    queue.nack(&leased, NOW, "again").await;
    let leased = queue.one().await;
    assert_eq!(leased.attempt, 2);
    queue.ack(&[leased]).await;
    assert_eq!(bench.broker.dead(queue.name(), GROUP, 10).await, Ok(vec![]));
    assert_eq!(bench.broker.redrive(queue.name(), GROUP, 10).await, Ok(0));
}

pub(super) async fn a_message_whose_last_lease_ran_out_is_dead_too(bench: Bench) {
    let once = |spec: &mut QueueSpec| {
        spec.attempts_max = 1;
        spec.visibility = SHORT / 2;
    };
    let queue = bench.declare(once).await;
    queue.fill(1).await;
    let leased = queue.one().await;
    let began = Instant::now();
    loop {
        assert_eq!(
            queue.lease(1, SHORT / 4).await,
            [],
            "its attempt is used up"
        );
        let dead = bench.broker.dead(queue.name(), GROUP, 10).await;
        if let [dead] = &dead.expect("dead")[..] {
            assert_eq!((&dead.message, dead.attempts), (&leased.message, 1));
            assert!(!dead.error.is_empty());
            return;
        }
        assert!(began.elapsed() < PATIENCE, "it is nowhere");
    }
}

pub(super) async fn a_redriven_message_is_for_its_group_alone(bench: Bench) {
    if !bench.has(Ability::Groups) {
        return;
    }
    let groups = |spec: &mut QueueSpec| {
        spec.attempts_max = 1;
        spec.groups = ["mail", "audit"].map(str::to_owned).to_vec();
    };
    let queue = bench.declare(groups).await;
    let published = queue.fill(1).await;
    let mail = queue.collect("mail", 1).await;
    let audit = queue.collect("audit", 1).await;
    queue.nack(&mail[0], NOW, "no").await;
    queue.ack(&audit).await;
    let dead = bench.broker.dead(queue.name(), "audit", 10).await;
    assert_eq!(dead, Ok(vec![]), "it is dead for the other group");
    let redriven = bench.broker.redrive(queue.name(), "audit", 10).await;
    assert_eq!(redriven, Ok(0));
    let redriven = bench.broker.redrive(queue.name(), "mail", 10).await;
    assert_eq!(redriven, Ok(1));
    let mail = queue.collect("mail", 1).await;
    assert_eq!(mail[0].message.id, published[0]);
    queue.ack(&mail).await;
    assert_eq!(queue.lease_of("audit", 1, SHORT / 2).await, []);
}
