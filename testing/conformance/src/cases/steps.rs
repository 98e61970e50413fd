//! Writes of several steps that see and decide on each other.

use crate::fixture::bench::{Bench, insert, refused, update};
use crate::fixture::query::{SelectExt, eq, select};
use crate::fixture::schema::table;
use crate::{row, rows};
use pando_model::column::ColumnType::*;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::{Select, Tree};
use pando_model::schema::Table;
use pando_model::value::Value;
use std::sync::Arc;

async fn counters(bench: &mut Bench) -> Arc<Table> {
    let t = table("t")
        .column("id", Integer)
        .column("v", Integer)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![[1, 10], [2, 20]]).await;
    t
}

fn tree(select: Select) -> Tree {
    Tree {
        select,
        children: Vec::new(),
    }
}

fn rows_of(outcome: &Outcome) -> Vec<Vec<Value>> {
    outcome.rows.as_ref().expect("it reads").rows.clone()
}

/// Adds one to the value of row 1: reads it, and decides what to write.
fn increment(t: &Arc<Table>) -> [Step; 2] {
    let read = Step::read(tree(select(t, &["v"]).filter(eq(t, "id", 1))));
    let t = Arc::clone(t);
    let decide = Step::decide(move |outcomes| {
        let Some([Value::Int(v)]) = outcomes
            .last()
            .and_then(|read| read.rows.as_ref()?.rows.first().map(Vec::as_slice))
        else {
            return Err(Refusal::new("P0002", "row 1 is not there"));
        };
        let set = vec![(1, Value::Int(v + 1))];
        Ok(vec![update(&t, eq(&t, "id", 1), set).into()])
    });
    [read, decide]
}

pub(crate) async fn a_read_sees_what_the_steps_before_it_did(mut bench: Bench) {
    let t = counters(&mut bench).await;
    let counted = Step::Read {
        tree: Arc::new(tree(select(&t, &["id"]).limit(1))),
        count: true,
    };
    let steps = vec![
        counted.clone(),
        insert(&t, rows![[3, 30]]).into(),
        counted,
        Step::read(tree(select(&t, &["v"]).filter(eq(&t, "id", 3)))),
    ];
    let outcomes = bench.take(steps).await.expect("write");
    let totals: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.rows.as_ref().and_then(|rows| rows.total))
        .collect();
    assert_eq!(totals, [Some(2), None, Some(3), None]);
    assert_eq!(rows_of(&outcomes[0]), rows![[1]]);
    assert_eq!(rows_of(&outcomes[3]), rows![[30]]);
}

pub(crate) async fn a_decision_sees_the_outcomes_so_far_and_its_steps_come_next(mut bench: Bench) {
    let t = counters(&mut bench).await;
    let steps: Vec<Step> = [increment(&t), increment(&t), increment(&t)].concat();
    let outcomes = bench.take(steps).await.expect("write");
    let kinds: Vec<_> = outcomes
        .iter()
        .map(|outcome| (outcome.rows.is_some(), outcome.affected))
        .collect();
    assert_eq!(
        kinds,
        [
            (true, 0),
            (false, 1),
            (true, 0),
            (false, 1),
            (true, 0),
            (false, 1)
        ],
        "a decision leaves no outcome of its own"
    );
    assert_eq!(rows_of(&outcomes[4]), rows![[12]]);
    assert_eq!(
        bench.rows(select(&t, &["v"]).filter(eq(&t, "id", 1))).await,
        rows![[13]]
    );
}

pub(crate) async fn a_group_s_outcomes_lie_by_themselves(mut bench: Bench) {
    let t = counters(&mut bench).await;
    let sees = |expected: usize| {
        Step::decide(move |outcomes| {
            assert_eq!(outcomes.len(), expected);
            Ok(Vec::new())
        })
    };
    let mut inner = vec![sees(0)];
    inner.extend(increment(&t));
    inner.push(sees(2));
    let steps = vec![
        insert(&t, rows![[3, 30]]).into(),
        Step::Group(inner.clone()),
        sees(2),
        Step::Group(vec![Step::Group(inner)]),
    ];
    let outcomes = bench.take(steps).await.expect("write");
    let sizes: Vec<_> = outcomes.iter().map(|outcome| outcome.group.len()).collect();
    assert_eq!(sizes, [0, 2, 1]);
    assert_eq!(outcomes[2].group[0].group[1].affected, 1);
    assert_eq!(
        bench.rows(select(&t, &["v"]).filter(eq(&t, "id", 1))).await,
        rows![[12]]
    );
}

pub(crate) async fn a_decision_that_refuses_takes_everything_back(mut bench: Bench) {
    let t = counters(&mut bench).await;
    let word = Refusal::new("412", "another version").details("why");
    let given = word.clone();
    let steps = vec![
        insert(&t, rows![[3, 30]]).into(),
        Step::Group(vec![
            insert(&t, rows![[4, 40]]).into(),
            Step::decide(move |_| Err(given.clone())),
        ]),
    ];
    assert_eq!(refused(bench.take(steps).await), word);
    assert_eq!(
        bench.rows(select(&t, &["id", "v"])).await,
        rows![[1, 10], [2, 20]]
    );
    let row: Vec<Value> = row![3, 30];
    bench.insert(&t, vec![row]).await;
}
