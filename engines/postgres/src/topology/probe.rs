//! Looking at a server from time to time: whether it answers, what it does, how far it has got.

use super::server::{Role, Server};
use super::{Topology, lost};
use crate::fault::{Fault, Step};
use crate::shard::{COLUMNS, ShardRow};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;
use tokio_postgres::{Client, NoTls, Statement};

/// How often a server is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The same while there is no primary.
const LOOK_EVERY_WITHOUT_PRIMARY: Duration = Duration::from_millis(100);
/// How long a look may take.
const LOOK_TIME: Duration = Duration::from_millis(1_500);
/// So many looks in a row have to time out before a server counts as gone: a busy one is slow. One
/// that refuses or ends the connection is gone at once.
const LATE_MAX: u32 = 2;

/// A connection for looking.
struct Glass {
    client: Client,
    look: Statement,
    carrier: AbortHandle,
}

impl Drop for Glass {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

/// What a look has shown.
pub(super) struct Sight {
    pub(super) role: Role,
    pub(super) system: i64,
    pub(super) shard: ShardRow,
    /// So many standbys have a commit before it is answered.
    pub(super) standbys: u32,
}

/// Looks at a server for as long as somebody uses the engine.
pub(crate) async fn watch(topology: std::sync::Weak<Topology>, server: Arc<Server>) {
    let mut glass: Option<Arc<Glass>> = None;
    let mut late = 0;
    loop {
        let begun = Instant::now();
        let looked = look_in_time(&server, &mut glass).await;
        let topology = topology.upgrade().filter(|one| !one.is_closed());
        let Some(topology) = topology.filter(|_| !server.is_dropped()) else {
            return;
        };
        match looked {
            Ok(Some(sight)) => {
                late = 0;
                topology.saw(&server, begun, sight);
            }
            Ok(None) => {
                late += 1;
                if late >= LATE_MAX || !server.is_up() {
                    topology.missing(&server, &lost(&server.name));
                }
            }
            Err(fault) => {
                glass = None;
                late = 0;
                topology.missing(&server, &fault);
            }
        }
        let pause = match topology.has_primary() && server.is_up() {
            true => LOOK_EVERY,
            false => LOOK_EVERY_WITHOUT_PRIMARY,
        };
        drop(topology);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = server.doubted.notified() => {}
        }
    }
}

/// A look; `None` if it takes too long. Where only a new connection is answered, those that there
/// are lead nowhere any more, though nobody has said so: whoever waits on one is let go.
async fn look_in_time(server: &Arc<Server>, glass: &mut Option<Arc<Glass>>) -> Step<Option<Sight>> {
    let Some(known) = glass.clone() else {
        return first_look(server, glass).await;
    };
    let mut looking = tokio::spawn(async move { known.look().await });
    if let Ok(done) = tokio::time::timeout(LOOK_TIME, &mut looking).await {
        return done.unwrap_or_else(|_| Err(lost(&server.name))).map(Some);
    }
    let sight = first_look(server, glass).await;
    let is_answered = looking.is_finished();
    looking.abort();
    if !is_answered && matches!(sight, Ok(Some(_))) {
        tracing::warn!(
            server = server.name,
            "connections are open, and nothing comes back"
        );
        server.sever();
    }
    sight
}

/// A look over a new connection.
async fn first_look(server: &Server, glass: &mut Option<Arc<Glass>>) -> Step<Option<Sight>> {
    *glass = None;
    let look = async {
        let new = Arc::new(Glass::new(server).await?);
        let sight = new.look().await?;
        Ok((new, sight))
    };
    match tokio::time::timeout(LOOK_TIME, look).await {
        Ok(Ok((new, sight))) => {
            *glass = Some(new);
            Ok(Some(sight))
        }
        Ok(Err(fault)) => Err(fault),
        Err(_) => Ok(None),
    }
}

impl Glass {
    async fn new(server: &Server) -> Step<Glass> {
        let config = &server.target.config;
        let (client, carrier) = match &server.target.tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                (client, tokio::spawn(drain(connection)).abort_handle())
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                (client, tokio::spawn(drain(connection)).abort_handle())
            }
        };
        let look = client.prepare(crate::shard::LOOK).await;
        Ok(Glass {
            look: look.inspect_err(|_| carrier.abort())?,
            client,
            carrier,
        })
    }

    async fn look(&self) -> Step<Sight> {
        let row = self.client.query_opt(&self.look, &[]).await?;
        let row = row.ok_or_else(|| Fault::Lost("it holds no shard".to_owned()))?;
        let role = match row.try_get::<_, Option<i32>>(COLUMNS)? {
            Some(timeline) => Role::Primary(timeline.unsigned_abs()),
            None => Role::Replica,
        };
        Ok(Sight {
            role,
            system: row.try_get(COLUMNS + 1)?,
            standbys: standbys(row.try_get(COLUMNS + 2)?),
            shard: ShardRow::of(Some(&row))?,
        })
    }
}

async fn drain<S, T>(mut connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
    let mut messages = std::pin::pin!(messages);
    while let Some(Ok(_)) = messages.next().await {}
}

/// For how many standbys a commit waits, of `synchronous_standby_names`: `FIRST 2 (a, b, c)`,
/// `ANY 1 (a, b)`, `2 (a, b)`, `a, b`.
fn standbys(names: &str) -> u32 {
    let words = names.trim();
    if words.is_empty() {
        return 0;
    }
    let Some((head, _)) = words.split_once('(') else {
        return 1;
    };
    let number = head.split_whitespace().next_back();
    number.and_then(|word| word.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standbys_are_counted_as_postgresql_means_them() {
        for (names, expected) in [
            ("", 0),
            ("*", 1),
            ("a", 1),
            ("a, b", 1),
            ("2 (a, b)", 2),
            ("FIRST 2 (a, b, c)", 2),
            ("any 1 (a, b)", 1),
            ("\"a\"", 1),
        ] {
            assert_eq!(standbys(names), expected, "{names:?}");
        }
    }
}
