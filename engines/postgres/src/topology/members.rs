//! Which servers there are: those that are configured, those that Patroni names, and which of them
//! are of no use.

use super::patroni::Member;
use super::{Server, Topology, probe};
use crate::fault::Fault;
use crate::tls::Target;
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
}
