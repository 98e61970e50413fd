//! `/admin/v1`: what operators and the command line use.
//!
//! Keys and status are the store's; what needs the process as a whole (its
//! configuration, files, end) is behind [`Admin`], which the composition root
//! implements.

mod caches;
mod keys;
mod listeners;
mod queues;
mod status;
mod workers;

pub use caches::journals;
pub(crate) use keys::NAME_CHARS_MAX;
pub use status::{broker, inspection, servers};

use crate::error::{ApiError, unavailable};
use crate::object;
use crate::reply::{self, Reply};
use crate::web::Web;
use async_trait::async_trait;
use http::request::Parts;
use http::{Method, StatusCode};
use pando_model::working::WorkerReport;
use pando_queue::listeners::ListenerReport;
use pando_store::migrate::MigrationFile;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the process can do besides serving.
#[async_trait]
pub trait Admin: Send + Sync {
    /// The configuration in force with the origin of each setting; secrets are left out.
    fn config(&self) -> Value;

    /// Reads the configuration again, checks it, and takes over what can change in a running
    /// process. Answers what was taken over and what waits for a restart.
    async fn reload(&self) -> Result<Value, AdminError>;

    /// Applies `files`, or without them the migrations that are configured; with `check` only
    /// says what it would do. Answers a report for each file.
    async fn migrate(
        &self,
        check: bool,
        files: Option<Vec<MigrationFile>>,
    ) -> Result<Value, AdminError>;

    /// Writes a verified copy of the data to a file that does not exist yet. Answers what it
    /// holds and how large it is.
    async fn backup(&self, path: &Path) -> Result<Value, AdminError>;

    /// Changes settings of a collection's rule of caching for all processes, as JSON merge patch.
    /// Refused where nothing can be cached.
    async fn change_cache(&self, collection: &str, change: Value) -> Result<(), AdminError> {
        let _ = change;
        Err(AdminError::no_caches(collection))
    }

    /// Takes back what was changed of a collection's rule of caching.
    async fn reset_cache(&self, collection: &str) -> Result<(), AdminError> {
        Err(AdminError::no_caches(collection))
    }

    /// Has what is kept of a collection, or of all, found no more, in any process; `false` where
    /// it has no rule of caching.
    async fn flush_caches(&self, collection: Option<&str>) -> Result<bool, AdminError> {
        let _ = collection;
        Ok(false)
    }

    /// Has a collection loaded again before it is asked for, in all processes; `false` where it
    /// has no rule of caching.
    async fn warm_cache(&self, collection: &str) -> Result<bool, AdminError> {
        let _ = collection;
        Ok(false)
    }

    /// The settings of a collection's rule of caching, each with where it comes from, also of one
    /// that is turned off.
    fn cache_rule(&self, collection: &str) -> Option<Value> {
        let _ = collection;
        None
    }

    /// What of the application is called when data changes, as this process sees it.
    fn listeners(&self) -> Vec<ListenerReport> {
        Vec::new()
    }

    /// What works on messages in this process.
    fn workers(&self) -> Vec<WorkerReport> {
        Vec::new()
    }

    /// Begins to stop the process, as SIGTERM does. Returns at once.
    fn shutdown(&self);
}

/// Why the process did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AdminError {
    /// Whose fault it is.
    pub kind: AdminErrorKind,
    /// Stable: `migration_refused`, `file_exists`, …
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What exactly.
    pub details: Option<String>,
    /// How to mend it.
    pub hint: Option<String>,
}

impl AdminError {
    fn no_caches(collection: &str) -> AdminError {
        AdminError {
            kind: AdminErrorKind::Conflict,
            code: "no_caches",
            message: format!("this process has no caches, and none of {collection}"),
            details: None,
            hint: None,
        }
    }
}

/// Whose fault an [`AdminError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminErrorKind {
    /// The caller's: 400.
    Malformed,
    /// Of things as they are: 409.
    Conflict,
    /// Nobody's; it may succeed later: 503.
    Unavailable,
    /// The server's: 500.
    Failed,
}

