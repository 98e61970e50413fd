//! Inserts, updates and deletes that succeed, and what they return.

use crate::fixture::bench::{Bench, assert_refusal, at_most, delete, insert, returning, update};
use crate::fixture::query::{SelectExt, TreeExt, col, compare, eq, join, select};
use crate::fixture::schema::table;
use crate::{row, rows};
use pando_model::column::ColumnType::*;
use pando_model::engine::WriteAnswer;
use pando_model::error::EngineError;
use pando_model::plan::{Comparison, Filter, Output, Tree};
use pando_model::schema::Table;
use pando_model::value::Value;
use std::sync::Arc;

async fn three(bench: &mut Bench) -> Arc<Table> {
    let t = table("t")
        .column("id", Integer)
        .column("v", Text)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![[1, "a"], [2, "b"], [3, "c"]]).await;
    t
}

fn whole(t: &Arc<Table>) -> Tree {
    select(t, &["id", "v"]).tree()
}

fn everywhere() -> Filter {
    Filter::Const(true)
}

pub(crate) async fn inserted_rows_are_returned_in_the_order_given(mut bench: Bench) {
    let t = three(&mut bench).await;
    let new = insert(&t, rows![[9, "z"], [7, ()], [8, "y"]]);
    let outcome = bench.change(returning(new, whole(&t))).await;
    assert_eq!((outcome.affected, outcome.inserted), (3, 3));
    let set = outcome.rows.expect("rows");
    assert_eq!(set.rows, rows![[9, "z"], [7, ()], [8, "y"]]);
    assert_eq!(set.total, None);
    assert_eq!(
        bench.rows(select(&t, &["id"]).limit(5)).await,
        rows![[1], [2], [3], [7], [8]]
    );
}

pub(crate) async fn an_update_returns_rows_as_they_are_and_a_delete_as_they_were(mut bench: Bench) {
    let t = three(&mut bench).await;
    let past_one = || compare(col(&t, "id"), Comparison::Gt, 1);
    let change = update(&t, past_one(), vec![(1, Value::Text("x".into()))]);
    let outcome = bench.change(returning(change, whole(&t))).await;
    assert_eq!((outcome.affected, outcome.inserted), (2, 0));
    assert_eq!(outcome.rows.expect("rows").rows, rows![[2, "x"], [3, "x"]]);
    let outcome = bench
        .change(returning(delete(&t, past_one()), whole(&t)))
        .await;
    assert_eq!((outcome.affected, outcome.inserted), (2, 0));
    assert_eq!(outcome.rows.expect("rows").rows, rows![[2, "x"], [3, "x"]]);
    assert_eq!(bench.rows(select(&t, &["id", "v"])).await, rows![[1, "a"]]);
}

pub(crate) async fn returned_rows_carry_children(mut bench: Bench) {
    let parent = three(&mut bench).await;
    let child = table("child")
        .column("t", Integer)
        .column("n", Integer)
        .key(&["t", "n"])
        .shard_by(&["t"])
        .references(&["t"], "t", &["id"])
        .on_delete(pando_model::schema::ReferentialAction::Cascade)
        .build();
    bench.create(&[&child]).await;
    bench.insert(&child, rows![[1, 5], [1, 6], [2, 7]]).await;
    let tree = || {
        let children = select(&child, &["n"]).tree();
        select(&parent, &["id"])
            .tree()
            .child(&[0], &["t"], children)
    };
    let up = returning(insert(&child, rows![[3, 1], [1, 1]]), {
        let parents = select(&parent, &["v"]).tree();
        select(&child, &["n", "t"])
            .tree()
            .child(&[1], &["id"], parents)
    });
    let set = bench.change(up).await.rows.expect("rows");
    assert_eq!(set.rows, rows![[1, 3], [1, 1]]);
    let mut parents = set.children[0].rows.clone();
    parents.sort_by(|a, b| a[1].compare(&b[1]));
    assert_eq!(parents, rows![["a", 1], ["c", 3]]);
    let gone = returning(delete(&parent, eq(&parent, "id", 1)), tree());
    let set = bench.change(gone).await.rows.expect("rows");
    assert_eq!(set.rows, rows![[1]]);
    assert_eq!(
        set.children[0].rows,
        rows![[1, 1], [5, 1], [6, 1]],
        "what was embedded goes with the row, and is answered as it was"
    );
    assert_eq!(
        bench.rows(select(&child, &["t", "n"])).await,
        rows![[2, 7], [3, 1]]
    );
}

