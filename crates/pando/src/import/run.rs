//! `pando import`: put together, run, and told about.

use super::identity::Identity;
use super::pipeline::{self, Cut, Pipeline};
use super::plan::Mapping;
use super::progress::Progress;
use super::recipe;
use super::rejects::Rejects;
use super::row::RowMaker;
use super::sink::{Local, Models, Remote, Run, Sink, Tally, no_such_table};
use super::source::Sources;
use super::store_chunk::Storing;
use crate::access::{self, Access};
use crate::cli::{ImportArgs, Model};
use crate::commands::Context;
use crate::data_dir::DataDir;
use crate::parts::Purpose;
use crate::report::grouped;
use crate::surface::Surface;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct Imported {
    target: String,
    files: Vec<String>,
    /// Rows stored in all, those before a resumption included.
    rows: u64,
    rejected: u64,
    /// The record that a resumed import began behind.
    resumed_at: Option<u64>,
    seconds: f64,
    rows_per_second: f64,
}

/// Rows of a table that are committed together, if nothing is said.
const CHUNK_ROWS: u32 = 20_000;

/// Carries out `pando import`.
pub async fn run(args: ImportArgs, context: &Context) -> anyhow::Result<()> {
    let sources = Sources::open(&args.files)?;
    let mapping = Mapping::new(&args.nulls, &args.maps)?;
    match args.target.model {
        Model::Tables => into_table(args, context, &sources, mapping).await,
        Model::Docs | Model::Kv | Model::Wide | Model::Graph => {
            into_model(args, context, &sources, mapping).await
        }
    }
}

async fn into_table(
    args: ImportArgs,
    context: &Context,
    sources: &Sources,
    mapping: Mapping,
) -> anyhow::Result<()> {
    recipe::refuse_stray(&args)?;
    let target = args.target.to_string();
    let mut settings = mapping.settings();
    let access = access::open_for(context, Purpose::Import).await?;
    if matches!(access, Access::Server(_)) {
        // A server is sent whole chunks under one key each: they must be cut alike again.
        settings.push(format!("chunk={}", chunk_of(&args)));
    }
    let identity = Identity::of(&target, sources, &settings)?;
    match access {
        Access::Store(open) => {
            let store = Arc::clone(open.store());
            let table = store.schema().table(&args.target.name).cloned();
            let table = table.ok_or_else(|| no_such_table(&args.target.name))?;
            let maker = RowMaker::new(table, mapping, store.clock().now_us())?;
            let sink = Local::new(store, maker, identity.clone(), target);
            let done = import(args, context, sources, &identity, sink).await;
            open.close().await?;
            done
        }
        Access::Server(server) => {
            let mut sink = Remote::new(
                server.client,
                &args.target.name,
                mapping,
                server.dir,
                identity.clone(),
                args.resume,
            )?;
            sink.look().await?;
            import(args, context, sources, &identity, sink).await
        }
    }
}

/// Rows that are committed together.
fn chunk_of(args: &ImportArgs) -> u32 {
    args.chunk.unwrap_or(CHUNK_ROWS)
}

async fn into_model(
    mut args: ImportArgs,
    context: &Context,
    sources: &Sources,
    mapping: Mapping,
) -> anyhow::Result<()> {
    let recipe = recipe::of(&args)?;
    let config = &context.loaded.config;
    let access = access::open_for(context, Purpose::Import).await?;
    let surface = match &access {
        Access::Store(open) => Surface::here(open.store(), config),
        Access::Server(server) => Surface::Server(server.client.clone()),
    };
    // A chunk is one request. The more rows go through a table at once, the more of them
    // share a page that is written.
    let rows_max = u32::try_from(recipe.operations_max() * surface.room()).unwrap_or(u32::MAX);
    let chunk = args.chunk.unwrap_or(u32::MAX).min(rows_max);
    args.chunk = Some(chunk);
    let mut settings = mapping.settings();
    settings.extend(recipe::settings(&args));
    settings.push(format!("chunk={chunk}"));
    let identity = Identity::of(&args.target.to_string(), sources, &settings)?;
    let run = Run::begin(
        DataDir::new(&config.data_dir),
        identity.clone(),
        args.resume,
    )?;
    let sink = Models::new(surface, recipe, mapping, run);
    let done = import(args, context, sources, &identity, sink).await;
    if let Access::Store(open) = access {
        open.close().await?;
    }
    done
}

async fn import<S: Sink>(
    args: ImportArgs,
    context: &Context,
    sources: &Sources,
    identity: &Identity,
    sink: S,
) -> anyhow::Result<()> {
    let report = context.report;
    let target = args.target.to_string();
    let before = match (args.resume, sink.fetch_progress(identity).await?) {
        (true, Some((tally, true))) => {
            report.remark("this import was finished before; nothing is left to do");
            return tell(&args, context, tally, Some(tally.records), 0.0, 0);
        }
        (true, Some((tally, false))) => Some(tally),
        (true, None) => {
            report.remark("no import of these files was broken off; it begins at the first row");
            None
        }
        (false, Some((tally, false))) if tally.written > 0 => {
            report.remark(&format!(
                "an import of these files into {target} was broken off behind {} rows; \
                 --resume would go on there",
                grouped(tally.written)
            ));
            None
        }
        (false, _) => None,
    };
    let tally = before.unwrap_or_default();
    let cut = Cut {
        rows: chunk_of(&args) as usize,
        skip: tally.records,
    };
    let sink = Arc::new(sink);
    let pipeline = pipeline::start(sources, cut, &sink)?;
    let mut progress = Progress::start(sources, report);
    let mut storing = Storing {
        sink: &*sink,
        on_error: args.on_error,
        rejects: Rejects::open(args.rejects.as_deref(), args.resume, report)?,
        tally,
    };
    let outcome = store_all(pipeline, &mut storing, &mut progress).await;
    let seconds = progress.finish().as_secs_f64();
    let Storing {
        rejects,
        tally: after,
        ..
    } = storing;
    rejects.finish()?;
    outcome?;
    sink.finish(after).await?;
    let stored = after.written - tally.written;
    tell(
        &args,
        context,
        after,
        before.map(|tally| tally.records),
        seconds,
        stored,
    )
}

/// Stores one chunk after the other, until there are no more or one cannot be stored.
async fn store_all<S: Sink>(
    mut pipeline: Pipeline<S::Item>,
    storing: &mut Storing<'_, S>,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    while let Some(chunk) = pipeline.next().await {
        storing.store(chunk?).await?;
        progress.advance(storing.tally.written);
    }
    Ok(())
}

fn tell(
    args: &ImportArgs,
    context: &Context,
    tally: Tally,
    resumed_at: Option<u64>,
    seconds: f64,
    stored: u64,
) -> anyhow::Result<()> {
    let imported = Imported {
        target: args.target.to_string(),
        files: args
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
        rows: tally.written,
        rejected: tally.rejected,
        resumed_at,
        seconds,
        rows_per_second: stored as f64 / seconds.max(0.001),
    };
    context.report.answer(&imported, |imported| {
        format!(
            "{}: {} rows stored, {} rejected, in {seconds:.1} s ({} rows/s)",
            imported.target,
            grouped(imported.rows),
            grouped(imported.rejected),
            grouped(imported.rows_per_second as u64),
        )
    })
}
