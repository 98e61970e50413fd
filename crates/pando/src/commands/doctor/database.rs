//! How PostgreSQL is set up, and whether it can be asked.

use super::{Finding, Severity};
use crate::config::Config;
use crate::parts;
use pando_model::engine::Weight;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Looks at everything.
pub async fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(password(config));
    match parts::inspect(config).await {
        Ok(found) => {
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
                .mend("see that PostgreSQL runs, and what [store.postgres] says"),
        ),
    }
    findings
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
