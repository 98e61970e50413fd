//! What speed is measured against, and how.
//!
//! Every figure is a ratio taken in one run: subject and peer take turns
//! (A B A B …), each in a process of its own (but for the cache, LinkBench and PostgreSQL's without HTTP,
//! both sides of which are in this one), with the load generator in this one; all share the
//! machine's cores. A benchmark is not a test: nothing fails on a slow day.

mod benches;
mod cache;
mod linkbench;
mod load;
mod machine;
mod peer;
mod postgres;
mod process;
mod queue;
mod raw;
mod report;

use anyhow::{Result, bail};

/// As the binary has it: what is measured in this process is measured as it is served.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
Examples:
  pando-bench                      all that fit in ten minutes
  pando-bench point-read insert    these
  pando-bench scale                a point read at 1e4 and at 1e7 rows
  pando-bench sessions             a million sessions against a thousand
  pando-bench topics               ten thousand who listen, and how soon one is told
  pando-bench linkbench            a graph of 1e6 nodes and 5e6 edges
  pando-bench postgres             the store over PostgreSQL against tokio-postgres and COPY
  pando-bench postgres-http        pando serve over PostgreSQL against axum through PgBouncer
  pando-bench postgres-spread      reads over a primary and two replicas against the primary alone
  pando-bench write-behind write-behind-postgres
                                   puts over HTTP, written behind against at once
  pando-bench queue queue-http queue-elsewhere
                                   queues on the store, over HTTP, against SKIP LOCKED and Redis
  pando-bench queue-deep queue-held
                                   with a million messages, and under a snapshot that is held
  pando-bench cache-traces         hit ratios on recorded traces, against the optimum
Names: idle point-read page models wide-column traverse insert trailbase import import-kv
       cache-hit cache-traces cache-http cache-http-postgres scale sessions topics linkbench queue queue-http queue-elsewhere queue-deep queue-held postgres,
       or of it postgres-point-read postgres-insert postgres-import;
       postgres-http postgres-spread write-behind write-behind-postgres";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("peer") => return peer::serve(&arguments[1..]),
        Some("--help" | "-h") => {
            println!("{USAGE}");
            return Ok(());
        }
        _ => {}
    }
    let names: Vec<&str> = if arguments.is_empty() {
        vec![
            "idle",
            "point-read",
            "page",
            "models",
            "wide-column",
            "traverse",
            "insert",
            "trailbase",
            "import",
            "import-kv",
            "cache-hit",
            "cache-traces",
            "cache-http",
        ]
    } else {
        arguments.iter().map(String::as_str).collect()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut reports = Vec::new();
    for name in names {
        eprintln!("── {name}");
        let made = runtime.block_on(async {
            // On a task, so that the load runs on the worker and not on this thread.
            let name = name.to_owned();
            tokio::spawn(async move { run(&name).await }).await?
        })?;
        for report in &made {
            report.write()?;
        }
        reports.extend(made);
    }
    println!("{}", report::table(&reports));
    Ok(())
}

async fn run(name: &str) -> Result<Vec<report::Report>> {
    match name {
        "idle" => benches::idle::run().await,
        "point-read" => benches::point_read::run().await,
        "page" => benches::page::run().await,
        "insert" => benches::insert::run().await,
        "trailbase" => benches::trailbase::run().await,
        "import" => benches::import::run().await,
        "import-kv" => benches::import_kv::run().await,
        "models" => benches::models::run().await,
        "traverse" => benches::traverse::run().await,
        "wide-column" => benches::wide_column::run().await,
        "scale" => benches::scale::run().await,
        "sessions" => benches::sessions::run().await,
        "topics" => benches::topics::run().await,
        "cache-hit" => cache::hit::run(),
        "cache-traces" => cache::traces::run(),
        "cache-http" => cache::http::over_sqlite().await,
        "cache-http-postgres" => cache::http::over_postgres().await,
        "linkbench" => linkbench::run().await,
        "write-behind" => cache::behind::over_sqlite().await,
        "write-behind-postgres" => cache::behind::over_postgres().await,
        "queue" => queue::over_sqlite().await,
        "queue-http" => queue::http::run().await,
        "queue-elsewhere" => queue::elsewhere::run().await,
        "queue-held" => queue::held::run().await,
        "queue-deep" => queue::with_a_million().await,
        "postgres" => postgres::run(&postgres::ALL).await,
        name if postgres::ALL.contains(&name) => postgres::run(&[name]).await,
        "postgres-http" => postgres::http::run().await,
        "postgres-spread" => postgres::spread::run().await,
        other => bail!("no bench is called {other:?}\n{USAGE}"),
    }
}
