//! What does not do in how one server is set up.

use super::look::{Rights, Room, Setting, Sight, Standbys};
use crate::config::PostgresConfig;
use crate::trouble;
use pando_model::inspection::{Shortfall, Weight};
use std::time::Duration;

/// Connections that a process has besides those that read: one writes, one looks how it is.
const BESIDES: usize = 2;

/// What the settings ask of the servers.
pub(super) struct Wanted {
    /// Other servers take over, or answer reads.
    has_copies: bool,
    /// Connections of one process.
    connections: i64,
    /// Patroni sets what is to be set.
    patroni: bool,
    /// A replica that is further behind is not asked.
    pub(super) max_lag: Duration,
}

impl Wanted {
    pub(super) fn of(config: &PostgresConfig) -> Wanted {
        Wanted {
            has_copies: !config.replicas.is_empty() || !config.patroni.is_empty(),
            connections: i64::try_from(config.readers + BESIDES).unwrap_or(i64::MAX),
            patroni: !config.patroni.is_empty(),
            max_lag: config.max_lag,
        }
    }

    /// The line that changes a setting of the server.
    fn line(&self, name: &str, value: &str) -> String {
        if self.patroni {
            return format!("patronictl edit-config -p {name}={value}");
        }
        format!("ALTER SYSTEM SET {name} = {value}; SELECT pg_reload_conf();")
    }
}

/// What does not do on the primary.
pub(super) fn judge_primary(sight: &Sight, wanted: &Wanted) -> Vec<Shortfall> {
    let mut found: Vec<Shortfall> = (sight.settings.iter())
        .filter_map(|setting| judge_setting(setting, wanted))
        .collect();
    if wanted.has_copies {
        found.extend(judge_standbys(&sight.standbys, wanted));
    }
    found.extend(judge_room(&sight.room, wanted));
    found.extend(judge_rights(&sight.rights, sight.at.is_some()));
    found
}

/// What does not do on a replica: what it would do as a primary too, and how long it lets reads
/// hold it back. What roles and the database have set is the primary's, and told there.
pub(super) fn judge_replica(sight: &Sight, wanted: &Wanted) -> Vec<Shortfall> {
    let is_its_own = |setting: &&Setting| {
        !matches!(
            setting.source.as_str(),
            "database" | "user" | "database user"
        ) && setting.name != "max_prepared_transactions"
    };
    let mut found = Vec::new();
    for setting in sight.settings.iter().filter(is_its_own) {
        found.extend(judge_setting(setting, wanted));
        found.extend(judge_replay(setting, wanted));
    }
    found.extend(judge_room(&sight.room, wanted));
    if !sight.is_receiving {
        found.push(shortfall(
            "replication",
            Weight::Warning,
            "nothing comes from the primary now: it falls behind, and cannot take over",
            "see primary_conninfo and the log of that server, and pg_stat_replication on the primary",
        ));
    }
    found
}

fn shortfall(
    setting: &'static str,
    weight: Weight,
    message: impl Into<String>,
    mend: impl Into<String>,
) -> Shortfall {
    Shortfall {
        setting,
        server: None,
        weight,
        message: message.into(),
        mend: mend.into(),
    }
}

fn judge_setting(setting: &Setting, wanted: &Wanted) -> Option<Shortfall> {
    let on = |name: &'static str, message: &str| {
        let mend = match setting.source.as_str() {
            "database" => format!("ALTER DATABASE … SET {name} = on;"),
            "user" => format!("ALTER ROLE … SET {name} = on;"),
            "database user" => format!("ALTER ROLE … IN DATABASE … SET {name} = on;"),
            _ => wanted.line(name, "on"),
        };
        Some(shortfall(name, Weight::Breach, message, mend))
    };
    match (setting.name.as_str(), setting.value.as_str()) {
        ("fsync", "off") => on(
            "fsync",
            "fsync is off: a crash of the machine loses what was answered, or all of it",
        ),
        ("full_page_writes", "off") => on(
            "full_page_writes",
            "full_page_writes is off: a page that a crash finds half written is lost",
        ),
        ("synchronous_commit", "off") => on(
            "synchronous_commit",
            "synchronous_commit is off: a crash loses the last writes that were answered",
        ),
        ("synchronous_commit", "local") if wanted.has_copies => on(
            "synchronous_commit",
            "synchronous_commit is local: no standby is waited for, and a failover loses the last \
             writes that were answered",
        ),
        ("max_prepared_transactions", "0") => Some(shortfall(
            "max_prepared_transactions",
            Weight::Note,
            "max_prepared_transactions is 0: a second shard will need some",
            format!(
                "{} (and a restart)",
                wanted.line("max_prepared_transactions", "100")
            ),
        )),
        _ => None,
    }
}

