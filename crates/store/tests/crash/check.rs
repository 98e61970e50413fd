//! The three invariants, looked at after the power came back.
//!
//! - Ownership: every fence stands as it was made, and no position was given twice.
//! - Coverage: no position that was handed out lies beyond the history, and no stamp counts as
//!   lost.
//! - Accounting: what was acknowledged is there in all five models; what was not answered is
//!   there in all of them or in none; each edge has its inverse and is counted; and the same
//!   key gives the first answer again, and is done once.

use crate::carry::{Sent, own, send};
use crate::look;
use crate::world::{Told, World};
use pando_powercut::Disk;
use pando_store::Store;
use pando_store::session::{Consistency, Session};
use pando_workload::{Found, Shared, State, Transaction, Writer};
use std::sync::Arc;

/// What contradicts the answers, one line each; nothing is sent again if something does.
pub async fn check(world: &mut World, store: &Arc<Store>, sent: Sent) -> Vec<String> {
    let mut wrong = store.engine().verify().await.unwrap();
    let found = judge(world, store, &mut wrong).await;
    check_stamps(world, store, &mut wrong).await;
    if !wrong.is_empty() || sent == Sent::InParts {
        return wrong;
    }
    let done = found.iter().filter(|found| **found == Found::After);
    world.counts.unknown_done += done.count() as u64;
    send_again(world, store, &found, &mut wrong).await;
    for writer in &mut world.writers {
        writer.settle();
    }
    judge(world, store, &mut wrong).await;
    wrong
}

/// Whether each writer's things are what its answers say, and what writers share is their sum;
/// gives what was found of what was not answered.
async fn judge(world: &World, store: &Store, wrong: &mut Vec<String>) -> Vec<Found> {
    wrong.extend(store.verify_graphs().await.unwrap());
    let (mut found, mut states): (Vec<Found>, Vec<State>) = Default::default();
    for writer in &world.writers {
        let view = look::view_at_once(store, writer.names()).await.unwrap();
        match writer.judge(&view) {
            Ok(which) => {
                found.push(which);
                states.push(writer.state_if(which));
            }
            Err(line) => wrong.push(line),
        }
    }
    // The sum tells nothing new where a part of it is wrong.
    if states.len() == world.writers.len() {
        let (expected, shared) = (Shared::of(&states), look::shared(store).await.unwrap());
        if shared != expected {
            wrong.push(format!("half: {shared:?} is not the sum of {expected:?}"));
        }
    }
    found
}

/// Each writer comes back with the stamp of its last answer.
async fn check_stamps(world: &World, store: &Store, wrong: &mut Vec<String>) {
    let reached = store.engine().progress().low;
    let last = world
        .given
        .lock()
        .unwrap()
        .positions
        .last_key_value()
        .map(|(at, _)| *at);
    if let Some(last) = last.filter(|last| *last > reached) {
        wrong.push(format!(
            "position {last:?} was lost, {reached:?} is reached"
        ));
    }
    for writer in &world.writers {
        let Some((transaction, told)) = writer.answered().last() else {
            continue;
        };
        let read = store.kv_get(&own(&writer.names().counter()));
        let (_, stamped) = store.answer(&read, &with_stamp(store, told)).await.unwrap();
        if stamped.lost || stamped.high < told.at {
            let key = &transaction.key;
            wrong.push(format!(
                "the stamp of {key} was lost: {told:?}, {stamped:?}"
            ));
        }
    }
}

/// A session that requires what an answer has shown.
pub fn with_stamp(store: &Store, told: &Told) -> Session {
    let token = store.unseal(&store.seal(told.at));
    assert!(token.is_some(), "{told:?} has a stamp");
    Session {
        token,
        consistency: Consistency::Session,
    }
}

/// All writers at the same time send all of their transactions again.
async fn send_again(world: &World, store: &Arc<Store>, found: &[Found], wrong: &mut Vec<String>) {
    let mut sending = Vec::new();
    for (writer, found) in world.writers.iter().zip(found) {
        let (store, writer, found) = (Arc::clone(store), writer.clone(), *found);
        sending.push(tokio::spawn(async move {
            let mut wrong = Vec::new();
            for (transaction, told) in writer.answered() {
                is_replayed(&store, transaction, told, &mut wrong).await;
            }
            let first = match writer.in_doubt() {
                Some(transaction) => settle(&store, transaction, found, &mut wrong).await,
                None => None,
            };
            (first, wrong)
        }));
    }
    for (writer, sending) in world.writers.iter().zip(sending) {
        let (first, lines) = sending.await.unwrap();
        wrong.extend(lines);
        if let (Some(told), Some(transaction)) = (first, writer.in_doubt()) {
            world.given.lock().unwrap().note(&transaction.key, &told);
        }
    }
}

async fn is_replayed(
    store: &Store,
    transaction: &Transaction,
    told: &Told,
    wrong: &mut Vec<String>,
) {
    let key = &transaction.key;
    match send(store, transaction, Sent::Whole).await {
        Ok(again) if again.replayed && again.told == *told => {}
        Ok(again) => wrong.push(format!(
            "{key} was answered {told:?}, and sent again {:?}, replayed: {}",
            again.told, again.replayed
        )),
        Err(error) => wrong.push(format!("{key} sent again: {error}")),
    }
}

/// Sends what was not answered until it is: it is done now if it was not, and then not again.
async fn settle(
    store: &Store,
    transaction: &Transaction,
    found: Found,
    wrong: &mut Vec<String>,
) -> Option<Told> {
    let key = &transaction.key;
    let first = match send(store, transaction, Sent::Whole).await {
        Ok(first) => first,
        Err(error) => {
            wrong.push(format!("{key} in doubt, sent again: {error}"));
            return None;
        }
    };
    if first.replayed != (found == Found::After) {
        let replayed = first.replayed;
        wrong.push(format!(
            "{key} in doubt: {found:?} was found, replayed: {replayed}"
        ));
    }
    is_replayed(store, transaction, &first.told, wrong).await;
    Some(first.told)
}

/// Coverage: who was told that it is done reads it, all of it.
pub async fn read_own(store: &Store, disk: &Disk, writer: &Writer<Told>, told: &Told) {
    let session = with_stamp(store, told);
    let (view, stamped) = match look::view(store, writer.names(), &session).await {
        Ok(read) => read,
        // Without power there is no answer.
        Err(error) => return assert!(disk.is_off(), "{told:?}: {error}"),
    };
    assert!(
        !stamped.lost && stamped.high >= told.at,
        "{told:?}: {stamped:?}"
    );
    assert_eq!(view, writer.state().view(writer.names()), "{told:?}");
}
