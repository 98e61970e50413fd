//! What one request may have in memory, whatever lies under its rows.

use crate::fixture::bench::{Bench, insert, refused, returning, update};
use crate::fixture::query::{SelectExt, TreeExt, col, compare, eq, select};
use crate::fixture::schema::table;
use crate::{row, rows};
use pando_model::budget::ROW_BYTES_MAX;
use pando_model::column::ColumnType::*;
use pando_model::engine::{Engine, Freshness, ReadSteps, Result, Step, StepsAnswer, Write};
use pando_model::error::{EngineError, Refusal};
use pando_model::plan::{Comparison, Filter, OrderBy, Select};
use pando_model::schema::Table;
use std::sync::{Arc, Mutex};

/// Bytes of one value: a body may be as long.
const LARGE: usize = 10_000_000;
/// So many of them fit into a request.
const FIT: usize = ROW_BYTES_MAX / LARGE;

/// Two rows with a large value each.
async fn large(bench: &mut Bench) -> Arc<Table> {
    let t = table("t")
        .column("id", Integer)
        .column("v", Text)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    let v = "x".repeat(LARGE);
    bench
        .insert(&t, rows![[1, v.as_str()], [2, v.as_str()]])
        .await;
    t
}

/// A select whose rows hold the large value so many times.
fn times(t: &Arc<Table>, count: usize) -> Select {
    select(t, &vec!["v"; count])
}

fn steps(t: &Arc<Table>, count: usize) -> Vec<Step> {
    let one = || Step::read(select(t, &["v"]).filter(eq(t, "id", 1)).tree());
    (0..count).map(|_| Step::Group(vec![one()])).collect()
}

async fn read_steps(bench: &Bench, steps: Vec<Step>) -> Result<StepsAnswer> {
    let engine: Arc<dyn Engine> = bench.engine();
    let schema_version = bench.version;
    let read = ReadSteps {
        schema_version,
        steps,
        freshness: Freshness::default(),
    };
    engine.read_steps(read).await
}

#[track_caller]
fn assert_too_large(refusal: &Refusal) {
    assert_eq!(refusal.code, "54000", "{refusal:?}");
    let hint = refusal.hint.as_deref().unwrap_or_default();
    assert!(hint.contains("limit"), "{refusal:?}");
}

pub(crate) async fn the_rows_of_a_read_are_bounded_by_their_bytes(mut bench: Bench) {
    let t = large(&mut bench).await;
    let half = FIT / 2 + 1;
    let fits = bench.try_read(times(&t, half).limit(1).tree(), false).await;
    assert_eq!(fits.expect("it fits").rows.rows.len(), 1);
    let too_many = bench.try_read(times(&t, half).tree(), false).await;
    assert_too_large(&refused(too_many));
}

pub(crate) async fn children_share_the_bytes_of_their_parents(mut bench: Bench) {
    let t = large(&mut bench).await;
    let half = FIT / 2 + 1;
    let parent = |count| {
        let mut columns = vec!["id"];
        columns.extend(vec!["v"; count]);
        select(&t, &columns).limit(1).tree()
    };
    let child = || times(&t, half).tree();
    let fits = parent(1).child(&[0], &["id"], child());
    let found = bench.try_read(fits, false).await.expect("it fits");
    assert_eq!(found.rows.children[0].rows.len(), 1);
    let too_large = parent(half).child(&[0], &["id"], child());
    assert_too_large(&refused(bench.try_read(too_large, false).await));
}

pub(crate) async fn the_reads_of_one_request_share_their_bytes(mut bench: Bench) {
    let t = large(&mut bench).await;
    let fits = read_steps(&bench, steps(&t, FIT)).await.expect("it fits");
    assert_eq!(fits.outcomes.len(), FIT);
    assert_too_large(&refused(read_steps(&bench, steps(&t, FIT + 1)).await));
    // The next request has all of it again.
    assert!(read_steps(&bench, steps(&t, FIT)).await.is_ok());
}

