//! The servers of PostgreSQL, how they are set up, and whether they can be asked.

use super::{Finding, Severity};
use crate::commands::status::server_line;
use crate::config::Config;
use crate::parts;
use pando_model::inspection::{Inspection, Weight};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Looks at everything; gives what each server does too.
pub async fn findings(config: &Config) -> (Vec<Finding>, Vec<Value>) {
    let mut findings = Vec::new();
    findings.extend(password(config));
    let mut servers = Vec::new();
    match parts::inspect(config).await {
        Ok(inspection) => {
            servers = pando_web::servers(&inspection);
            findings.extend(servers.iter().filter_map(server));
            let Inspection {
                shortfalls: found, ..
            } = inspection;
            if found.iter().all(|found| found.weight == Weight::Note) {
                let sound = "it is set up to keep what is promised";
                findings.push(Finding::new("database", Severity::Ok, sound));
            }
            findings.extend(found.into_iter().map(|found| {
                let severity = match found.weight {
                    Weight::Note => Severity::Ok,
                    Weight::Warning => Severity::Warn,
                    Weight::Breach => Severity::Fail,
                };
                Finding::new(found.setting, severity, found.message).mend(found.mend)
            }));
        }
        Err(error) => findings.push(
            Finding::new("database", Severity::Fail, format!("{error:#}"))
                .mend("see what [store.postgres] says"),
        ),
    }
    (findings, servers)
}

/// A server that is of use; what is wrong with the others is a finding of its own.
fn server(server: &Value) -> Option<Finding> {
    matches!(server["role"].as_str(), Some("primary" | "replica")).then(|| {
        let name = server["name"].as_str().unwrap_or_default();
        let message = format!("{name}: {}", server_line(server));
        Finding::new("server", Severity::Ok, message)
    })
}

/// A file with the password that others may read.
fn password(config: &Config) -> Option<Finding> {
    let path = config.store.postgres.password_file.as_ref()?;
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        let path = path.display();
        Finding::new(
            "rights",
            Severity::Fail,
            format!("others may read {path} ({mode:o})"),
        )
        .mend(format!(
            "chmod 600 {path}, and change the password if anyone may have"
        ))
    })
}
