//! Isolation: what callers at the same time wrote and saw through `/tx/v1`, checked by `adya` for
//! cycles that no serial order explains. Nothing but what crossed the wire goes into the history.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod history;
#[path = "../lagging/site.rs"]
mod site;
#[path = "../support/mod.rs"]
mod support;

use adya::{Report, Valid};
use history::{Ask, SESSION, STRICT, Sent, TABLE, check, history, seed};
use site::{Consistency, Site};
use std::time::Duration;
use support::{Server, migrate};

fn server(folder: &tempfile::TempDir) -> Server {
    migrate(folder.path(), TABLE);
    Server::start(folder.path())
}

fn caller(server: &Server) -> Ask {
    let mut connection = server.connect();
    Box::new(move |method, path, body| {
        let answer = connection.ask(method, path, "", body);
        (answer.status, answer.body)
    })
}

fn holds(report: &Report) {
    let Report {
        anomaly_types,
        anomalies,
        ..
    } = report;
    let found = format!("{anomaly_types:?}: {anomalies:?}");
    assert!(report.valid == Valid::True, "{found}");
}

#[test]
fn transactions_are_strictly_serializable_over_models() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(&folder);
    let history = history(|| caller(&server), Sent::Whole, seed(), 0);
    holds(&check(&history, STRICT));
}

#[test]
fn the_checker_finds_what_is_sent_in_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(&folder);
    let history = history(|| caller(&server), Sent::InParts, seed(), 0);
    let report = check(&history, STRICT);
    assert!(report.valid == Valid::False, "nothing was found");
    println!("found: {:?}", report.anomaly_types);
}

/// On PostgreSQL, over three web processes and two replicas that are behind: what asks the
/// owner is strictly serializable; what goes by its session is serializable in an order that
/// agrees with each session's own, and not in that of real time.
#[tokio::test(flavor = "multi_thread")]
async fn over_replicas_a_session_is_as_isolated_as_is_stated_and_no_more() {
    let site = Site::start(TABLE, 2).await;
    for replica in 0..2 {
        site.delay(replica, Duration::from_millis(300)).await;
    }
    let seed = seed();
    let site = std::sync::Arc::new(site);
    let take = |consistency, base| {
        let site = site.clone();
        tokio::task::spawn_blocking(move || {
            let ask = || site.caller(consistency) as Ask;
            history(ask, Sent::Whole, seed, base)
        })
    };
    let strong = take(Consistency::Strong, 0).await.expect("a history");
    holds(&check(&strong, STRICT));
    holds(&check(&strong, SESSION));
    let session = take(Consistency::Session, 10_000).await.expect("a history");
    holds(&check(&session, SESSION));
    let report = check(&session, STRICT);
    assert!(report.valid == Valid::False, "replicas were not read");
    println!("not in real time: {:?}", report.anomaly_types);
    // Whoever does not carry its stamp is no session.
    let none = take(Consistency::None, 20_000).await.expect("a history");
    let report = check(&none, SESSION);
    assert!(report.valid == Valid::False, "nothing was found");
    println!("without stamps: {:?}", report.anomaly_types);
}