pub(crate) async fn a_write_that_reads_too_much_is_taken_back(mut bench: Bench) {
    let t = large(&mut bench).await;
    let mut all: Vec<Step> = vec![insert(&t, rows![[3, "y"]]).into()];
    all.extend(steps(&t, FIT + 1));
    assert_too_large(&refused(bench.take(all).await));
    let set = vec![(1, row!["y"].remove(0))];
    let many = returning(update(&t, eq(&t, "id", 1), set), {
        let mut tree = select(&t, &["id"]).tree();
        tree = tree.child(&[0], &["id"], select(&t, &["id"]).tree());
        tree
    });
    assert_eq!(bench.change(many).await.affected, 1);
    let told = returning(
        update(&t, eq(&t, "id", 2), vec![]),
        times(&t, FIT + 1).tree(),
    );
    assert_too_large(&bench.refusal(told).await);
    assert_eq!(bench.rows(select(&t, &["id"])).await, rows![[1], [2]]);
}

pub(crate) async fn what_a_change_answers_is_counted_once(mut bench: Bench) {
    let t = large(&mut bench).await;
    let both = |shape: Select| {
        let all = || Filter::Const(true);
        returning(update(&t, all(), vec![]), shape.tree())
    };
    let most = || times(&t, FIT / 2);
    let by_id = OrderBy::Scalar(col(&t, "id"));
    for shape in [
        most(),
        most().filter(compare(col(&t, "id"), Comparison::Lt, 3)),
        most().order(by_id, true, false),
    ] {
        let told = bench.change(both(shape)).await;
        assert_eq!(told.rows.map(|set| set.rows.len()), Some(2));
    }
    let one_more = bench.refusal(both(times(&t, FIT / 2 + 1))).await;
    assert_too_large(&one_more);
}

pub(crate) async fn reads_that_follow_from_each_other_see_one_state(mut bench: Bench) {
    let t = large(&mut bench).await;
    let ids = || select(&t, &["id"]).tree();
    let more = Step::read(ids());
    let engine: Arc<dyn Engine> = bench.engine();
    let write = Write {
        schema_version: bench.version,
        steps: vec![insert(&t, rows![[3, "y"]]).into()],
        receipt: None,
        finish: Box::new(|_| Ok(Vec::new())),
    };
    // It may be asked again.
    let meanwhile = Mutex::new(Some(write));
    let runtime = tokio::runtime::Handle::current();
    let decide = Step::decide(move |outcomes| {
        assert_eq!(outcomes.len(), 1);
        if let Some(write) = meanwhile.lock().unwrap().take() {
            let (engine, runtime) = (Arc::clone(&engine), runtime.clone());
            let writer = std::thread::spawn(move || runtime.block_on(engine.write(write)));
            writer.join().unwrap().expect("it is written");
        }
        Ok(vec![more.clone()])
    });
    let answer = read_steps(&bench, vec![Step::read(ids()), decide]).await;
    let answer = answer.expect("read");
    assert_eq!(answer.outcomes.len(), 2);
    assert_eq!(answer.outcomes[0], answer.outcomes[1]);
    assert!(answer.low <= answer.high);

    let no = Refusal::new("conflict", "no");
    let given = no.clone();
    let refuses = Step::decide(move |_| Err(given.clone()));
    assert_eq!(refused(read_steps(&bench, vec![refuses]).await), no);

    let changes = vec![insert(&t, rows![[9, "y"]]).into()];
    let changed = read_steps(&bench, changes).await;
    assert!(matches!(changed, Err(EngineError::Internal { .. })));
    let written = rows![[1], [2], [3]];
    assert_eq!(bench.rows(select(&t, &["id"])).await, written);

    bench.version += 1;
    let other = read_steps(&bench, vec![Step::read(ids())]).await;
    assert!(matches!(other, Err(EngineError::SchemaChanged { .. })));
}

pub(crate) async fn large_rows_are_changed_a_few_at_a_time(mut bench: Bench) {
    let t = large(&mut bench).await;
    let v = "y".repeat(LARGE);
    bench
        .insert(&t, rows![[3, v.as_str()], [4, "small"], [5, v.as_str()]])
        .await;
    bench.insert(&t, rows![[6, v.as_str()], [7, "small"]]).await;
    let changed = bench
        .change(update(
            &t,
            Filter::Const(true),
            vec![(1, row!["z"].remove(0))],
        ))
        .await;
    assert_eq!(changed.affected, 7);
    let expected: Vec<_> = (1..=7).map(|id| row![id, "z"]).collect();
    assert_eq!(bench.rows(select(&t, &["id", "v"])).await, expected);
}
