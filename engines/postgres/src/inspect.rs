//! What stands in the way of what is promised, in how PostgreSQL and Patroni are set up. It reads
//! settings, on a connection of its own, and changes nothing.

use crate::config::PostgresConfig;
use crate::fault::{Fault, Step};
use crate::open::check_server;
use crate::pool::Pool;
use crate::session::Session;
use crate::tls::{Place, Target};
use crate::topology::Patroni;
use pando_model::engine::{Result, Shortfall, Weight};
use serde_json::Value;
use std::time::Duration;
use tokio_postgres::config::Host;

/// Connections that a process has besides those that read: one writes, one looks how it is.
const BESIDES: usize = 2;
/// How long looking may take.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Looks at the primary that the settings name, and at Patroni where it is named. A database
/// without Pando's tables is left without them.
pub async fn inspect(config: &PostgresConfig) -> Result<Vec<Shortfall>> {
    let mut found = Vec::new();
    let mut failure = None;
    let mut is_seen = false;
    let mut targets = Target::all(config)?;
    targets.extend(members(config).await);
    for Place { name, target, .. } in targets {
        let is_local = target.config.get_hosts().iter().all(is_loopback);
        if target.tls.is_none() && !is_local {
            found.push(in_the_clear(&name));
        }
        if is_seen {
            continue;
        }
        let wanted = Wanted::of(config);
        let run = Pool::new(target, config, 1);
        let run = run.run(move |session| look(session, &wanted));
        let looked = tokio::time::timeout(TIME_MAX, run).await;
        match looked.unwrap_or_else(|_| Err(Fault::Lost("it did not answer".to_owned()))) {
            Ok(more) => {
                is_seen = true;
                found.extend(more);
            }
            Err(fault) => failure = Some(fault.into_engine("look at the database")),
        }
    }
    match failure {
        Some(failure) if !is_seen => return Err(failure),
        _ => {}
    }
    if !config.patroni.is_empty() {
        found.extend(look_at_patroni(config).await);
    }
    Ok(found)
}

/// The servers that Patroni names: the primary may be none of those that the settings do.
async fn members(config: &PostgresConfig) -> Vec<Place> {
    let patroni = Patroni::new();
    for seed in &config.patroni {
        let Some(members) = patroni.members(seed.trim_end_matches('/')).await else {
            continue;
        };
        let named = members.into_iter().filter_map(|member| {
            let (host, port) = member.address;
            Target::at(config, &host, port).ok()
        });
        return named.collect();
    }
    Vec::new()
}

/// What the settings ask of the database.
struct Wanted {
    /// Other servers take over, or answer reads.
    has_copies: bool,
    /// Connections of one process.
    connections: i64,
    /// Patroni sets what is to be set.
    patroni: bool,
}

