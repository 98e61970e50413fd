//! The servers as they are now, and what stands in the way of what is promised, in how they and
//! Patroni are set up. It looks at each, on a connection of its own, and changes nothing.

mod judge;
mod look;
mod patroni;

use crate::config::PostgresConfig;
use crate::fault::{Fault, Step};
use crate::open::{Unfit, read_shard};
use crate::pool::Pool;
use crate::tls::{Origin, Place, Target};
use crate::topology::Patroni;
use crate::trouble;
use futures_util::future::join_all;
use judge::{Wanted, judge_primary, judge_replica};
use look::Sight;
use pando_model::engine::Result;
use pando_model::inspection::{Inspection, Lag, ServerRole, ServerSight, Shortfall, Weight};
use pando_model::stamp::Position;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::config::Host;

/// How long looking at a server may take: of those that are cut off nobody says anything.
const TIME_MAX: Duration = Duration::from_secs(5);
/// A replica that has all within this time is so far behind; of one that has not, what it has
/// replayed last tells.
const CATCH_UP_TIME: Duration = Duration::from_secs(1);
const CATCH_UP_AGAIN: Duration = Duration::from_millis(20);

/// A server, and what a look at it has shown.
struct Looked {
    place: Place,
    pool: Arc<Pool>,
    sight: Step<Sight>,
}

/// Looks at all servers that the settings and Patroni name, and at Patroni where it is named. A
/// database without Pando's tables is left without them.
pub async fn inspect(config: &PostgresConfig) -> Result<Inspection> {
    inspect_as(config, None).await
}

/// The same, where it is known which cluster and database the store is in.
pub(crate) async fn inspect_as(config: &PostgresConfig, ours: Option<i64>) -> Result<Inspection> {
    let places = places(config).await?;
    let begun = Instant::now();
    let mut found = Inspection::default();
    let in_the_clear = places.iter().filter(|place| is_in_the_clear(&place.target));
    found.shortfalls.extend(in_the_clear.map(in_the_clear_of));
    let looks = places.into_iter().map(|place| look_at(place, config));
    let looked = once_each(join_all(looks).await);
    let wanted = Wanted::of(config);
    let ours = ours.or_else(|| system_of(&looked));
    let primary = primary_of(&looked, ours);
    let at = primary.and_then(|ix| looked[ix].sight.as_ref().ok()?.at);
    let lags = looked.iter().map(|one| lag_of(one, ours, at, begun));
    let lags = join_all(lags).await;
    for (ix, one) in looked.iter().enumerate() {
        let sight = match &one.sight {
            Ok(sight) => sight,
            Err(fault) => {
                let is_missed = primary.is_none() && one.place.origin == Origin::Url;
                found
                    .shortfalls
                    .push(unreachable(&one.place, fault, is_missed));
                found.servers.push(seen(one, ServerRole::Unreachable, None));
                continue;
            }
        };
        let first = primary.and_then(|ix| looked[ix].sight.as_ref().ok());
        let (role, mut shortfalls) = match first {
            _ if Some(ix) == primary => (ServerRole::Primary, judge_primary(sight, &wanted)),
            _ if Some(sight.system) != ours => (ServerRole::Stranger, vec![stranger()]),
            _ if sight.is_in_recovery => (ServerRole::Replica, judge_replica(sight, &wanted)),
            _ => (ServerRole::Deposed, vec![deposed(first)]),
        };
        shortfalls.extend(sight.unfit.as_ref().map(unfit));
        let lag = lags[ix];
        shortfalls.extend(lag.and_then(|lag| behind(lag, &wanted)));
        let of_it = shortfalls.into_iter();
        (found.shortfalls).extend(of_it.map(|one_of| named(one_of, one, role)));
        found.servers.push(seen(one, role, lag));
    }
    let is_answered = looked.iter().any(|one| one.sight.is_ok());
    if primary.is_none() && is_answered {
        found.shortfalls.push(no_primary());
    }
    if !config.patroni.is_empty() {
        (found.shortfalls).extend(patroni::look_at_patroni(config).await);
    }
    Ok(found)
}

/// The servers that the settings name, and those that Patroni does: the primary may be none of
/// the former.
pub(crate) async fn places(config: &PostgresConfig) -> Result<Vec<Place>> {
    let mut places = Target::all(config)?;
    let patroni = Patroni::new();
    for seed in &config.patroni {
        let Some(members) = patroni.members(seed.trim_end_matches('/')).await else {
            continue;
        };
        for member in members {
            let (host, port) = member.address;
            let place = Target::at(config, &host, port)?;
            if places.iter().all(|known| known.name != place.name) {
                places.push(place);
            }
        }
        break;
    }
    Ok(places)
}

async fn look_at(place: Place, config: &PostgresConfig) -> Looked {
    let pool = Pool::new(place.target.clone(), config, 1);
    let looking = tokio::time::timeout(TIME_MAX, pool.run(look::look));
    let sight = looking.await.unwrap_or_else(|_| {
        let reason = "it did not answer in time".to_owned();
        Err(Fault::Lost(reason))
    });
    Looked { place, pool, sight }
}

/// Leaves out those that are known by another name already.
fn once_each(looked: Vec<Looked>) -> Vec<Looked> {
    let mut each: Vec<Looked> = Vec::with_capacity(looked.len());
    for one in looked {
        let is_known = one.sight.as_ref().is_ok_and(|sight| {
            let mut known = each.iter().filter_map(|known| known.sight.as_ref().ok());
            known.any(|known| known.started == sight.started && known.system == sight.system)
        });
        if !is_known {
            each.push(one);
        }
    }
    each
}

