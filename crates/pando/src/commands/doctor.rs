//! `pando doctor`: what would go wrong on this machine, each with the way to mend it.

mod database;
mod machine;

use super::Context;
use crate::access;
use crate::client;
use crate::config::{ConfigError, EngineKind};
use crate::data_dir::DataDir;
use crate::failure::fail;
use crate::parts;
use crate::report::columns;
use http::Method;
use pando_model::error::EngineError;
use serde::Serialize;
use serde_json::{Value, json};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// It works, and not as well as it could.
    Warn,
    /// It does not work, or loses data some day.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What.
    pub check: &'static str,
    /// How it is.
    pub severity: Severity,
    /// What was found.
    pub message: String,
    /// The line to change, or the command to run.
    pub mend: Option<String>,
}

impl Finding {
    /// A finding without a way to mend it.
    pub fn new(check: &'static str, severity: Severity, message: impl Into<String>) -> Finding {
        Finding {
            check,
            severity,
            message: message.into(),
            mend: None,
        }
    }

    /// The same finding, with the way to mend it.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Finding {
        self.mend = Some(mend.into());
        self
    }
}

/// Carries out `pando doctor`.
pub async fn run(context: &Context) -> anyhow::Result<()> {
    let config = &context.loaded.config;
    let dir = DataDir::new(&config.data_dir);
    let mut findings = vec![configuration(context)];
    findings.extend(files(context));
    findings.extend(exposure(context));
    findings.extend(machine::findings(config, &dir));
    let mut servers = Vec::new();
    if config.store.engine == EngineKind::Postgres {
        let (found, seen) = database::findings(config).await;
        findings.extend(found);
        servers = seen;
    }
    findings.extend(redis(context).await);
    findings.extend(broker(context).await);
    findings.extend(integrity(context, &dir).await);
    let worst = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let (failed, warned) = (worst(Severity::Fail), worst(Severity::Warn));
    let answer = json!({
        "findings": findings,
        "servers": servers,
        "failed": failed,
        "warned": warned,
    });
    context.report.answer(&answer, |_| text(&findings))?;
    match failed {
        0 => Ok(()),
        n => fail(format!("{n} of {} findings must be mended", findings.len())).err(),
    }
}

fn configuration(context: &Context) -> Finding {
    let file = match &context.loaded.file {
        Some(file) => format!("{} is right", file.display()),
        None => "no file; everything at its default".to_owned(),
    };
    Finding::new("configuration", Severity::Ok, file)
}

/// What keeps a server from starting with the certificate, the password or the authorities that
/// are set.
fn files(context: &Context) -> Vec<Finding> {
    let Err(ConfigError(problems)) = context.loaded.check_files() else {
        return Vec::new();
    };
    let problems = problems.into_iter().map(|problem| {
        let message = format!("{}: {}", problem.place, problem.message);
        let finding = Finding::new("files", Severity::Fail, message);
        match problem.hint {
            Some(hint) => finding.mend(hint),
            None => finding,
        }
    });
    problems.collect()
}

fn exposure(context: &Context) -> Vec<Finding> {
    let config = &context.loaded.config;
    let open = config
        .listen
        .addresses()
        .iter()
        .any(|at| !at.ip().is_loopback());
    let mut findings = Vec::new();
    if open && config.tls.cert.is_none() {
        findings.push(
            Finding::new(
                "encryption",
                Severity::Warn,
                "keys and data cross the network in the clear",
            )
            .mend("[tls] cert and key, unless a balancer in front encrypts"),
        );
    }
    if config.store.engine == EngineKind::Memory {
        findings.push(
            Finding::new(
                "durability",
                Severity::Warn,
                "data is gone when the process ends",
            )
            .mend("[store] engine = \"sqlite\""),
        );
    }
    findings
}

