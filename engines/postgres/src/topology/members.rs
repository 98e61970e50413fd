//! Which servers there are: those that are configured, those that Patroni names, and which of them
//! are of no use.

use super::patroni::Member;
use super::{Role, Server, Topology, probe};
use crate::fault::Fault;
use crate::tls::{Origin, Target};
use std::sync::Arc;

impl Topology {
    /// Patroni has named its members: those that are new are looked at from now on.
    pub(super) fn meet(self: &Arc<Topology>, members: &[Member]) {
        for member in members {
            let (host, port) = &member.address;
            let name = format!("{host}:{port}");
            self.rests.lock().insert(name.clone(), member.rest.clone());
            if self.servers.borrow().iter().any(|one| one.name == name) {
                continue;
            }
            let place = match Target::at(&self.config, host, *port) {
                Ok(place) => place,
                Err(error) => {
                    tracing::warn!(%error, "a member of the cluster cannot be used");
                    continue;
                }
            };
            tracing::info!(server = name, "Patroni names a database server");
            let server = Arc::new(Server::new(place, &self.config));
            self.servers
                .send_modify(|servers| servers.push(server.clone()));
            tokio::spawn(probe::watch(Arc::downgrade(self), server));
        }
    }

    /// All servers.
    pub(crate) fn servers(&self) -> Vec<Arc<Server>> {
        self.servers.borrow().clone()
    }

    /// A server was found not to answer, or not to be what it was.
    pub(crate) fn missing(&self, server: &Arc<Server>, fault: &Fault) {
        // One that answers with an error, as a database without our tables does, is of no use; but
        // nobody waits for it in vain.
        server.note_full(fault.is_for_want_of_room());
        let was_up = match fault.is_lost() {
            true => server.fall(),
            false => server.forget(),
        };
        if was_up {
            tracing::warn!(server = server.name, ?fault, "a database server is gone");
        }
        self.depose(server);
    }

    /// Something on it failed: it is looked at at once.
    pub(crate) fn suspect(&self, server: &Arc<Server>, fault: &Fault) {
        tracing::debug!(
            server = server.name,
            ?fault,
            "something failed on a database server"
        );
        if fault.is_lost() {
            server.doubted.notify_one();
        }
    }

    /// Has nothing to do with a server that holds something else.
    pub(super) fn shun(&self, server: &Arc<Server>) {
        server.forget();
        self.depose(server);
        if server.is_new_as_stranger() {
            tracing::error!(
                server = server.name,
                "it is of another cluster or another database than the primary, and not used: \
                 name copies of the primary in store.postgres.replicas"
            );
        }
    }

    /// Has all servers looked at at once.
    pub(crate) fn look_at_all(&self) {
        for server in self.servers() {
            server.doubted.notify_one();
        }
    }

    /// Members that Patroni does not name any more are looked at no longer. The primary, and who is
    /// about to be it, is one of ours until it is deposed, and a server that the settings name
    /// always.
    pub(super) fn part(&self, members: &[Member]) {
        let is_named = |server: &Arc<Server>| {
            let mut addresses = members.iter().map(|member| &member.address);
            addresses.any(|(host, port)| server.name == format!("{host}:{port}"))
        };
        let mut gone = Vec::new();
        self.servers.send_if_modified(|servers| {
            servers.retain(|server| {
                let takes_writes = matches!(server.standing().role, Role::Primary(_));
                let is_kept = server.origin != Origin::Patroni
                    || is_named(server)
                    || takes_writes
                    || self.is_primary(server);
                if !is_kept {
                    gone.push(server.clone());
                }
                is_kept
            });
            !gone.is_empty()
        });
        for server in gone {
            tracing::info!(server = server.name, "Patroni does not name it any more");
            self.rests.lock().remove(&server.name);
            server.drop_out();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PostgresConfig;
    use pando_model::stamp::Position;
    use std::time::Duration;

    fn member(port: u16) -> Member {
        Member {
            address: ("127.0.0.1".to_owned(), port),
            rest: format!("http://127.0.0.1:{port}"),
        }
    }

    fn names(topology: &Topology) -> Vec<String> {
        let servers = topology.servers();
        servers.iter().map(|server| server.name.clone()).collect()
    }

    #[tokio::test]
    async fn who_is_no_member_any_more_is_forgotten_and_who_is_configured_is_not() {
        // Nobody listens there.
        let config = PostgresConfig::new("postgres://pando@127.0.0.1:1/pando");
        let topology = Topology::start(config).expect("a topology");
        topology.meet(&[member(2), member(3)]);
        let left = topology.servers().into_iter().nth(2).expect("the last");
        topology.meet(&[member(2)]);
        topology.part(&[member(2)]);
        assert_eq!(names(&topology), ["127.0.0.1:1", "127.0.0.1:2"]);
        assert!(!topology.rests.lock().contains_key("127.0.0.1:3"));
        // Nobody looks at it any more.
        let watched = Arc::downgrade(&left);
        drop(left);
        let unwatched = async {
            while watched.strong_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(10), unwatched).await;
        ended.expect("the look at it ends");
        // It may come back.
        topology.meet(&[member(2), member(3)]);
        topology.part(&[member(2), member(3)]);
        assert_eq!(names(&topology).len(), 3);
        // The primary stays until it is deposed.
        let primary = topology.servers()[2].clone();
        topology.primary.send_replace(Some(primary));
        topology.part(&[member(2)]);
        assert_eq!(names(&topology).len(), 3);
        // So does who says that it is, and may be on its way into office.
        topology.primary.send_replace(None);
        let next = topology.servers()[2].clone();
        let nowhere = Position { timeline: 1, p: 0 };
        next.learn(Role::Primary(1), nowhere);
        topology.part(&[member(2)]);
        assert_eq!(names(&topology).len(), 3);
        next.learn(Role::Replica, nowhere);
        topology.part(&[member(2)]);
        assert_eq!(names(&topology).len(), 2);
    }
}
