//! `pando config`: check the configuration, or show it with origins.

use crate::cli::ConfigCommand;
use crate::config::{self, Loaded, Origin, Sources};
use crate::report::{Report, columns};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
struct Shown {
    path: String,
    value: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

/// Carries out `pando config`.
pub fn run(command: ConfigCommand, sources: &Sources, report: Report) -> anyhow::Result<()> {
    let loaded = config::load(sources)?;
    match command {
        ConfigCommand::Check => {
            loaded.check_files()?;
            check(&loaded, report)
        }
        ConfigCommand::Show { origin } => show(&loaded, origin, report),
    }
}

fn check(loaded: &Loaded, report: Report) -> anyhow::Result<()> {
    let file = loaded.file.as_ref().map(|path| path.display().to_string());
    let set = loaded
        .settings()
        .iter()
        .filter(|(_, _, origin)| *origin != Origin::Default)
        .count();
    let answer = json!({ "ok": true, "file": file, "settings": set });
    report.answer(&answer, |_| match &file {
        Some(file) => format!("{file} is right: {set} settings differ from their defaults"),
        None => format!("no pando.toml here; {set} settings differ from their defaults"),
    })
}

fn show(loaded: &Loaded, with_origin: bool, report: Report) -> anyhow::Result<()> {
    let shown: Vec<Shown> = loaded
        .settings()
        .into_iter()
        .map(|(path, value, origin)| Shown {
            path,
            value,
            origin: with_origin.then(|| origin.to_string()),
        })
        .collect();
    report.answer(&shown, |shown| {
        let rows: Vec<Vec<String>> = shown
            .iter()
            .map(|setting| {
                let value = match &setting.value {
                    Value::Null => "–".to_owned(),
                    value => value.to_string(),
                };
                let mut row = vec![setting.path.clone(), value];
                row.extend(setting.origin.clone());
                row
            })
            .collect();
        columns(&rows)
    })
}
