//! What single values cannot show: settings that do not fit together.

use super::{Config, EngineKind};
use crate::parts;
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How often the journal may be applied: more often is more transactions than writes, more seldom
/// is a journal that is always full.
const FLUSH_INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(10 * 60);
/// How many writes may be let wait.
const JOURNAL_ROWS: RangeInclusive<u64> = 1..=1_000_000;

/// The faults of a configuration whose values are each of their type: the dotted
/// path of the setting, and what is wrong.
pub fn faults(config: &Config) -> Vec<(Cow<'static, str>, String)> {
    let mut faults: Vec<(&'static str, String)> = Vec::new();
    if config.listen.addresses().is_empty() {
        faults.push(("listen", "no address to listen on".to_owned()));
    }
    match (&config.tls.cert, &config.tls.key) {
        (Some(_), None) => faults.push(("tls.cert", "a certificate needs its tls.key".to_owned())),
        (None, Some(_)) => faults.push(("tls.key", "a private key needs its tls.cert".to_owned())),
        _ => {}
    }
    for origin in &config.cors.origins {
        if let Some(reason) = fault_of_origin(origin) {
            faults.push(("cors.origins", format!("`{origin}` {reason}")));
        }
    }
    if let Some(reason) = fault_of_level(&config.log.level) {
        faults.push(("log.level", format!("`{}`: {reason}", config.log.level)));
    }
    faults.extend(
        positive(config)
            .into_iter()
            .filter(|(_, value)| *value == 0)
            .map(|(path, _)| (path, "must be more than nothing".to_owned())),
    );
    let faults = faults.into_iter();
    faults
        .map(|(path, message)| (Cow::Borrowed(path), message))
        .chain(
            parts::documents(config)
                .err()
                .map(|(path, message)| (Cow::Owned(path), message)),
        )
        .chain(faults_of_families(config))
        .chain(
            parts::redis::fault_of_redis(&config.cache)
                .map(|(path, message)| (Cow::Borrowed(path), message)),
        )
        .chain(faults_of_names(config))
        .chain(faults_of_journal(config))
        .chain(faults_of_postgres(config))
        .chain(faults_of_sessions(config))
        .chain(
            parts::topics::faults(config)
                .into_iter()
                .map(|(path, message)| (Cow::Borrowed(path), message)),
        )
        .collect()
}

/// What is wrong with what is declared by names.
fn faults_of_names(config: &Config) -> impl Iterator<Item = (Cow<'static, str>, String)> {
    let each = [
        parts::cache::faults(&config.cache),
        parts::queues::faults(config),
        parts::exchanges::faults(config),
        parts::workers::faults(config),
        parts::listeners::faults(config),
    ];
    let each = each.into_iter().flatten();
    each.map(|(path, message)| (Cow::Owned(path), message))
}

fn faults_of_journal(config: &Config) -> Vec<(Cow<'static, str>, String)> {
    let journal = &config.cache.journal;
    let mut faults = Vec::new();
    if !FLUSH_INTERVALS.contains(&journal.flush_interval.get()) {
        let path = Cow::Borrowed("cache.journal.flush_interval");
        faults.push((path, "must be between 10ms and 10m".to_owned()));
    }
    if !JOURNAL_ROWS.contains(&journal.max_rows) {
        let (least, most) = (JOURNAL_ROWS.start(), JOURNAL_ROWS.end());
        let reason = format!(
            "must be between {least} and {most}: a list may have to read as many, and the store \
             to hold as many values"
        );
        faults.push((Cow::Borrowed("cache.journal.max_rows"), reason));
    }
    faults
}

fn faults_of_postgres(config: &Config) -> Vec<(Cow<'static, str>, String)> {
    let postgres = &config.store.postgres;
    let mut faults: Vec<(&'static str, String)> = Vec::new();
    let addresses = [
        ("store.postgres.url", postgres.url.is_some()),
        ("store.postgres.replicas", !postgres.replicas.is_empty()),
        ("store.postgres.patroni", !postgres.patroni.is_empty()),
    ];
    if config.store.engine != EngineKind::Postgres {
        let set = addresses.into_iter().filter(|(_, is_set)| *is_set);
        let message = "only PostgreSQL has it: say [store] engine = \"postgres\", or leave it out";
        faults.extend(set.map(|(path, _)| (path, message.to_owned())));
    } else if postgres.url.is_none() {
        let message = "PostgreSQL needs an address: write below [store.postgres] \
                       url = \"postgres://pando@db.example:5432/pando\"";
        faults.push(("store.engine", message.to_owned()));
    }
    let replicas = postgres.replicas.iter();
    let urls = postgres.url.iter().map(|url| (addresses[0].0, url));
    for (path, url) in urls.chain(replicas.map(|url| (addresses[1].0, url))) {
        if let Some(reason) = parts::fault_of_url(url, postgres) {
            faults.push((path, reason.to_owned()));
        }
    }
    for address in &postgres.patroni {
        if !address.starts_with("http://") || fault_of_origin(address).is_some() {
            let message = format!("`{address}` is no REST address; write http://HOST:8008");
            faults.push((addresses[2].0, message));
        }
    }
    let faults = faults.into_iter();
    faults
        .map(|(path, message)| (Cow::Borrowed(path), message))
        .collect()
}

fn faults_of_families(config: &Config) -> Vec<(Cow<'static, str>, String)> {
    let mut faults = Vec::new();
    for (table, settings) in &config.wide {
        for (name, family) in &settings.families {
            let path = format!("wide.{table}.families.{name}");
            if name.is_empty() || name.contains(':') || name == "*" {
                let message = "a family's name is not empty, and has no colon and no lone *";
                faults.push((Cow::Owned(path.clone()), message.to_owned()));
            }
            if family.versions == 0 {
                let message = "must be 1 at least".to_owned();
                faults.push((Cow::Owned(format!("{path}.versions")), message));
            }
            if family.ttl.is_some_and(|ttl| ttl.get().is_zero()) {
                let message = "must be more than nothing".to_owned();
                faults.push((Cow::Owned(format!("{path}.ttl")), message));
            }
        }
    }
    faults
}

fn faults_of_sessions(config: &Config) -> Vec<(Cow<'static, str>, String)> {
    let sessions = &config.sessions;
    let times = [
        ("sessions.idle", sessions.idle),
        ("sessions.absolute", sessions.absolute),
    ];
    let longer = times
        .into_iter()
        .filter(|(_, time)| time.get() > sessions.max_absolute.get());
    let message = "is longer than sessions.max_absolute";
    let mut faults: Vec<_> = longer
        .map(|(path, _)| (Cow::Borrowed(path), message.to_owned()))
        .collect();
    if sessions.idle.get() > sessions.absolute.get() {
        let message = "is longer than sessions.absolute: no session would end unused";
        faults.push((Cow::Borrowed("sessions.idle"), message.to_owned()));
    }
    faults
}

fn positive(config: &Config) -> [(&'static str, u64); 30] {
    let (limits, postgres) = (&config.limits, &config.store.postgres);
    let sessions = &config.sessions;
    let millis = |duration: super::units::Duration| {
        u64::try_from(duration.get().as_millis()).unwrap_or(u64::MAX)
    };
    [
        ("limits.max_body", limits.max_body.bytes()),
        ("limits.max_headers", limits.max_headers.into()),
        ("limits.max_header_bytes", limits.max_header_bytes.bytes()),
        ("limits.max_uri", limits.max_uri.bytes()),
        ("limits.max_rows", limits.max_rows),
        ("limits.max_filters", limits.max_filters.into()),
        ("limits.max_columns", limits.max_columns.into()),
        ("limits.max_visited", limits.max_visited),
        ("limits.request_timeout", millis(limits.request_timeout)),
        ("limits.header_timeout", millis(limits.header_timeout)),
        ("limits.idle_timeout", millis(limits.idle_timeout)),
        ("limits.max_requests", limits.max_requests.into()),
        ("limits.max_connections", limits.max_connections.into()),
        ("sessions.idle", millis(sessions.idle)),
        ("sessions.absolute", millis(sessions.absolute)),
        ("sessions.max_absolute", millis(sessions.max_absolute)),
        ("sessions.max_per_user", sessions.max_per_user.into()),
        ("sessions.max_data", sessions.max_data.bytes()),
        ("topics.ring", config.topics.ring.into()),
        ("topics.max_message", config.topics.max_message.bytes()),
        (
            "topics.max_subscribers",
            config.topics.max_subscribers.into(),
        ),
        ("topics.heartbeat", millis(config.topics.heartbeat)),
        ("topics.retry", millis(config.topics.retry)),
        ("store.max_group", config.store.max_group.into()),
        ("store.write_queue", config.store.write_queue.into()),
        ("store.receipt_ttl", millis(config.store.receipt_ttl)),
        ("store.sweep_interval", millis(config.store.sweep_interval)),
        ("store.postgres.pool", postgres.pool.into()),
        (
            "store.postgres.statement_timeout",
            millis(postgres.statement_timeout),
        ),
        (
            "store.postgres.connect_timeout",
            millis(postgres.connect_timeout),
        ),
    ]
}

fn fault_of_level(level: &str) -> Option<String> {
    // A lone word that is no level would name a part, and silence all others.
    let unknown = level
        .split(',')
        .map(str::trim)
        .find(|word| !word.contains(['=', '[']) && word.parse::<LevelFilter>().is_err());
    match unknown {
        Some(word) => Some(format!("there is no level {word:?}")),
        None => EnvFilter::try_new(level)
            .err()
            .map(|error| error.to_string()),
    }
}

fn fault_of_origin(origin: &str) -> Option<&'static str> {
    if origin == "*" {
        return None;
    }
    let Some(rest) = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"))
    else {
        return Some("is not an origin; write https://HOST or https://HOST:PORT");
    };
    if rest.is_empty() || rest.contains(['/', '?', '#', '@', ' ']) {
        return Some("is more than an origin; write scheme, host and port only");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (origin, right) in [
            ("https://app.example.com", true),
            ("http://localhost:3000", true),
            ("*", true),
            ("app.example.com", false),
            ("https://app.example.com/", false),
            ("https://", false),
        ] {
            assert_eq!(fault_of_origin(origin).is_none(), right, "{origin}");
        }
    }

    #[test]
    fn the_default_configuration_has_no_fault() {
        assert_eq!(faults(&Config::default()), Vec::new());
    }
}
