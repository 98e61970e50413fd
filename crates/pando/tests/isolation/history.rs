//! Histories: transactions of callers at the same time over registers in two models, key-value
//! and tables, taken down as they crossed the wire, and checked by `adya`.

use adya::{History, Opts, Report, Workload};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// One after the other, in the order of real time.
pub const STRICT: &str = "strict-serializable";
/// One after the other, in an order that each session's own agrees with.
pub const SESSION: &str = "strong-session-serializable";
/// The table of the registers that are rows.
pub const TABLE: &str = "create table register (id bigint primary key, value bigint not null);";

/// Callers at the same time.
const PROCESSES: u64 = 8;
/// Of these, those that write too; the others only read.
const WRITERS: u64 = 5;
/// Transactions of each.
const TRANSACTIONS: usize = 120;
/// Registers that are in use at a time: few, so that transactions meet.
const HOT: u64 = 4;
/// Transactions of a session of those that only read: whoever begins one is bound to nothing yet,
/// and is answered by whatever copy there is.
const SESSION_OF_READER: usize = 10;
/// Operations of a transaction at most.
const OPS_MAX: usize = 4;

/// Sends requests, for one caller: method, path and body give status and body.
pub type Ask = Box<dyn FnMut(&str, &str, &str) -> (u16, String) + Send>;

/// How a transaction is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sent {
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
///
/// Its registers begin at `base`, which is even: none may have been written before.
pub fn history(caller: impl Fn() -> Ask + Sync, sent: Sent, seed: u64, base: u64) -> String {
    let lines = Mutex::new(Vec::new());
    let (next_value, begun) = (AtomicU64::new(1), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for process in 0..PROCESSES {
            let (lines, next_value, begun) = (&lines, &next_value, &begun);
            let caller = &caller;
            scope.spawn(move || {
                let mut random = StdRng::seed_from_u64(seed ^ process << 32);
                let note = |session: u64, kind: &str, value: Value| {
                    let line = json!({ "type": kind, "process": session, "value": value });
                    lines
                        .lock()
                        .expect("nobody panicked")
                        .push(line.to_string());
                };
                let (mut ask, mut session) = (caller(), process);
                for transaction in 0..TRANSACTIONS {
                    if process >= WRITERS && transaction % SESSION_OF_READER == 0 {
                        (ask, session) = (caller(), session + PROCESSES);
                    }
                    // The registers in use move on, so that none has too long a history.
                    let first = base + begun.fetch_add(1, Ordering::Relaxed) / 40;
                    let ops: Vec<Op> = (0..random.random_range(2..=OPS_MAX))
                        .map(|_| {
                            let register = first + random.random_range(0..HOT);
                            if process >= WRITERS || random.random_bool(0.5) {
                                Op::Read(register)
                            } else {
                                Op::Write(register, next_value.fetch_add(1, Ordering::Relaxed))
                            }
                        })
                        .collect();
                    note(session, "invoke", ops.iter().map(|op| op.asked()).collect());
                    let seen = match sent {
                        Sent::Whole => carry_out(&mut ask, &ops),
                        Sent::InParts => carry_out_in_parts(&mut ask, &ops),
                    };
                    note(session, "ok", seen);
                }
            });
        }
    });
    lines.into_inner().expect("nobody panicked").join("\n")
}

fn carry_out(ask: &mut Ask, ops: &[Op]) -> Value {
    let requests: Vec<Value> = ops.iter().map(|op| op.request()).collect();
    let body = json!({ "ops": requests }).to_string();
    let (status, answer) = ask("POST", "/tx/v1", &body);
    assert_eq!(status, 200, "{answer}");
    let answers: Value = serde_json::from_str(&answer).expect("JSON");
    let each = ops.iter().zip(answers.as_array().expect("a list"));
    each.map(|(op, answer)| op.seen(answer["status"].as_u64().expect("it"), &answer["body"]))
        .collect()
}

fn carry_out_in_parts(ask: &mut Ask, ops: &[Op]) -> Value {
    let mut seen = Vec::new();
    for op in ops {
        let request = op.request();
        let text = |name: &str| request[name].as_str().expect("a text");
        let body = match &request["body"] {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let (status, answer) = ask(text("method"), text("path"), &body);
        let body = match answer.as_str() {
            "" => Value::Null,
            _ => serde_json::from_str(&answer).expect("JSON"),
        };
        seen.push(op.seen(u64::from(status), &body));
    }
    seen.into()
}

/// Looks for what the model rules out. Keys are linearizable where the model is about real time,
/// else in the order in which each caller sees them.
pub fn check(history: &str, model: &str) -> Report {
    let history = History::from_json(history).expect("a history");
    let opts = Opts {
        models: vec![model.to_owned()],
        linearizable_keys: model == STRICT,
        sequential_keys: model != STRICT,
        ..Opts::default()
    };
    adya::check(&history, Workload::RwRegister, &opts)
}

/// The seed, printed.
pub fn seed() -> u64 {
    let seed = match std::env::var("PANDO_SEED") {
        Ok(text) => text.parse().expect("PANDO_SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("seed {seed}: PANDO_SEED={seed} repeats it");
    seed
}
