//! The dead: a queue for each group. To look at them they are taken and given back, as nobody else
//! takes from there but who redrives, and he is told how many he got.

use crate::fault::{looked, unavailable, unknown};
use crate::session::{Session, done};
use crate::topology::Queue;
use crate::wire;
use lapin::Channel;
use lapin::message::BasicGetMessage;
use lapin::options::BasicGetOptions;
use pando_model::broker::{Dead, Result};
use std::time::Duration;
use tokio::time::Instant;

/// What was given back is there again soon after.
const RETURN: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(10);

pub(crate) async fn look(
    session: &Session,
    queue: &Queue,
    group: &str,
    max: usize,
) -> Result<Vec<Dead>> {
    let dead = queue.dead_of(group)?;
    let channel = session.channel().await?;
    let mut found = Vec::new();
    while found.len() < max
        && let Some(next) = next(session, &channel, queue, &dead).await?
    {
        found.push(wire::dead(&next.delivery.properties, next.delivery.data));
    }
    // All that a channel has goes back when it closes.
    looked(session.bound, channel.close(200, "done".into())).await?;
    if !found.is_empty() {
        let channel = session.channel().await?;
        let until = Instant::now() + RETURN;
        while queue.ready(&channel, &dead, session.bound).await? < found.len() as u64
            && Instant::now() < until
        {
            tokio::time::sleep(LOOK).await;
        }
        let _ = channel.close(200, "done".into()).await;
    }
    Ok(found)
}

/// Each is published to its group, and then removed from the dead.
pub(crate) async fn redrive(
    session: &Session,
    queue: &Queue,
    group: &str,
    max: usize,
) -> Result<u64> {
    let (of_group, dead) = (queue.of_group(group)?, queue.dead_of(group)?);
    let channel = session.channel().await?;
    let mut count = 0;
    while count < max as u64
        && let Some(next) = next(session, &channel, queue, &dead).await?
    {
        let delivery = next.delivery;
        let message = wire::message(&delivery.properties, delivery.data);
        let properties = wire::properties(&message);
        let published = session.publish(&queue.spec.name, "", &of_group, &message.body, properties);
        published.await?;
        done(&channel, delivery.delivery_tag)
            .await
            .map_err(unknown)?;
        count += 1;
    }
    // What was acknowledged on it is read before its end.
    let closed = looked(session.bound, channel.close(200, "done".into()));
    closed.await.map_err(unavailable)?;
    Ok(count)
}

async fn next(
    session: &Session,
    channel: &Channel,
    queue: &Queue,
    dead: &str,
) -> Result<Option<BasicGetMessage>> {
    let get = channel.basic_get(dead.into(), BasicGetOptions::default());
    queue.looked(session.bound, get).await
}
