//! Waiting for what other processes do: looked at often, with a limit, and with the last
//! reason why it was not so yet.

use crate::error::{Error, Result};
use std::fmt::Display;
use std::time::{Duration, Instant};

/// Between two looks. Most looks read a file or ask on loopback.
const INTERVAL: Duration = Duration::from_millis(20);

/// Looks until `look` answers, or the limit has passed: then the error says what was waited for
/// and why it was not so at last. What a look itself takes is not cut short.
///
/// # Errors
/// The limit has passed.
pub async fn until<T, E, F>(what: &str, limit: Duration, mut look: impl FnMut() -> F) -> Result<T>
where
    E: Display,
    F: Future<Output = std::result::Result<T, E>>,
{
    let start = Instant::now();
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(why) if start.elapsed() >= limit => {
                let seconds = limit.as_secs_f32();
                return Err(Error::new(format!("not {what} within {seconds} s: {why}")));
            }
            Err(_) => tokio::time::sleep(INTERVAL).await,
        }
    }
}
