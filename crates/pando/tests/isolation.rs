//! Isolation: what callers at the same time wrote and saw through `/tx/v1`, checked by `adya`
//! for cycles that no serial order explains.
//!
//! Registers lie in two models, key-value and tables, and a transaction mixes reads and
//! writes of both. Nothing but what crossed the wire goes into the history.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod support;

use adya::{History, Opts, Report, Valid, Workload};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use support::{Connection, Server, migrate};

/// Callers at the same time.
const PROCESSES: u64 = 8;
/// Transactions of each.
const TRANSACTIONS: usize = 120;
/// Registers that are in use at a time: few, so that transactions meet.
const HOT: u64 = 4;
/// Operations of a transaction at most.
const OPS_MAX: usize = 4;

/// How a transaction is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// As one request of `/tx/v1`.
    Whole,
    /// Operation by operation, which isolates nothing.
    InParts,
}

/// One operation of a history.
#[derive(Clone, Copy)]
enum Op {
    Read(u64),
    Write(u64, u64),
}

impl Op {
    /// Its request. Registers with even numbers are keys, the others rows of a table.
    fn request(self) -> Value {
        let (register, body) = match self {
            Op::Read(register) => (register, None),
            Op::Write(register, value) => (register, Some(value)),
        };
        let is_key = register % 2 == 0;
        match (is_key, body) {
            (true, None) => json!({ "method": "GET", "path": format!("/kv/v1/r/{register}") }),
            (true, Some(value)) => {
                json!({ "method": "PUT", "path": format!("/kv/v1/r/{register}"), "body": value })
            }
            (false, None) => {
                let path = format!("/rest/v1/register?id=eq.{register}&select=value");
                json!({ "method": "GET", "path": path })
            }
            (false, Some(value)) => json!({
                "method": "PUT", "path": format!("/rest/v1/register?id=eq.{register}"),
                "body": { "id": register, "value": value },
            }),
        }
    }

    /// What was seen, from the answer to it.
    fn seen(self, status: u64, body: &Value) -> Value {
        match self {
            Op::Write(register, value) => json!(["w", register, value]),
            Op::Read(register) => {
                let value = match (status, body) {
                    (404, _) => Value::Null,
                    (_, Value::Array(rows)) => {
                        rows.first().map_or(Value::Null, |row| row["value"].clone())
                    }
                    (_, value) => value.clone(),
                };
                json!(["r", register, value])
            }
        }
    }

    fn asked(self) -> Value {
        match self {
            Op::Read(register) => json!(["r", register, null]),
            Op::Write(register, value) => json!(["w", register, value]),
        }
    }
}

/// Has callers at the same time carry out transactions; the history of it.
fn history(server: &Server, sent: Sent, seed: u64) -> String {
    let lines = Mutex::new(Vec::new());
    let (next_value, begun) = (AtomicU64::new(1), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for process in 0..PROCESSES {
            let (lines, next_value, begun) = (&lines, &next_value, &begun);
            let mut connection = server.connect();
            scope.spawn(move || {
                let mut random = StdRng::seed_from_u64(seed ^ process << 32);
                let note = |kind: &str, value: Value| {
                    let line = json!({ "type": kind, "process": process, "value": value });
                    lines
                        .lock()
                        .expect("nobody panicked")
                        .push(line.to_string());
                };
                for _ in 0..TRANSACTIONS {
                    // The registers in use move on, so that none has too long a history.
                    let first = begun.fetch_add(1, Ordering::Relaxed) / 40;
                    let ops: Vec<Op> = (0..random.random_range(2..=OPS_MAX))
                        .map(|_| {
                            let register = first + random.random_range(0..HOT);
                            if random.random_bool(0.5) {
                                Op::Read(register)
                            } else {
                                Op::Write(register, next_value.fetch_add(1, Ordering::Relaxed))
                            }
                        })
                        .collect();
                    note("invoke", ops.iter().map(|op| op.asked()).collect());
                    let seen = match sent {
                        Sent::Whole => carry_out(&mut connection, &ops),
                        Sent::InParts => carry_out_in_parts(&mut connection, &ops),
                    };
                    note("ok", seen);
                }
            });
        }
    });
    lines.into_inner().expect("nobody panicked").join("\n")
}

fn carry_out(connection: &mut Connection, ops: &[Op]) -> Value {
    let requests: Vec<Value> = ops.iter().map(|op| op.request()).collect();
    let body = json!({ "ops": requests }).to_string();
    let answer = connection.ask("POST", "/tx/v1", "", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let answers = answer.json();
    let each = ops.iter().zip(answers.as_array().expect("a list"));
    each.map(|(op, answer)| op.seen(answer["status"].as_u64().expect("it"), &answer["body"]))
        .collect()
}

fn carry_out_in_parts(connection: &mut Connection, ops: &[Op]) -> Value {
    let mut seen = Vec::new();
    for op in ops {
        let request = op.request();
        let text = |name: &str| request[name].as_str().expect("a text");
        let body = match &request["body"] {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = connection.ask(text("method"), text("path"), "", &body);
        let body = match answer.body.as_str() {
            "" => Value::Null,
            _ => answer.json(),
        };
        seen.push(op.seen(u64::from(answer.status), &body));
    }
    seen.into()
}

fn check(history: &str) -> Report {
    let history = History::from_json(history).expect("a history");
    let opts = Opts {
        models: vec!["strict-serializable".to_owned()],
        linearizable_keys: true,
        ..Opts::default()
    };
    adya::check(&history, Workload::RwRegister, &opts)
}

fn server(folder: &tempfile::TempDir) -> Server {
    migrate(
        folder.path(),
        "create table register (id bigint primary key, value bigint not null);",
    );
    Server::start(folder.path())
}

fn seed() -> u64 {
    let seed = match std::env::var("PANDO_SEED") {
        Ok(text) => text.parse().expect("PANDO_SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("seed {seed}: PANDO_SEED={seed} repeats it");
    seed
}

#[test]
fn transactions_are_strictly_serializable_over_models() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(&folder);
    let report = check(&history(&server, Sent::Whole, seed()));
    assert!(
        report.valid == Valid::True,
        "{:?}: {:?}",
        report.anomaly_types,
        report.anomalies
    );
}

#[test]
fn the_checker_finds_what_is_sent_in_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(&folder);
    let report = check(&history(&server, Sent::InParts, seed()));
    assert!(report.valid == Valid::False, "nothing was found");
    println!("found: {:?}", report.anomaly_types);
}
