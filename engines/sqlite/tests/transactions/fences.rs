//! Slots that are not ours, or of another schema.

use crate::world::{World, row};
use pando_engine_sqlite::Synchronous;
use pando_model::error::EngineError;
use pando_model::plan::Change;

/// Every way in which a write can touch the row 2, or make one in its slot.
fn touching(world: &World) -> Vec<(&'static str, Change)> {
    vec![
        ("insert", world.insert(&[3, 2], false)),
        ("merge", world.insert(&[3, 2], true)),
        ("update", world.update(2, 1, 9)),
        ("move away", world.update(2, 0, 4)),
        ("delete", world.delete(2)),
    ]
}

#[tokio::test]
async fn a_write_into_a_slot_that_has_moved_is_refused_as_a_whole() {
    let world = World::new(Synchronous::Full).await;
    world
        .write(vec![world.insert(&[1, 2], false)])
        .await
        .unwrap();
    let before = world.rows().await;
    let moved = world.set_fence(2, "state = 1");
    for (what, change) in touching(&world) {
        let beside = world.update(1, 1, 5);
        let answer = world.write(vec![beside, change]).await;
        assert!(
            matches!(answer, Err(EngineError::Moved { slot }) if slot == moved),
            "{what}: {answer:?}"
        );
        assert_eq!(world.rows().await, before, "{what}");
    }
    let into = world.write(vec![world.update(1, 0, 2)]).await;
    assert!(matches!(into, Err(EngineError::Moved { .. })), "{into:?}");
    world.write(vec![world.update(1, 1, 5)]).await.unwrap();
    world.set_fence(2, "state = 0");
    world.write(vec![world.update(2, 1, 6)]).await.unwrap();
    assert_eq!(world.rows().await, [row(1, 5), row(2, 6)]);
}

#[tokio::test]
async fn a_write_under_a_fence_of_another_schema_is_refused() {
    let world = World::new(Synchronous::Full).await;
    world
        .write(vec![world.insert(&[1, 2], false)])
        .await
        .unwrap();
    let before = world.rows().await;
    world.set_fence(2, "schema_version = 2");
    for (what, change) in touching(&world) {
        let answer = world.write(vec![change]).await;
        assert!(
            matches!(answer, Err(EngineError::SchemaChanged { .. })),
            "{what}: {answer:?}"
        );
        assert_eq!(world.rows().await, before, "{what}");
    }
}
