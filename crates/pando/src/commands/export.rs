//! `pando export`: a table, collection, space or graph page by page, in constant memory, in
//! a form that `pando import` reads back.

mod graph;
mod kv;
mod output;
mod pages;
mod wide;
mod writer;

use super::Context;
use crate::access::{self, Access};
use crate::cli::{ExportArgs, Model};
use crate::failure::fail;
use crate::import::{Format, format_of};
use crate::report::grouped;
use crate::surface::Surface;
use output::Output;
use pages::Pages;
use serde_json::json;
use std::io;
use std::path::Path;
use writer::Writer;

/// Carries out `pando export`.
pub async fn run(args: ExportArgs, context: &Context) -> anyhow::Result<()> {
    let format = format(&args)?;
    if let Some(out) = &args.out
        && out.exists()
        && !args.yes
        && !context
            .report
            .confirm(&format!("Replace {}?", out.display()))
    {
        return fail(format!("{} exists", out.display()))
            .hint("name another file, or say --yes")
            .err();
    }
    let rows = match access::open_existing(context).await? {
        Access::Store(open) => {
            let surface = Surface::here(open.store(), &context.loaded.config);
            let rows = export(&args, format, &surface).await;
            drop(surface);
            open.close().await?;
            rows?
        }
        Access::Server(server) => export(&args, format, &Surface::Server(server.client)).await?,
    };
    let Some(out) = &args.out else { return Ok(()) };
    let target = args.target.to_string();
    let name = match args.target.model {
        Model::Tables => &args.target.name,
        _ => &target,
    };
    let mut answer = json!({ "target": target, "rows": rows, "out": out.display().to_string() });
    if args.target.model == Model::Tables {
        answer["table"] = json!(name);
    }
    context.report.answer(&answer, |_| {
        format!("{}: {} rows of {name}", out.display(), grouped(rows))
    })
}

async fn export(args: &ExportArgs, format: Format, surface: &Surface) -> anyhow::Result<u64> {
    let out = args.out.as_deref();
    match write_pages(args, format, surface).await {
        // A reader that went away (`| head`) has seen enough: no error.
        Err(error) if out.is_none() && is_broken_pipe(&error) => Ok(0),
        done => done,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn write_pages(args: &ExportArgs, format: Format, surface: &Surface) -> anyhow::Result<u64> {
    let mut pages = Pages::of(&args.target, format, surface);
    // What cannot be read at all leaves no file.
    let mut page = pages.next().await?;
    let mut output = Output::open(args.out.as_deref())?;
    let mut writer = Writer::new(format);
    let mut rows = 0;
    while let Some(body) = page {
        rows += writer.page(&body, &mut output)?;
        page = pages.next().await?;
    }
    writer.end(&mut output)?;
    output.finish()?;
    Ok(rows)
}

fn format(args: &ExportArgs) -> anyhow::Result<Format> {
    let Some(out) = args.out.as_deref() else {
        return Ok(Format::Ndjson);
    };
    let format = format_of_out(out)?;
    if format == Format::Csv && args.target.model != Model::Tables {
        return fail(format!(
            "only tables are written as CSV, and not {}",
            args.target
        ))
        .hint("end the file in .ndjson or .json, or one of them and .gz")
        .usage()
        .err();
    }
    Ok(format)
}

fn format_of_out(out: &Path) -> anyhow::Result<Format> {
    let bare = match out.extension() {
        Some(end) if end == "gz" => out.with_extension(""),
        _ => out.to_owned(),
    };
    format_of(&bare).ok_or_else(|| {
        fail(format!("{}: the name does not say a format", out.display()))
            .hint("end it in .csv, .json or .ndjson, or one of them and .gz")
            .usage()
            .into()
    })
}