pub(crate) async fn a_returned_tree_is_filtered_ordered_and_cut(mut bench: Bench) {
    let t = three(&mut bench).await;
    let tree = select(&t, &["id"])
        .filter(compare(col(&t, "id"), Comparison::Lt, 14))
        .desc("v")
        .limit(2)
        .offset(1)
        .tree();
    let change = insert(
        &t,
        rows![[10, "p"], [11, "r"], [14, "z"], [12, "q"], [13, "r"]],
    );
    let outcome = bench.change(returning(change, tree)).await;
    assert_eq!(outcome.affected, 5);
    assert_eq!(outcome.rows.expect("rows").rows, rows![[13], [12]]);
}

pub(crate) async fn affected_counts_rows_whatever_is_returned(mut bench: Bench) {
    let t = three(&mut bench).await;
    let nothing = || select(&t, &["id"]).filter(Filter::Const(false)).tree();
    let change = update(&t, everywhere(), vec![(1, Value::Null)]);
    let outcome = bench.change(returning(change, nothing())).await;
    assert_eq!(outcome.affected, 3);
    assert_eq!(outcome.rows.expect("rows").rows, rows![]);
    let same = update(&t, everywhere(), vec![(1, Value::Null)]);
    assert_eq!(
        bench.change(same).await.affected,
        3,
        "the same value counts too"
    );
    let none = bench.change(delete(&t, eq(&t, "id", 77))).await;
    assert_eq!((none.affected, none.rows), (0, None));
}

pub(crate) async fn max_affected_refuses_before_anything_changes(mut bench: Bench) {
    let t = three(&mut bench).await;
    let set = || vec![(1, Value::Text("x".into()))];
    for change in [
        at_most(update(&t, everywhere(), set()), 2),
        at_most(delete(&t, everywhere()), 0),
    ] {
        let refusal = bench.refusal(change).await;
        assert_eq!(refusal.code, "PGRST124");
    }
    assert_refusal(
        &bench.refusal(at_most(delete(&t, everywhere()), 2)).await,
        "PGRST124",
        "Query result exceeds max-affected preference constraint",
        Some("The query affects 3 rows"),
    );
    assert_eq!(
        bench.rows(select(&t, &["v"])).await,
        rows![["a"], ["b"], ["c"]]
    );
    let outcome = bench
        .change(at_most(update(&t, everywhere(), set()), 3))
        .await;
    assert_eq!(outcome.affected, 3);
}

pub(crate) async fn later_changes_see_earlier_ones(mut bench: Bench) {
    let t = three(&mut bench).await;
    let four = eq(&t, "id", 4);
    let outcomes = bench
        .write(vec![
            insert(&t, rows![[4, "d"]]),
            returning(
                update(&t, four.clone(), vec![(1, Value::Text("e".into()))]),
                whole(&t),
            ),
            returning(delete(&t, four), whole(&t)),
            insert(&t, rows![[4, "f"]]),
        ])
        .await
        .expect("write");
    let affected: Vec<_> = outcomes.iter().map(|outcome| outcome.affected).collect();
    assert_eq!(affected, [1, 1, 1, 1]);
    let returned = |place: usize| outcomes[place].rows.as_ref().map(|set| set.rows.clone());
    assert_eq!(returned(1), Some(rows![[4, "e"]]));
    assert_eq!(returned(2), Some(rows![[4, "e"]]));
    assert_eq!(
        bench.rows(select(&t, &["v"]).filter(eq(&t, "id", 4))).await,
        rows![["f"]]
    );
}

pub(crate) async fn an_update_can_change_the_primary_key(mut bench: Bench) {
    let t = three(&mut bench).await;
    let change = update(&t, eq(&t, "id", 2), vec![(0, Value::Int(20))]);
    let outcome = bench.change(returning(change, whole(&t))).await;
    assert_eq!(outcome.rows.expect("rows").rows, rows![[20, "b"]]);
    assert_eq!(
        bench.rows(select(&t, &["id", "v"])).await,
        rows![[1, "a"], [3, "c"], [20, "b"]]
    );
    assert_eq!(
        bench
            .rows(select(&t, &["id"]).filter(eq(&t, "id", 2)))
            .await,
        rows![]
    );
    let found = bench
        .rows(select(&t, &["v"]).filter(eq(&t, "id", 20)))
        .await;
    assert_eq!(found, rows![["b"]]);
    bench.insert(&t, rows![[2, "again"]]).await;
}

