//! A connection: what is sent on it, and the statements that are prepared there.
//!
//! It may be used from several tasks; what belongs to one transaction is in
//! [`crate::session`].

use crate::fault::Step;
use crate::tls::Target;
use futures_util::StreamExt;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Statement};

/// Prepared statements that a connection keeps: shapes of plans, not plans.
const STATEMENTS_KEPT: usize = 256;

/// A connection to the database.
pub(crate) struct Wire {
    pub(crate) client: Client,
    /// What carries its messages; without it everything on it fails.
    carrier: AbortHandle,
    statements: Mutex<HashMap<String, Statement>>,
    /// The schema that they were prepared for.
    schema_version: AtomicU64,
    /// What PostgreSQL has warned of since the last look.
    warning: Arc<Mutex<Option<String>>>,
}

impl Wire {
    /// Connects.
    pub(crate) async fn connect(target: &Target) -> Step<Wire> {
        let warning = Arc::new(Mutex::new(None));
        let (client, carrier) = match &target.tls {
            Some(tls) => {
                let (client, connection) = target.config.connect(tls.clone()).await?;
                (client, listen(connection, warning.clone()))
            }
            None => {
                let (client, connection) = target.config.connect(NoTls).await?;
                (client, listen(connection, warning.clone()))
            }
        };
        Ok(Wire {
            client,
            carrier,
            statements: Mutex::default(),
            schema_version: AtomicU64::new(0),
            warning,
        })
    }

    /// Ends the connection from afar: whoever waits on it is told that it is closed.
    pub(crate) fn carrier(&self) -> AbortHandle {
        self.carrier.clone()
    }

    /// Whether the connection is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// What PostgreSQL has warned of since the last call.
    pub(crate) fn take_warning(&self) -> Option<String> {
        self.warning.lock().take()
    }

    /// Another schema is in force: what was prepared for an older one is forgotten.
    pub(crate) fn meet_schema(&self, version: u64) {
        if self.schema_version.swap(version, Relaxed) != version {
            self.forget_statements();
        }
    }

    /// Forgets all prepared statements.
    pub(crate) fn forget_statements(&self) {
        self.statements.lock().clear();
    }

    /// A statement that is prepared already.
    pub(crate) fn prepared(&self, sql: &str) -> Option<Statement> {
        self.statements.lock().get(sql).cloned()
    }

    /// A statement, prepared once for each text.
    pub(crate) async fn prepare(&self, sql: &str) -> Step<Statement> {
        if let Some(known) = self.prepared(sql) {
            return Ok(known);
        }
        let statement = self.client.prepare(sql).await?;
        let mut statements = self.statements.lock();
        if statements.len() >= STATEMENTS_KEPT {
            statements.clear();
        }
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// Carries a connection's messages until its end, and keeps the last warning.
fn listen<S, T>(
    mut connection: Connection<S, T>,
    warning: Arc<Mutex<Option<String>>>,
) -> AbortHandle
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let carrier = tokio::spawn(async move {
        let messages =
            futures_util::stream::poll_fn(move |context| connection.poll_message(context));
        let mut messages = pin!(messages);
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notice(notice)) if notice.severity() == "WARNING" => {
                    *warning.lock() = Some(notice.message().to_owned());
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "a connection to PostgreSQL ended");
                    return;
                }
            }
        }
    });
    carrier.abort_handle()
}