/// How reads and what is replayed get on with each other.
fn judge_replay(setting: &Setting, wanted: &Wanted) -> Option<Shortfall> {
    match (setting.name.as_str(), setting.value.as_str()) {
        ("hot_standby_feedback", "off") => Some(shortfall(
            "hot_standby_feedback",
            Weight::Note,
            "hot_standby_feedback is off: a long read is given up where the primary has removed \
             rows that it looks at, and asked of another copy",
            wanted.line("hot_standby_feedback", "on"),
        )),
        ("max_standby_streaming_delay", "-1") => Some(shortfall(
            "max_standby_streaming_delay",
            Weight::Warning,
            "max_standby_streaming_delay is -1: one read that hangs holds back all that is \
             replayed, without end",
            wanted.line("max_standby_streaming_delay", "'10s'"),
        )),
        ("max_standby_streaming_delay", milliseconds) => {
            let delay = Duration::from_millis(milliseconds.parse().ok()?);
            (delay > wanted.max_lag).then(|| {
                let (delay, lag) = (delay.as_secs(), wanted.max_lag.as_secs());
                shortfall(
                    "max_standby_streaming_delay",
                    Weight::Note,
                    format!(
                        "max_standby_streaming_delay is {delay} s: a long read may hold it back \
                         beyond store.postgres.max_lag ({lag} s), and it is not asked meanwhile"
                    ),
                    wanted.line("max_standby_streaming_delay", &format!("'{lag}s'")),
                )
            })
        }
        _ => None,
    }
}

/// Whether a standby is waited for. Who may not see how they do is told so.
fn judge_standbys(standbys: &Standbys, wanted: &Wanted) -> Option<Shortfall> {
    if standbys.synchronous > 0 {
        return None;
    }
    if standbys.hidden > 0 {
        return Some(shortfall(
            "pg_stat_replication",
            Weight::Note,
            "this user may not see whether a standby is synchronous",
            "GRANT pg_monitor TO CURRENT_USER; as a superuser, for Pando's user",
        ));
    }
    let standbys = match standbys.all {
        0 => "no standby is connected".to_owned(),
        1 => "the standby is asynchronous".to_owned(),
        all => format!("all {all} standbys are asynchronous"),
    };
    let mend = match wanted.patroni {
        true => "patronictl edit-config -s synchronous_mode=true -s synchronous_mode_strict=true"
            .to_owned(),
        false => wanted.line("synchronous_standby_names", "'ANY 1 (*)'"),
    };
    Some(shortfall(
        "synchronous_standby_names",
        Weight::Warning,
        format!("{standbys}: a failover loses what was answered and not copied yet"),
        mend,
    ))
}

/// Whether one more process would get its connections.
fn judge_room(room: &Room, wanted: &Wanted) -> Option<Shortfall> {
    let Room { max, kept, used } = *room;
    let (free, needed) = (max - kept - used, wanted.connections);
    (free < needed).then(|| {
        shortfall(
            "max_connections",
            Weight::Warning,
            format!(
                "{free} connections of {max} are free ({kept} are kept for superusers), and one \
                 more process takes up to {needed}"
            ),
            format!(
                "{} (and a restart), or a smaller pool in [store.postgres]",
                wanted.line("max_connections", &(max + 4 * needed).to_string())
            ),
        )
    })
}

/// Whether Pando may do there what it has to.
fn judge_rights(rights: &Rights, holds_store: bool) -> Option<Shortfall> {
    let Rights {
        role,
        database,
        schema,
        search_path,
        closed_tables,
        ..
    } = rights;
    if schema.is_empty() {
        return Some(shortfall(
            "privileges",
            Weight::Breach,
            format!(
                "the role {role} may use none of the schemas in its search_path ({search_path})"
            ),
            trouble::rights(role, "public", database),
        ));
    }
    if !closed_tables.is_empty() {
        return Some(shortfall(
            "privileges",
            Weight::Breach,
            format!(
                "the role {role} may not read and write all of Pando's own tables: {closed_tables}"
            ),
            format!(
                "name the role that made them in store.postgres.url, or as that: GRANT ALL ON \
                     ALL TABLES IN SCHEMA {schema} TO {role};"
            ),
        ));
    }
    if rights.may_create {
        return None;
    }
    let (weight, what) = match holds_store {
        true => (Weight::Warning, "a migration that makes a table fails"),
        false => (Weight::Breach, "a store cannot be begun there"),
    };
    Some(shortfall(
        "privileges",
        weight,
        format!("the role {role} may not make tables in the schema {schema}: {what}"),
        trouble::rights(role, schema, database),
    ))
}