impl Wanted {
    fn of(config: &PostgresConfig) -> Wanted {
        Wanted {
            has_copies: !config.replicas.is_empty() || !config.patroni.is_empty(),
            connections: i64::try_from(config.readers + BESIDES).unwrap_or(i64::MAX),
            patroni: !config.patroni.is_empty(),
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

/// A setting, and where its value is from.
struct Setting {
    name: String,
    value: String,
    source: String,
}

fn look(session: &Session, wanted: &Wanted) -> Step<Vec<Shortfall>> {
    check_server(session)?;
    let mut settings = Vec::new();
    session.select_all(
        "SELECT name, setting, source FROM pg_settings WHERE name IN ('fsync', \
         'full_page_writes', 'synchronous_commit', 'max_prepared_transactions')",
        &[],
        |row| {
            settings.push(Setting {
                name: row.try_get(0)?,
                value: row.try_get(1)?,
                source: row.try_get(2)?,
            });
            Ok(())
        },
    )?;
    let mut found: Vec<Shortfall> = settings
        .iter()
        .filter_map(|setting| judge(setting, wanted))
        .collect();
    if wanted.has_copies {
        found.extend(look_at_standbys(session, wanted)?);
    }
    found.extend(look_at_room(session, wanted)?);
    Ok(found)
}

fn judge(setting: &Setting, wanted: &Wanted) -> Option<Shortfall> {
    let on = |name: &str| match setting.source.as_str() {
        "database" => format!("ALTER DATABASE … SET {name} = on;"),
        "user" => format!("ALTER ROLE … SET {name} = on;"),
        "database user" => format!("ALTER ROLE … IN DATABASE … SET {name} = on;"),
        _ => wanted.line(name, "on"),
    };
    let value = setting.value.as_str();
    Some(match (setting.name.as_str(), value) {
        ("fsync", "off") => Shortfall {
            setting: "fsync",
            weight: Weight::Breach,
            message: "fsync is off: a crash of the machine loses what was answered, or all of it"
                .to_owned(),
            mend: on("fsync"),
        },
        ("full_page_writes", "off") => Shortfall {
            setting: "full_page_writes",
            weight: Weight::Breach,
            message: "full_page_writes is off: a page that a crash finds half written is lost"
                .to_owned(),
            mend: on("full_page_writes"),
        },
        ("synchronous_commit", "off") => Shortfall {
            setting: "synchronous_commit",
            weight: Weight::Breach,
            message: "synchronous_commit is off: a crash loses the last writes that were answered"
                .to_owned(),
            mend: on("synchronous_commit"),
        },
        ("synchronous_commit", "local") if wanted.has_copies => Shortfall {
            setting: "synchronous_commit",
            weight: Weight::Breach,
            message: "synchronous_commit is local: no standby is waited for, and a failover loses \
                      the last writes that were answered"
                .to_owned(),
            mend: on("synchronous_commit"),
        },
        ("max_prepared_transactions", "0") => Shortfall {
            setting: "max_prepared_transactions",
            weight: Weight::Note,
            message: "max_prepared_transactions is 0: a second shard will need some".to_owned(),
            mend: format!(
                "{} (and a restart)",
                wanted.line("max_prepared_transactions", "100")
            ),
        },
        _ => return None,
    })
}

/// Whether a standby is waited for. Who may not see how they do is told so.
fn look_at_standbys(session: &Session, wanted: &Wanted) -> Step<Option<Shortfall>> {
    let (mut all, mut hidden, mut synchronous) = (0, 0, 0);
    session.select_all(
        "SELECT count(*), count(*) FILTER (WHERE sync_state IS NULL), \
         count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) FROM pg_stat_replication",
        &[],
        |row| {
            (all, hidden, synchronous) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(())
        },
    )?;
    let (all, hidden, synchronous): (i64, i64, i64) = (all, hidden, synchronous);
    if synchronous > 0 {
        return Ok(None);
    }
    if hidden > 0 {
        return Ok(Some(Shortfall {
            setting: "pg_stat_replication",
            weight: Weight::Note,
            message: "this user may not see whether a standby is synchronous".to_owned(),
            mend: "GRANT pg_monitor TO CURRENT_USER; as a superuser, for Pando's user".to_owned(),
        }));
    }
    let standbys = match all {
        0 => "no standby is connected".to_owned(),
        1 => "the standby is asynchronous".to_owned(),
        all => format!("all {all} standbys are asynchronous"),
    };
    Ok(Some(Shortfall {
        setting: "synchronous_standby_names",
        weight: Weight::Warning,
        message: format!("{standbys}: a failover loses what was answered and not copied yet"),
        mend: if wanted.patroni {
            "patronictl edit-config -s synchronous_mode=true -s synchronous_mode_strict=true"
                .to_owned()
        } else {
            wanted.line("synchronous_standby_names", "'ANY 1 (*)'")
        },
    }))
}

/// Whether one more process would get its connections.
fn look_at_room(session: &Session, wanted: &Wanted) -> Step<Option<Shortfall>> {
    let (mut max, mut kept, mut used) = (0, 0, 0);
    session.select_all(
        "SELECT current_setting('max_connections')::bigint, \
         current_setting('superuser_reserved_connections')::bigint \
         + coalesce(current_setting('reserved_connections', true), '0')::bigint, \
         (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL \
          AND pid <> pg_backend_pid())",
        &[],
        |row| {
            (max, kept, used) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(())
        },
    )?;
    let (max, kept, used): (i64, i64, i64) = (max, kept, used);
    let (free, needed) = (max - kept - used, wanted.connections);
    if free >= needed {
        return Ok(None);
    }
    Ok(Some(Shortfall {
        setting: "max_connections",
        weight: Weight::Warning,
        message: format!(
            "{free} connections of {max} are free ({kept} are kept for superusers), and one more \
             process takes up to {needed}"
        ),
        mend: format!(
            "{} (and a restart), or a smaller pool in [store.postgres]",
            wanted.line("max_connections", &(max + 4 * needed).to_string())
        ),
    }))
}

async fn look_at_patroni(config: &PostgresConfig) -> Vec<Shortfall> {
    let patroni = Patroni::new();
    let mut settings = None;
    for rest in &config.patroni {
        settings = patroni.settings(rest.trim_end_matches('/')).await;
        if settings.is_some() {
            break;
        }
    }
    match settings {
        Some(settings) => judge_patroni(&settings).into_iter().collect(),
        None => vec![Shortfall {
            setting: "patroni",
            weight: Weight::Warning,
            message: format!("none of {} answers", config.patroni.join(", ")),
            mend: "see that Patroni runs, and that store.postgres.patroni names its REST addresses"
                .to_owned(),
        }],
    }
}

fn judge_patroni(settings: &Value) -> Option<Shortfall> {
    // What is on may be written as a word or a number, as in YAML.
    let is_on = |name: &str| match &settings[name] {
        Value::Bool(on) => *on,
        Value::String(word) => !matches!(word.as_str(), "" | "off" | "false" | "no"),
        Value::Number(number) => number.as_i64() != Some(0),
        _ => false,
    };
    let (setting, message) = if !is_on("synchronous_mode") {
        (
            "synchronous_mode",
            "Patroni's synchronous_mode is off: it promotes a standby that has not got all that \
             was answered",
        )
    } else if !is_on("synchronous_mode_strict") {
        (
            "synchronous_mode_strict",
            "Patroni's synchronous_mode is not strict: without a standby the primary answers alone, \
             and a failover then loses that",
        )
    } else {
        return None;
    };
    Some(Shortfall {
        setting,
        weight: Weight::Warning,
        message: message.to_owned(),
        mend: format!("patronictl edit-config -s {setting}=true"),
    })
}

fn in_the_clear(server: &str) -> Shortfall {
    Shortfall {
        setting: "ca_file",
        weight: Weight::Warning,
        message: format!(
            "what goes to {server} and comes from it crosses the network in the clear"
        ),
        mend: "[store.postgres] ca_file, and ssl = on in PostgreSQL".to_owned(),
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Tcp(host) => {
            let address = host.parse::<std::net::IpAddr>();
            host == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patroni_has_to_be_synchronous_and_strict() {
        for (settings, expected) in [
            (json!({}), Some("synchronous_mode")),
            (
                json!({ "synchronous_mode": false }),
                Some("synchronous_mode"),
            ),
            (
                json!({ "synchronous_mode": "off" }),
                Some("synchronous_mode"),
            ),
            (
                json!({ "synchronous_mode": true }),
                Some("synchronous_mode_strict"),
            ),
            (
                json!({ "synchronous_mode": "quorum" }),
                Some("synchronous_mode_strict"),
            ),
            (
                json!({ "synchronous_mode": true, "synchronous_mode_strict": true }),
                None,
            ),
        ] {
            let found = judge_patroni(&settings).map(|found| found.setting);
            assert_eq!(found, expected, "{settings}");
        }
    }
}
