//! `pando status`: one screen of the deployment.

use super::Context;
use crate::access::{self, Access};
use crate::client;
use crate::config::Config;
use crate::parts;
use crate::report::{columns, grouped};
use http::Method;
use pando_store::Store;
use pando_store::queue::BrokerState;
use serde_json::{Value, json};
use std::time::Duration;

/// Carries out `pando status`.
pub async fn run(context: &Context) -> anyhow::Result<()> {
    let mut status = match access::open_existing(context).await? {
        Access::Server(server) => {
            let path = "/admin/v1/status";
            let mut status = client::call(&server.client, Method::GET, path, None).await?;
            status["url"] = server.url.into();
            status
        }
        Access::Store(open) => {
            let mut status = of_store(open.store(), &context.loaded.config).await;
            if let (true, Ok(status)) = (open.is_beside_a_server(), &mut status) {
                status["phase"] = "running, and not asked: PANDO_KEY is not set, and this folder \
                                   has no root.key"
                    .into();
            }
            open.close().await?;
            status?
        }
    };
    status["data_dir"] = context.loaded.config.data_dir.display().to_string().into();
    context.report.answer(&status, text)
}

async fn of_store(store: &Store, config: &Config) -> anyhow::Result<Value> {
    let engine = store.engine();
    let (info, progress) = (engine.info(), engine.progress());
    let statistics = engine.fetch_statistics().await?;
    let schema = store.schema();
    let (servers, shortfalls) = pando_web::inspection(&**engine).await;
    store.look_at_journal().await?;
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "phase": "not running",
        "shards": [{
            "number": 0,
            "engine": { "name": info.name, "version": info.version },
            "durability": {
                "synced": info.durability.synced,
                "copies": info.durability.copies,
            },
            "position": { "timeline": progress.high.timeline, "p": progress.high.p },
            "size_bytes": statistics.size_bytes,
            "feed_depth": statistics.feed_depth,
            "servers": servers,
            "shortfalls": shortfalls,
        }],
        "broker": broker(store, config).await?,
        "caches": { "journals": pando_web::journals(store) },
        "schema": {
            "version": schema.version,
            "tables": schema.tables.keys().collect::<Vec<_>>(),
        },
    }))
}

/// How the broker of queues does, where there is or should be one, as a server would tell.
async fn broker(store: &Store, config: &Config) -> anyhow::Result<Option<Value>> {
    let queues = store.queue_look_for_stranded().await?;
    let state = match parts::broker::inspect(&config.queue).await {
        None => store.queue_broker_state(Duration::ZERO).await,
        Some(asked) => {
            let engine = asked.as_ref().ok().map(|info| info.engine);
            let fault = asked.err().map(|error| format!("{error:#}"));
            Some(BrokerState {
                engine,
                fault,
                queues,
            })
        }
    };
    Ok(state.as_ref().map(pando_web::broker))
}

/// A server in one line: what it does, and how far it has got.
pub fn server_line(server: &Value) -> String {
    let mut line = server["role"].as_str().unwrap_or("–").to_owned();
    if let Some(timeline) = server["timeline"].as_u64() {
        line.push_str(&format!(", timeline {timeline}"));
    }
    let position = &server["position"];
    if let (Some(timeline), Some(p)) = (position["timeline"].as_u64(), position["p"].as_u64()) {
        line.push_str(&format!(", position {timeline}.{p}"));
    }
    let behind = &server["behind"];
    match (behind["positions"].as_u64(), behind["seconds"].as_f64()) {
        (Some(0), _) => line.push_str(", not behind"),
        (Some(positions), Some(seconds)) => {
            let positions = grouped(positions);
            line.push_str(&format!(", {positions} positions ({seconds:.1} s) behind"));
        }
        (Some(positions), None) => {
            line.push_str(&format!(", {} positions behind", grouped(positions)));
        }
        (None, Some(seconds)) => line.push_str(&format!(", {seconds:.1} s behind")),
        (None, None) => {}
    }
    line
}