/// How the Redis does that processes share what they loaded by.
async fn redis(context: &Context) -> Vec<Finding> {
    match parts::redis::inspect(&context.loaded.config.cache).await {
        None => Vec::new(),
        Some(Err(error)) => vec![
            Finding::new(
                "redis",
                Severity::Warn,
                format!("{error}; until it does each process has its own cache"),
            )
            .mend("see what [cache] says, and whether Redis runs"),
        ],
        Some(Ok(shortfalls)) if shortfalls.is_empty() => {
            vec![Finding::new(
                "redis",
                Severity::Ok,
                "it answers, and is set up as a cache",
            )]
        }
        Some(Ok(shortfalls)) => shortfalls
            .into_iter()
            .map(|found| Finding::new("redis", Severity::Warn, found.message).mend(found.mend))
            .collect(),
    }
}

/// How the broker of queues does.
async fn broker(context: &Context) -> Option<Finding> {
    let written = &context.loaded.config.queue;
    Some(match parts::broker::inspect(written).await? {
        Ok(info) => {
            let durability = info.durability;
            let synced = if durability.synced { "" } else { "not " };
            let message = format!(
                "{} {} answers; what it confirms is {synced}synced, copies: {}",
                info.engine, info.version, durability.copies
            );
            Finding::new("broker", Severity::Ok, message)
        }
        Err(error) => Finding::new("broker", Severity::Fail, format!("{error:#}"))
            .mend("start it, or see what [queue] says: a server does not start without it"),
    })
}

async fn integrity(context: &Context, dir: &DataDir) -> Option<Finding> {
    if !dir.path().exists() {
        return None;
    }
    // What could not be looked at is not damaged for that.
    let checked = match dir.lock() {
        Ok(Ok(_lock)) if dir.database().exists() => {
            let file = dir.database();
            match tokio::task::spawn_blocking(move || parts::verify_file(&file)).await {
                Ok(Ok(problems)) => Ok(problems),
                Ok(Err(EngineError::Corrupt(reason))) => Ok(vec![reason]),
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        }
        Ok(Ok(_)) => return None,
        Ok(Err(held)) => {
            let url = held.server?.url;
            let certificate = context.loaded.config.tls.cert.as_deref();
            let key = access::key(dir);
            let client = client::connect(&url, key.as_deref(), certificate).ok()?;
            match client::call(&client, Method::POST, "/admin/v1/verify", None).await {
                Ok(answer) => Ok(problems_of(&answer)),
                Err(error) => Err(format!("the server could not be asked: {error:#}")),
            }
        }
        Err(error) => Err(format!("{error:#}")),
    };
    Some(match checked {
        Ok(problems) => sound(dir, &problems),
        Err(reason) => Finding::new(
            "integrity",
            Severity::Warn,
            format!("not checked: {reason}"),
        )
        .mend("mend that, or run it where the data may be written, and look again"),
    })
}

fn sound(dir: &DataDir, problems: &[String]) -> Finding {
    match problems.first() {
        None => Finding::new("integrity", Severity::Ok, "the data is sound"),
        Some(first) => Finding::new(
            "integrity",
            Severity::Fail,
            format!("{} problems, the first: {first}", problems.len()),
        )
        .mend(format!(
            "restore the last backup: pando restore FILE --data-dir {} --yes",
            dir.path().display()
        )),
    }
}

fn problems_of(answer: &Value) -> Vec<String> {
    let problems = answer["problems"].as_array().into_iter().flatten();
    problems
        .map(|problem| problem.as_str().unwrap_or("?").to_owned())
        .collect()
}

fn text(findings: &[Finding]) -> String {
    let rows: Vec<Vec<String>> = findings
        .iter()
        .map(|finding| {
            let mark = match finding.severity {
                Severity::Ok => "ok",
                Severity::Warn => "warn",
                Severity::Fail => "FAIL",
            };
            let mut message = finding.message.clone();
            if let Some(mend) = &finding.mend {
                message.push_str(&format!("  → {mend}"));
            }
            vec![mark.to_owned(), finding.check.to_owned(), message]
        })
        .collect();
    columns(&rows)
}
