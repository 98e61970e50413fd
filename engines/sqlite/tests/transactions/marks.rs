//! The marks of what is read while others write.

use crate::world::{World, is};
use pando_engine_sqlite::Synchronous;
use pando_model::engine::{Engine, WriteAnswer};
use pando_model::value::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Each write raises the number by one and takes one position, so the number tells which
/// position a snapshot shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_a_read_shows_lies_between_its_marks_while_writes_go_on() {
    let world = Arc::new(World::new(Synchronous::Normal).await);
    let WriteAnswer::Done { at: first, .. } =
        world.write(vec![world.insert(&[1], false)]).await.unwrap()
    else {
        panic!("replayed");
    };
    let stop = Arc::new(AtomicBool::new(false));
    let writing = {
        let (world, stop) = (world.clone(), stop.clone());
        tokio::spawn(async move {
            let mut number = 0;
            while !stop.load(Relaxed) {
                number += 1;
                world.write(vec![world.update(1, 1, number)]).await.unwrap();
            }
            number
        })
    };
    let readers: Vec<_> = [false, true]
        .into_iter()
        .map(|count| {
            let world = world.clone();
            tokio::spawn(async move {
                for _ in 0..4_000 {
                    let answer = world.engine.read(world.read(is(1), count)).await.unwrap();
                    let Value::Int(number) = answer.rows.rows[0][1] else {
                        panic!("no number");
                    };
                    let shown = first.p + number.unsigned_abs();
                    let (low, high) = (answer.low.p, answer.high.p);
                    assert!(low <= shown && shown <= high, "{low} {shown} {high}");
                }
            })
        })
        .collect();
    for reader in readers {
        reader.await.unwrap();
    }
    stop.store(true, Relaxed);
    let written = writing.await.unwrap();
    assert!(written > 20, "only {written} writes: nothing was raced");
}

/// The depth of the feed is kept, not counted at each look: it must be what a count gives.
#[tokio::test]
async fn the_depth_of_the_feed_is_what_lies_in_it() {
    let world = World::new(Synchronous::Full).await;
    world.check_depth(0).await;
    let start = world.engine.follow("slow").await.unwrap();
    world.engine.follow("fast").await.unwrap();
    world
        .write(vec![world.insert(&[1, 2], false)])
        .await
        .unwrap();
    world.write(vec![world.update(1, 1, 7)]).await.unwrap();
    world.check_depth(3).await;
    let refused = world.write(vec![world.delete(2), world.insert(&[1], false)]);
    refused.await.unwrap_err();
    world.write(vec![world.delete(-1)]).await.unwrap();
    world.check_depth(3).await;
    let events = world.engine.fetch_feed(start, 10).await.unwrap().events;
    let second = events[1].cursor;
    world.engine.acknowledge_feed("fast", second).await.unwrap();
    world.check_depth(3).await;
    world.engine.acknowledge_feed("slow", second).await.unwrap();
    world.check_depth(1).await;
    let world = world.reopened().await;
    world.check_depth(1).await;
    world.write(vec![world.delete(1)]).await.unwrap();
    world.check_depth(2).await;
    world.engine.unfollow("fast").await.unwrap();
    world.engine.unfollow("slow").await.unwrap();
    world.check_depth(0).await;
}