/// The servers of a shard, and what does not do in how they are set up.
fn servers_of(shard: &Value) -> Vec<Vec<String>> {
    let word = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let mut rows = Vec::new();
    for server in shard["servers"].as_array().into_iter().flatten() {
        rows.push(vec![
            "server".to_owned(),
            word(&server["name"]),
            server_line(server),
        ]);
    }
    for shortfall in shard["shortfalls"].as_array().into_iter().flatten() {
        rows.push(vec![
            if shortfall["breach"] == true {
                "FAIL"
            } else {
                "warn"
            }
            .to_owned(),
            word(&shortfall["setting"]),
            format!(
                "{}  → {}",
                word(&shortfall["message"]),
                word(&shortfall["mend"])
            ),
        ]);
    }
    rows
}

/// How the Redis does that processes share what they loaded by.
fn redis_of(caches: &Value) -> Option<Vec<String>> {
    let state = caches["shared"].as_str()?;
    let means = match state {
        "asked" => "it answers",
        "silent" => "it does not answer; each process has its own cache",
        "probed" => "it was left alone, and is tried again",
        _ => "it failed or was slow; each process has its own cache",
    };
    Some(vec!["redis".to_owned(), state.to_owned(), means.to_owned()])
}

/// How the broker of queues does, and which ones are there.
fn broker_of(broker: &Value) -> Option<Vec<String>> {
    let ok = broker["ok"].as_bool()?;
    let how = match broker["reason"].as_str() {
        Some(reason) => reason,
        None if ok => "it answers",
        None => "it does not answer",
    };
    let queues = broker["queues"].as_array().into_iter().flatten();
    let queues: Vec<&str> = queues.filter_map(Value::as_str).collect();
    let queues = match queues.is_empty() {
        true => "no queues".to_owned(),
        false => queues.join(", "),
    };
    let engine = broker["engine"].as_str().unwrap_or("–").to_owned();
    Some(vec![
        "broker".to_owned(),
        engine,
        format!("{how}; on it: {queues}"),
    ])
}

/// Each collection that is cached, in one line.
fn caches_of(caches: &Value) -> Vec<Vec<String>> {
    let percent = |share: &Value| match share.as_f64() {
        Some(share) => format!("{:.1} %", share * 100.0),
        None => "–".to_owned(),
    };
    let megabytes = |bytes: &Value| grouped(bytes.as_u64().unwrap_or(0) / 1_000_000);
    let word = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let collections = caches["collections"].as_array().into_iter().flatten();
    let line = |of: &Value| {
        let inconsistent = match of["inconsistent"].as_u64() {
            Some(wrong) if wrong > 0 => format!(", {} WRONG", grouped(wrong)),
            _ => String::new(),
        };
        let warming = &of["warming"];
        let warming = match warming["state"].as_str() {
            Some("done") | None => String::new(),
            Some("failed") => format!(", warming failed: {}", word(&warming["error"])),
            Some(state) => format!(
                ", warming {state} ({} of {})",
                grouped(warming["done"].as_u64().unwrap_or(0)),
                grouped(warming["total"].as_u64().unwrap_or(0)),
            ),
        };
        vec![
            "cache".to_owned(),
            word(&of["collection"]),
            format!(
                "{}, {}, hits {}, {} answers in {} of {} MB{warming}{inconsistent}",
                word(&of["strategy"]),
                word(&of["eviction"]),
                percent(&of["hit_ratio"]),
                grouped(of["entries"].as_u64().unwrap_or(0)),
                megabytes(&of["used_bytes"]),
                megabytes(&of["capacity_bytes"]),
            ),
        ]
    };
    collections.map(line).collect()
}

