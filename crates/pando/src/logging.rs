//! Logs: on standard error, as text on a terminal and as JSON elsewhere.

use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// Changes the level of a running process.
#[derive(Clone, Debug)]
pub struct LevelHandle(reload::Handle<EnvFilter, Registry>);

/// Starts logging for a server; once in a process.
pub fn start(config: &Log) -> anyhow::Result<LevelHandle> {
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(&config.level)?);
    let text = match config.format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    let output = if text {
        fmt::layer().with_writer(std::io::stderr).boxed()
    } else {
        fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(std::io::stderr)
            .boxed()
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(output)
        .try_init()?;
    Ok(LevelHandle(handle))
}

/// Logs for a command that is not a server: warnings only, as text.
pub fn start_quiet() {
    // A second start in one process keeps the first; nothing is lost by that.
    let _ = tracing_subscriber::registry()
        .with(fmt::layer().without_time().with_writer(std::io::stderr))
        .with(EnvFilter::new("warn"))
        .try_init();
}

impl LevelHandle {
    /// Takes over another level.
    pub fn set(&self, level: &str) -> anyhow::Result<()> {
        Ok(self.0.reload(EnvFilter::try_new(level)?)?)
    }
}