/// What there is, for 405.
const ROUTES: [(&str, &str); 13] = [
    ("backup", "POST"),
    ("caches", "GET"),
    ("caches/flush", "POST"),
    ("config", "GET"),
    ("keys", "GET, POST"),
    ("migrate", "POST"),
    ("queues", "GET"),
    ("reload", "POST"),
    ("shutdown", "POST"),
    ("status", "GET"),
    ("verify", "POST"),
    ("listeners", "GET"),
    ("workers", "GET"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupRequest {
    path: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MigrateRequest {
    check: bool,
    files: Option<Vec<SentFile>>,
}

/// A migration as a caller sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentFile {
    name: String,
    sql: String,
}

/// Answers a request; `path` is what follows `/admin/v1/`. There is no deadline: a
/// backup takes as long as it takes.
pub(crate) async fn answer(
    web: &Web,
    parts: &Parts,
    path: &str,
    body: &[u8],
) -> Result<Reply, ApiError> {
    let admin = web.admin();
    let method = &parts.method;
    match (method.as_str(), path) {
        ("GET" | "HEAD", "status") => status::answer(web).await,
        ("GET" | "HEAD", "config") => Ok(ok(&admin.config())),
        ("POST", "reload") => Ok(ok(&admin.reload().await?)),
        ("POST", "migrate") => {
            let request: MigrateRequest = optional_json(body)?;
            let files = request
                .files
                .map(|files| files.into_iter().map(into_file).collect());
            Ok(ok(&admin.migrate(request.check, files).await?))
        }
        ("POST", "backup") => {
            let request: BackupRequest = json_of(body)?;
            Ok(ok(&admin.backup(&request.path).await?))
        }
        ("POST", "verify") => {
            let problems = web.store().engine().verify().await?;
            Ok(ok(
                &json!({ "ok": problems.is_empty(), "problems": problems }),
            ))
        }
        ("POST", "shutdown") => {
            admin.shutdown();
            let body = json!({ "status": "stopping" });
            Ok(reply::json(StatusCode::ACCEPTED, &body))
        }
        ("GET" | "HEAD", "keys") => keys::list(web.store()).await,
        ("POST", "keys") => keys::create(web.store(), body).await,
        ("GET" | "HEAD", "queues") => queues::list(web, parts).await,
        ("GET" | "HEAD", "caches") => Ok(caches::list(web)),
        ("GET" | "HEAD", "listeners") => Ok(listeners::list(web)),
        ("GET" | "HEAD", "workers") => Ok(workers::list(web)),
        ("POST", "caches/flush") => caches::flush_all(web).await,
        (_, path) if path.starts_with("queues/") => queues::answer(web, method, path, body).await,
        (_, path) if path.starts_with("listeners/") => listeners::answer(web, method, path).await,
        (_, path) if path.starts_with("caches/") && path != "caches/flush" => {
            caches::answer(web, method, path, body).await
        }
        (_, _) => match path.strip_prefix("keys/") {
            Some(id) if method == Method::DELETE => keys::revoke(web.store(), id).await,
            Some(_) => Err(ApiError::method(method, "DELETE")),
            None => Err(match ROUTES.iter().find(|(name, _)| *name == path) {
                Some((_, allow)) => ApiError::method(method, allow),
                None => ApiError::no_such_path(),
            }),
        },
    }
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> ApiError {
        let status = match error.kind {
            AdminErrorKind::Malformed => StatusCode::BAD_REQUEST,
            AdminErrorKind::Conflict => StatusCode::CONFLICT,
            AdminErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            AdminErrorKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut answer = match error.kind {
            AdminErrorKind::Unavailable => {
                unavailable(error.code, error.message).retry_after(Duration::from_secs(1))
            }
            _ => ApiError::new(status, error.code, error.message),
        };
        if let Some(details) = error.details {
            answer = answer.details(details);
        }
        match error.hint {
            Some(hint) => answer.hint(hint),
            None => answer,
        }
    }
}

fn into_file(sent: SentFile) -> MigrationFile {
    MigrationFile {
        name: sent.name,
        sql: sent.sql,
    }
}

fn ok(value: &Value) -> Reply {
    reply::json(StatusCode::OK, value)
}

fn json_of<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    object::read(body).map_err(|error| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "body_malformed",
            "the body is not what is expected here",
        )
        .details(error.to_string())
        .hint("/openapi.json says what is expected.")
    })
}

fn optional_json<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    json_of(body)
}