pub(crate) async fn a_thousand_rows_go_in_as_one_change(mut bench: Bench) {
    let t = three(&mut bench).await;
    let rows: Vec<_> = (100..1_100).map(|id| row![id, "x"]).collect();
    bench.insert(&t, rows).await;
    let count = select(&t, &[]).output(Output::Aggregate(
        pando_model::aggregate::AggregateFn::Count,
        None,
    ));
    assert_eq!(bench.rows(count).await, rows![[1_003]]);
    let outcome = bench.change(delete(&t, eq(&t, "v", "x"))).await;
    assert_eq!(outcome.affected, 1_000);
}

/// Which rows are meant is settled before the first of them changes, however many they are.
pub(crate) async fn thousands_of_rows_are_changed_as_one(mut bench: Bench) {
    const COUNT: i32 = 5_000;
    let t = table("t")
        .column("id", Integer)
        .column("before", Integer)
        .column("v", Text)
        .key(&["id"])
        .references(&["before"], "t", &["id"])
        .not_enforced()
        .build();
    bench.create(&[&t]).await;
    let rows = (0..COUNT).map(|id| row![id, id - 1, "a"]);
    bench.insert(&t, rows.collect()).await;
    // Each row but the first has one before it, and loses it on the way.
    let follows = |value: &str| Filter::Exists {
        join: join(&t, &t, &[("before", "id")]),
        filter: Box::new(eq(&t, "v", value)),
    };
    let change = update(&t, follows("a"), vec![(2, Value::Text("b".into()))]);
    let last = select(&t, &["id"]).desc("id").limit(1).tree();
    let outcome = bench.change(returning(change, last)).await;
    assert_eq!(outcome.affected as i32, COUNT - 1);
    assert_eq!(outcome.rows.expect("rows").rows, rows![[COUNT - 1]]);
    let refusal = at_most(delete(&t, follows("b")), 4_997);
    assert_eq!(bench.refusal(refusal).await.code, "PGRST124");
    let outcome = bench.change(at_most(delete(&t, follows("b")), 4_998)).await;
    assert_eq!(outcome.affected as i32, COUNT - 2);
    let left = bench.rows(select(&t, &["id", "v"])).await;
    assert_eq!(left, rows![[0, "a"], [1, "b"]]);
}

pub(crate) async fn nothing_to_do_is_done(mut bench: Bench) {
    let t = three(&mut bench).await;
    assert_eq!(bench.write(vec![]).await.expect("write"), vec![]);
    let outcome = bench.change(returning(insert(&t, vec![]), whole(&t))).await;
    assert_eq!((outcome.affected, outcome.inserted), (0, 0));
    assert_eq!(outcome.rows.expect("rows").rows, rows![]);
    let no_columns = bench.change(update(&t, everywhere(), vec![])).await;
    assert_eq!(no_columns.affected, 3);
    let refusal = bench.refusal(insert(&t, rows![[1, "a"]])).await;
    assert_refusal(
        &refusal,
        "23505",
        "duplicate key value violates unique constraint \"t_pkey\"",
        Some("Key (id)=(1) already exists."),
    );
}

pub(crate) async fn a_row_holds_the_position_of_the_transaction_that_stored_it(mut bench: Bench) {
    const ALONE: i32 = 40;
    const MANY: i32 = 300;
    let t = table("t")
        .column("id", Integer)
        .positioned("at")
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    let bench = Arc::new(bench);
    // Whoever comes at the same time may be stored together.
    let writes = (0..ALONE).map(|id| {
        let (bench, t) = (Arc::clone(&bench), Arc::clone(&t));
        tokio::spawn(async move {
            let (answer, _) = bench
                .write_with(vec![insert(&t, rows![[id, 0]])], None)
                .await?;
            Ok::<_, EngineError>((vec![id], answer))
        })
    });
    let mut stored = Vec::new();
    for write in writes.collect::<Vec<_>>() {
        stored.push(write.await.expect("a task").expect("write"));
    }
    // Several of one write, few and many.
    for ids in [100..103, 110..180, 1_000..1_000 + MANY] {
        let ids: Vec<i32> = ids.collect();
        let rows = ids.iter().map(|id| row![*id, 0]).collect();
        let (answer, _) = bench
            .write_with(vec![insert(&t, rows)], None)
            .await
            .expect("write");
        stored.push((ids, answer));
    }
    for (ids, answer) in stored {
        let WriteAnswer::Done { at, .. } = answer else {
            panic!("{answer:?}");
        };
        for id in ids {
            let found = bench
                .rows(select(&t, &["at"]).filter(eq(&t, "id", id)))
                .await;
            assert_eq!(found, vec![vec![Value::Int(at.p as i64)]], "row {id}");
        }
    }
}