/// The cluster and the database that is meant: a store that takes writes, else whatever comes
/// first.
fn system_of(looked: &[Looked]) -> Option<i64> {
    let sights = || looked.iter().filter_map(|one| one.sight.as_ref().ok());
    let rank = |sight: &&Sight| (sight.at.is_none(), sight.is_in_recovery);
    sights().min_by_key(rank).map(|sight| sight.system)
}

/// Who takes writes, on the highest timeline; of the same, whoever is named first.
fn primary_of(looked: &[Looked], ours: Option<i64>) -> Option<usize> {
    let sights = looked.iter().enumerate();
    let sights = sights.filter_map(|(ix, one)| Some((ix, one.sight.as_ref().ok()?)));
    sights
        .filter(|(_, sight)| !sight.is_in_recovery && Some(sight.system) == ours)
        .min_by_key(|(ix, sight)| (Reverse(sight.timeline), *ix))
        .map(|(ix, _)| ix)
}

/// How far a replica is behind what the primary had when it was looked at; of others nothing.
async fn lag_of(
    one: &Looked,
    ours: Option<i64>,
    primary: Option<Position>,
    begun: Instant,
) -> Option<Lag> {
    let sight = one.sight.as_ref().ok()?;
    let is_replica = sight.is_in_recovery && Some(sight.system) == ours;
    let (at, primary) = (sight.at.filter(|_| is_replica)?, primary?);
    if at >= primary {
        return Some(Lag {
            positions: Some(0),
            time: Some(Duration::ZERO),
        });
    }
    let positions = (at.timeline == primary.timeline).then(|| primary.p - at.p);
    // One that is cut off meanwhile does not answer at all.
    let looking = tokio::time::timeout(CATCH_UP_TIME, async {
        loop {
            match one.pool.run(read_shard).await {
                Ok(shard) if shard.at >= primary => return Some(begun.elapsed()),
                Ok(_) => tokio::time::sleep(CATCH_UP_AGAIN).await,
                Err(_) => return None,
            }
        }
    });
    if let Ok(Some(time)) = looking.await {
        let time = Some(time);
        return Some(Lag { positions, time });
    }
    let time = sight.replayed.map(|replayed| replayed.max(CATCH_UP_TIME));
    Some(Lag { positions, time })
}

fn seen(one: &Looked, role: ServerRole, lag: Option<Lag>) -> ServerSight {
    let sight = one.sight.as_ref().ok();
    ServerSight {
        name: one.place.name.clone(),
        role,
        timeline: sight.map(|sight| sight.timeline),
        at: sight.and_then(|sight| sight.at),
        lag,
    }
}

/// The same shortfall, of a server; others than the primary are named in what is said.
fn named(shortfall: Shortfall, one: &Looked, role: ServerRole) -> Shortfall {
    let name = &one.place.name;
    let (message, mend) = match role {
        ServerRole::Primary => (shortfall.message, shortfall.mend),
        _ => (
            format!("{name}: {}", shortfall.message),
            format!("on {name}: {}", shortfall.mend),
        ),
    };
    Shortfall {
        server: Some(name.clone()),
        message,
        mend,
        ..shortfall
    }
}

fn of_servers(weight: Weight, message: impl Into<String>, mend: impl Into<String>) -> Shortfall {
    Shortfall {
        setting: "servers",
        server: None,
        weight,
        message: message.into(),
        mend: mend.into(),
    }
}

fn unreachable(place: &Place, fault: &Fault, is_missed: bool) -> Shortfall {
    let weight = match is_missed {
        true => Weight::Breach,
        false => Weight::Warning,
    };
    let mend = trouble::mend(fault, &place.target);
    let message = format!("{} cannot be used: {}", place.name, trouble::said(fault));
    let mend = mend.unwrap_or_else(|| "see the log of PostgreSQL there".to_owned());
    Shortfall {
        server: Some(place.name.clone()),
        ..of_servers(weight, message, mend)
    }
}

fn no_primary() -> Shortfall {
    of_servers(
        Weight::Breach,
        "no server that answers takes writes",
        "see that the primary runs, and that store.postgres.url names it; or promote a replica",
    )
}

fn stranger() -> Shortfall {
    of_servers(
        Weight::Warning,
        "it is of another cluster or another database than the primary, and is asked nothing",
        "name copies of the primary, and the same database, in store.postgres.replicas",
    )
}

fn deposed(primary: Option<&Sight>) -> Shortfall {
    let timeline = primary.map_or(0, |primary| primary.timeline);
    of_servers(
        Weight::Warning,
        format!("it takes writes too, and gets none: the primary is on timeline {timeline}"),
        "make it a replica of the primary again, with pg_rewind or anew (patronictl reinit)",
    )
}

fn behind(lag: Lag, wanted: &Wanted) -> Option<Shortfall> {
    let time = lag.time.filter(|time| *time > wanted.max_lag)?;
    let (seconds, max) = (time.as_secs(), wanted.max_lag.as_secs());
    Some(Shortfall {
        setting: "replication",
        ..of_servers(
            Weight::Warning,
            format!(
                "it is {seconds} s behind, more than store.postgres.max_lag ({max} s): it is not \
                 asked while another copy will do"
            ),
            "see its load, its disk and its network, and reads that hold back what it replays",
        )
    })
}

fn unfit(found: &Unfit) -> Shortfall {
    Shortfall {
        setting: "database",
        ..of_servers(Weight::Breach, found.why.clone(), found.mend.clone())
    }
}

fn is_in_the_clear(target: &Target) -> bool {
    target.tls.is_none() && !target.config.get_hosts().iter().all(is_loopback)
}

fn in_the_clear_of(place: &Place) -> Shortfall {
    let server = &place.name;
    Shortfall {
        setting: "ca_file",
        server: Some(server.clone()),
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
