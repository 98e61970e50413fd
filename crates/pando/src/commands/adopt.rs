//! `pando adopt`: an existing PostgreSQL database becomes a store, as it lies.

use crate::cli::AdoptArgs;
use crate::failure::fail;
use crate::parts::adopt::Found;
use crate::report::{Report, grouped};
use indicatif::{ProgressBar, ProgressDrawTarget};
use pando_model::clock::{Clock, SystemClock};
use pando_model::found::{Finding, FoundDatabase};
use pando_store::adopt::{Judged, Verdict, Wanted, judge};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What was found, and what was done.
#[derive(Serialize)]
struct Adopted<'a> {
    #[serde(flatten)]
    judged: &'a Judged,
    /// The schema's version from then on, where something was done.
    schema_version: Option<u64>,
    /// What goes into pando.toml.
    config: &'a str,
}

/// What was taken out again.
#[derive(Serialize)]
struct Undone {
    /// Tables that Pando had made; they stay, with a column `_pando_slot`.
    left: Vec<String>,
}

/// Carries out `pando adopt`.
pub async fn run(args: AdoptArgs, report: Report) -> anyhow::Result<()> {
    let found = Found::at(
        &args.url,
        &args.schema,
        args.password_file.as_deref(),
        args.ca_file.as_deref(),
    );
    if args.undo {
        return undo(&found, &args, report).await;
    }
    let wanted = wanted(&args)?;
    let database = found.inspect().await?;
    let mut judged = match judge(&database, &wanted, SystemClock.now_us()) {
        Ok(judged) => judged,
        Err(refusal) => {
            return fail(refusal.message)
                .hint(refusal.hint.unwrap_or_default())
                .usage()
                .err();
        }
    };
    if args.check_rows {
        check_rows(&found, &database, &mut judged, report).await?;
    }
    let config = config_of(&found, &args);
    if !report.is_json() {
        report.file(&text(&judged))?;
    }
    let version = match args.dry_run {
        true => None,
        false => {
            refuse_nothing(&judged)?;
            ask(&judged, &args, report)?;
            Some(found.adopt(&judged).await?)
        }
    };
    let adopted = Adopted {
        judged: &judged,
        schema_version: version,
        config: &config,
    };
    report.answer(&adopted, |adopted| match adopted.schema_version {
        None => "Nothing was written.".to_owned(),
        Some(version) => format!(
            "\nServed from now on, as version {version} of the schema. Put this into pando.toml:\n\n{}",
            adopted.config
        ),
    })
}

async fn undo(found: &Found, args: &AdoptArgs, report: Report) -> anyhow::Result<()> {
    let question = format!(
        "Take Pando's tables (_pando_…) out of the schema {}? Documents, key-values, wide rows, \
         graphs and keys go with them; adopted tables stay as they are. No pando may be running.",
        args.schema
    );
    if !args.yes && !report.confirm(&question) {
        return fail("nothing was done").hint("say --yes").err();
    }
    let left = found.forget().await?;
    report.answer(&Undone { left }, |undone| match undone.left.as_slice() {
        [] => "Pando's tables are gone; the others are as they were.".to_owned(),
        left => format!(
            "Pando's tables are gone. Tables that Pando had made stay, with a column _pando_slot: {}",
            left.join(", ")
        ),
    })
}

/// What the arguments ask for.
fn wanted(args: &AdoptArgs) -> anyhow::Result<Wanted> {
    let mut placed_by: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for place in &args.places {
        let Some((table, columns)) = place.split_once('=') else {
            return fail(format!("--place {place} names no columns"))
                .hint("write --place order_lines=order_id")
                .usage()
                .err();
        };
        let columns = columns.split(',').map(|name| name.trim().to_owned());
        placed_by.insert(table.to_owned(), columns.collect());
    }
    Ok(Wanted {
        tables: args.tables.iter().cloned().collect::<BTreeSet<_>>(),
        placed_by,
    })
}

async fn check_rows(
    found: &Found,
    database: &FoundDatabase,
    judged: &mut Judged,
    report: Report,
) -> anyhow::Result<()> {
    let fitting: Vec<String> = judged
        .tables
        .iter()
        .filter(|table| table.verdict != Verdict::DoesNotFit)
        .map(|table| table.name.clone())
        .collect();
    for table in database
        .tables
        .iter()
        .filter(|table| fitting.contains(&table.name))
    {
        let bar = match report.is_interactive() {
            true => ProgressBar::no_length(),
            false => ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
        };
        let (shown, name) = (bar.clone(), table.name.clone());
        let findings = found
            .check_rows(table, move |rows| {
                shown.set_message(format!("{name}: {} rows read", grouped(rows)));
                shown.tick();
            })
            .await?;
        bar.finish_and_clear();
        judged.note(&table.name, findings);
    }
    Ok(())
}

fn refuse_nothing(judged: &Judged) -> anyhow::Result<()> {
    if !judged.obstacles.is_empty() {
        return fail("the database cannot be served as it is").err();
    }
    if judged.fitting() == 0 {
        return fail("there is no table that fits and is not served already").err();
    }
    Ok(())
}

fn ask(judged: &Judged, args: &AdoptArgs, report: Report) -> anyhow::Result<()> {
    let question = format!(
        "Serve {} tables of {}? Pando makes tables of its own (_pando_…) in the schema {}, and \
         changes nothing else.",
        judged.fitting(),
        judged.database,
        judged.schema
    );
    if args.yes || report.confirm(&question) {
        return Ok(());
    }
    fail("nothing was written").hint("say --yes").err()
}

/// The lines of pando.toml that lead here.
fn config_of(found: &Found, args: &AdoptArgs) -> String {
    let mut lines = "[store]\nengine = \"postgres\"\n\n[store.postgres]\n".to_owned();
    let mut set = |name: &str, value: &str| {
        let value = toml::Value::from(value);
        let _ = writeln!(lines, "{name} = {value}");
    };
    set("url", found.url());
    for (name, path) in [
        ("password_file", &args.password_file),
        ("ca_file", &args.ca_file),
    ] {
        if let Some(path) = path {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            set(name, &path.to_string_lossy());
        }
    }
    lines
}

fn text(judged: &Judged) -> String {
    let mut text = format!("{}, schema {}\n", judged.database, judged.schema);
    findings(&mut text, &judged.obstacles);
    for table in &judged.tables {
        let verdict = match table.verdict {
            Verdict::Fits => "fits",
            Verdict::FitsWithNotes => "fits, with notes",
            Verdict::DoesNotFit => "does not fit",
            Verdict::Served => "is served already",
        };
        let _ = writeln!(text, "\n{} {verdict}", table.name);
        findings(&mut text, &table.obstacles);
        findings(&mut text, &table.notes);
    }
    if !judged.others.is_empty() {
        text.push_str("\nNot served:\n");
        findings(&mut text, &judged.others);
    }
    let _ = writeln!(
        text,
        "\n{} of {} tables fit and are not served yet.",
        judged.fitting(),
        judged.tables.len()
    );
    text
}

fn findings(text: &mut String, findings: &[Finding]) {
    for finding in findings {
        let _ = writeln!(text, "  - {}", finding.what);
        if let Some(mend) = &finding.mend {
            let _ = writeln!(text, "      {mend}");
        }
    }
}
