//! What a bench sends: rows by key, pages, or new rows.

use crate::cli::{BenchArgs, Workload};
use crate::client;
use crate::failure::fail;
use http::Method;
use pando_client::{Client, encoded};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// How many different keys are read.
const KEYS: usize = 1_000;

/// Requests, made ready before the clock runs.
pub enum Work {
    /// Paths that are asked for in turn, in an order that is not that of the keys.
    Get(Vec<String>),
    /// A row, made anew each time.
    Post {
        /// Where to.
        path: String,
        /// With its placeholders.
        row: String,
    },
}

impl Work {
    /// Looks at the table, and makes requests for it.
    pub async fn prepare(args: &BenchArgs, client: &Client) -> anyhow::Result<Work> {
        let table = encoded(&args.table);
        match args.workload {
            Workload::Page => Ok(Work::Get(vec![format!("/rest/v1/{table}?{}", args.query)])),
            Workload::Insert => {
                let row = args.row.clone().ok_or_else(|| {
                    fail("insert needs a row")
                        .hint("--row '{\"id\": \"{uuid}\", \"n\": {number}}'")
                        .usage()
                })?;
                let path = format!("/rest/v1/{table}");
                Ok(Work::Post { path, row })
            }
            Workload::PointRead => {
                let key = primary_key(&args.table, client).await?;
                let columns: Vec<String> = key.iter().map(|name| encoded(name)).collect();
                let path = format!("/rest/v1/{table}?select={}&limit={KEYS}", columns.join(","));
                let rows = client::call(client, Method::GET, &path, None).await?;
                let rows = rows.as_array().cloned().unwrap_or_default();
                if rows.is_empty() {
                    return fail(format!("the table {} is empty", args.table)).err();
                }
                let paths = (0..rows.len()).map(|n| {
                    // A step without a common divisor visits every key, far apart.
                    let row = &rows[n.wrapping_mul(7_919) % rows.len()];
                    let filters: Vec<String> = key
                        .iter()
                        .map(|name| format!("{}=eq.{}", encoded(name), value(&row[name])))
                        .collect();
                    format!("/rest/v1/{table}?{}", filters.join("&"))
                });
                Ok(Work::Get(paths.collect()))
            }
        }
    }

    /// Sends one request; an error answer is an error.
    pub async fn send(&self, client: &Client, number: u32, turn: u64) -> anyhow::Result<()> {
        let call = match self {
            Work::Get(paths) => {
                let at = (turn as usize)
                    .wrapping_mul(31)
                    .wrapping_add(number as usize);
                let path = &paths[at % paths.len()];
                client.request(Method::GET, path)
            }
            Work::Post { path, row } => {
                let body = filled(row, (turn << 16) | u64::from(number))?;
                let call = client.request(Method::POST, path);
                call.body("application/json", body)
            }
        };
        call.await?;
        Ok(())
    }
}

/// The table's primary key, as the OpenAPI document marks it.
async fn primary_key(table: &str, client: &Client) -> anyhow::Result<Vec<String>> {
    let document = client::call(client, Method::GET, "/openapi.json", None).await?;
    let properties = &document["components"]["schemas"][table]["properties"];
    let key: Vec<String> = properties
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, column)| {
            let words = column["description"].as_str().unwrap_or_default();
            words.contains("part of the primary key")
        })
        .map(|(name, _)| name.clone())
        .collect();
    if key.is_empty() {
        return fail(format!("there is no table {table}"))
            .hint("`pando status` lists the tables")
            .err();
    }
    Ok(key)
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => encoded(text),
        other => encoded(&other.to_string()),
    }
}

fn filled(row: &str, n: u64) -> anyhow::Result<String> {
    let mut text = row.replace("{number}", &n.to_string());
    if text.contains("{now}") {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        text = text.replace("{now}", &now.to_string());
    }
    while let Some(at) = text.find("{uuid}") {
        let uuid = random_uuid()?;
        text.replace_range(at..at + "{uuid}".len(), &uuid);
    }
    Ok(text)
}

/// A random UUID (RFC 9562, version 4).
fn random_uuid() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("{error}"))?;
    bytes[6] = (bytes[6] & 0x0F) | 0x40;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    Ok(parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in() {
        let row = filled("{\"id\":\"{uuid}\",\"n\":{number}}", 7).unwrap();
        let row: Value = serde_json::from_str(&row).unwrap();
        assert_eq!(row["n"], 7);
        assert_eq!(row["id"].as_str().unwrap().len(), 36);
    }
}