/// Each worker, in two lines: what it does, and why there is so much of it.
fn workers_of(workers: &Value) -> Vec<Vec<String>> {
    let word = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let number = |value: &Value| grouped(value.as_u64().unwrap_or(0));
    let lines = |of: &Value| {
        let mut line = format!(
            "{}, {} of {} busy, {} waiting, {} handled, {} failed",
            word(&of["handler"]),
            number(&of["busy"]),
            number(&of["wanted"]),
            number(&of["backlog"]),
            number(&of["handled"]),
            grouped(of["failed"].as_u64().unwrap_or(0) + of["dead"].as_u64().unwrap_or(0)),
        );
        if let Some(trouble) = of["trouble"].as_str() {
            line.push_str(&format!(", gets no messages: {trouble}"));
        }
        let name = word(&of["name"]);
        [
            vec!["worker".to_owned(), name, line],
            vec![String::new(), String::new(), word(&of["reason"])],
        ]
    };
    let workers = workers.as_array().into_iter().flatten();
    workers.flat_map(lines).collect()
}

/// Each space that is written behind, in one line.
fn journals_of(caches: &Value) -> Vec<Vec<String>> {
    let word = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let journals = caches["journals"].as_array().into_iter().flatten();
    let line = |of: &Value| {
        let oldest = of["oldest_seconds"].as_f64().unwrap_or(0.0);
        let waiting = match of["rows"].as_u64() {
            Some(0) => "nothing waits".to_owned(),
            Some(rows) => {
                let rows = grouped(rows);
                format!("{rows} writes wait, the oldest for {oldest:.1} s")
            }
            None => "not looked at yet".to_owned(),
        };
        let waiting = match of["state"] == "ending" {
            true => format!("{waiting}; it is not written behind any more"),
            false => waiting,
        };
        let waiting = match of["error"].as_str() {
            Some(error) => format!("{waiting}; it could not be applied: {error}"),
            None => waiting,
        };
        vec!["journal".to_owned(), word(&of["collection"]), waiting]
    };
    journals.map(line).collect()
}

fn text(status: &Value) -> String {
    let number = |value: &Value| value.as_u64().map_or_else(|| "–".to_owned(), grouped);
    let word = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let mut rows = vec![vec![
        format!("pando {}", word(&status["version"])),
        word(&status["phase"]),
        word(&status["url"]),
    ]];
    if let Some(uptime) = status["uptime_seconds"].as_f64() {
        let in_flight = number(&status["requests_in_flight"]);
        rows.push(vec![
            "up".to_owned(),
            format!("{uptime:.0} s"),
            format!("{in_flight} requests under way"),
        ]);
    }
    for shard in status["shards"].as_array().into_iter().flatten() {
        let position = &shard["position"];
        let synced = shard["durability"]["synced"] == true;
        rows.push(vec![
            format!("shard {}", number(&shard["number"])),
            format!(
                "{} {}",
                word(&shard["engine"]["name"]),
                word(&shard["engine"]["version"])
            ),
            format!(
                "{} MB, position {}.{}, {}",
                grouped(shard["size_bytes"].as_u64().unwrap_or(0) / 1_000_000),
                position["timeline"],
                position["p"],
                if synced { "synced" } else { "volatile" },
            ),
        ]);
        rows.extend(servers_of(shard));
    }
    rows.extend(broker_of(&status["broker"]));
    rows.extend(redis_of(&status["caches"]));
    rows.extend(caches_of(&status["caches"]));
    rows.extend(workers_of(&status["workers"]));
    rows.extend(journals_of(&status["caches"]));
    let tables: Vec<&str> = status["schema"]["tables"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    rows.push(vec![
        "schema".to_owned(),
        format!("version {}", number(&status["schema"]["version"])),
        if tables.is_empty() {
            "no tables yet: write a migration, then `pando migrate`".to_owned()
        } else {
            format!("{} tables: {}", tables.len(), tables.join(", "))
        },
    ]);
    rows.push(vec!["data".to_owned(), word(&status["data_dir"])]);
    columns(&rows)
}
