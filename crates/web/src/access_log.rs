//! One line for a request: all of them at `debug`; at `info` what failed, what
//! was slow, and one in a thousand. Query strings hold people's data and headers
//! hold keys: neither is written.

use http::StatusCode;
use http::request::Parts;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SLOW: Duration = Duration::from_secs(1);
const SAMPLE: u64 = 1_000;

/// Writes the lines.
#[derive(Debug, Default)]
pub(crate) struct AccessLog {
    seen: AtomicU64,
}

impl AccessLog {
    pub(crate) fn write(&self, parts: &Parts, status: StatusCode, took: Duration) {
        let is_sampled = self.seen.fetch_add(1, Ordering::Relaxed) % SAMPLE == SAMPLE - 1;
        let (method, path) = (&parts.method, parts.uri.path());
        let (status_code, took_us) = (status.as_u16(), took.as_micros() as u64);
        if status.is_server_error() {
            tracing::warn!(%method, path, status = status_code, took_us, "request failed");
        } else if took >= SLOW {
            tracing::info!(%method, path, status = status_code, took_us, "slow request");
        } else if is_sampled {
            tracing::info!(%method, path, status = status_code, took_us, "request");
        } else {
            tracing::debug!(%method, path, status = status_code, took_us, "request");
        }
    }
}
