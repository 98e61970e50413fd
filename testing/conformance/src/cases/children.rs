//! Embedded rows: keyed selects. Each row of a child is its outputs, then its key.

use crate::fixture::bench::{Bench, insert, returning};
use crate::fixture::query::{SelectExt, TreeExt, aggregate, col, compare, select};
use crate::fixture::schema::table;
use crate::{row, rows};
use pando_model::aggregate::AggregateFn::{Count, Sum};
use pando_model::column::ColumnType::*;
use pando_model::plan::{Comparison, Row, RowSet, Tree};
use pando_model::schema::Table;
use std::sync::Arc;

struct Cinema {
    director: Arc<Table>,
    film: Arc<Table>,
    actor: Arc<Table>,
    role: Arc<Table>,
}

fn cinema_tables() -> Cinema {
    let director = table("director")
        .column("id", Integer)
        .column("name", Text)
        .key(&["id"])
        .build();
    let film = table("film")
        .column("id", Integer)
        .column("director", Integer)
        .column("title", Text)
        .column("year", Integer)
        .key(&["id"])
        .references(&["director"], "director", &["id"])
        .not_enforced()
        .build();
    let actor = table("actor")
        .column("id", Integer)
        .column("name", Text)
        .key(&["id"])
        .build();
    let role = table("role")
        .column("film", Integer)
        .column("actor", Integer)
        .column("n", Integer)
        .key(&["film", "actor", "n"])
        .references(&["film"], "film", &["id"])
        .not_enforced()
        .references(&["actor"], "actor", &["id"])
        .not_enforced()
        .build();
    Cinema {
        director,
        film,
        actor,
        role,
    }
}

async fn cinema(bench: &mut Bench) -> Cinema {
    let cinema = cinema_tables();
    let Cinema {
        director,
        film,
        actor,
        role,
    } = &cinema;
    bench.create(&[director, film, actor, role]).await;
    bench
        .insert(director, rows![[1, "Bong"], [2, "Park"], [3, "Hong"]])
        .await;
    bench
        .insert(
            film,
            rows![
                [10, 1, "Mother", 2009],
                [11, 1, "Parasite", 2019],
                [12, 2, "Oldboy", 2003],
                [13, 1, "Memories", 2003],
                [14, (), "Nameless", ()],
                [15, 2, "Handmaiden", 2016],
                [16, 77, "Orphan", 2000],
            ],
        )
        .await;
    bench
        .insert(actor, rows![[100, "Song"], [101, "Choi"], [102, "Kim"]])
        .await;
    bench
        .insert(
            role,
            rows![
                [11, 100, 1],
                [13, 100, 1],
                [12, 101, 1],
                [13, 102, 1],
                [13, 102, 2],
                [13, 999, 1]
            ],
        )
        .await;
    cinema
}

/// The rows of a child by key: the keys' own order is not promised.
fn by_key(set: &RowSet, key_len: usize) -> Vec<Row> {
    let mut rows = set.rows.clone();
    rows.sort_by(|a, b| {
        let (a, b) = (&a[a.len() - key_len..], &b[b.len() - key_len..]);
        a.iter()
            .zip(b)
            .map(|(a, b)| a.compare(b))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    rows
}

fn directors(c: &Cinema) -> Tree {
    select(&c.director, &["name", "id"]).tree()
}

pub(crate) async fn a_to_many_child_comes_with_its_key_in_the_order_asked_for(mut bench: Bench) {
    let c = cinema(&mut bench).await;
    let films = select(&c.film, &["title"]).desc("year").tree();
    let set = bench
        .read(directors(&c).child(&[1], &["director"], films))
        .await;
    assert_eq!(set.rows, rows![["Bong", 1], ["Park", 2], ["Hong", 3]]);
    assert_eq!(
        by_key(&set.children[0], 1),
        rows![
            ["Parasite", 1],
            ["Mother", 1],
            ["Memories", 1],
            ["Handmaiden", 2],
            ["Oldboy", 2]
        ]
    );
}

pub(crate) async fn a_to_one_child_comes_once_for_many_parents(mut bench: Bench) {
    let c = cinema(&mut bench).await;
    let director = select(&c.director, &["name"]).tree();
    let films = select(&c.film, &["title", "director"]).tree();
    let set = bench.read(films.child(&[1], &["id"], director)).await;
    assert_eq!(set.rows.len(), 7);
    assert_eq!(by_key(&set.children[0], 1), rows![["Bong", 1], ["Park", 2]]);
}

pub(crate) async fn limit_and_offset_apply_to_each_key(mut bench: Bench) {
    let c = cinema(&mut bench).await;
    let cut = |limit, offset| {
        let mut films = select(&c.film, &["title"]).asc("year").offset(offset);
        films.limit = limit;
        directors(&c).child(&[1], &["director"], films.tree())
    };
    let read = |tree| async { by_key(&bench.read(tree).await.children[0], 1) };
    assert_eq!(
        read(cut(Some(1), 0)).await,
        rows![["Memories", 1], ["Oldboy", 2]]
    );
    assert_eq!(
        read(cut(Some(1), 1)).await,
        rows![["Mother", 1], ["Handmaiden", 2]]
    );
    assert_eq!(read(cut(None, 2)).await, rows![["Parasite", 1]]);
    assert_eq!(read(cut(Some(0), 0)).await, rows![]);
}

pub(crate) async fn a_key_that_holds_a_null_has_no_children(mut bench: Bench) {
    let c = cinema(&mut bench).await;
    let nameless = compare(col(&c.film, "id"), Comparison::Eq, 14);
    let films = select(&c.film, &["director"]).filter(nameless).tree();
    let twins = select(&c.film, &["id"]).tree();
    let set = bench.read(films.child(&[0], &["director"], twins)).await;
    assert_eq!(set.rows, rows![[()]]);
    assert_eq!(set.children[0].rows, rows![]);
}

pub(crate) async fn a_junction_leads_to_many_and_is_not_deduplicated(mut bench: Bench) {
    let c = cinema(&mut bench).await;
    let actors = |limit: Option<u64>| {
        let mut actors = select(&c.actor, &["name"]).desc("name");
        actors.limit = limit;
        select(&c.film, &["id"]).tree().child_via(
            &[0],
            &c.role,
            &["film"],
            &[("actor", "id")],
            actors.tree(),
        )
    };
    let set = bench.read(actors(None)).await;
    assert_eq!(
        by_key(&set.children[0], 1),
        rows![
            ["Song", 11],
            ["Choi", 12],
            ["Song", 13],
            ["Kim", 13],
            ["Kim", 13]
        ]
    );
    let set = bench.read(actors(Some(2))).await;
    assert_eq!(
        by_key(&set.children[0], 1),
        rows![["Song", 11], ["Choi", 12], ["Song", 13], ["Kim", 13]]
    );
}

pub(crate) async fn children_nest_and_mix(mut bench: Bench) {
    let c = cinema(&mut bench).await;
    let actors = select(&c.actor, &["name"]).tree();
    let back = select(&c.director, &["name"]).tree();
    let films = select(&c.film, &["id", "director"])
        .asc("year")
        .limit(2)
        .tree()
        .child_via(&[0], &c.role, &["film"], &[("actor", "id")], actors)
        .child(&[1], &["id"], back);
    let count = select(&c.film, &[])
        .output(aggregate(Count, &c.film, None))
        .tree();
    let tree = directors(&c)
        .child(&[1], &["director"], films)
        .child(&[1], &["director"], count);
    let set = bench.read(tree).await;
    let films = &set.children[0];
    assert_eq!(
        by_key(films, 1),
        rows![[13, 1, 1], [10, 1, 1], [12, 2, 2], [15, 2, 2]]
    );
    assert_eq!(
        by_key(&films.children[0], 1),
        rows![["Choi", 12], ["Song", 13], ["Kim", 13], ["Kim", 13]],
        "only of films that were not cut"
    );
    assert_eq!(
        by_key(&films.children[1], 1),
        rows![["Bong", 1], ["Park", 2]]
    );
    assert_eq!(by_key(&set.children[1], 1), rows![[3, 1], [2, 2]]);
}

/// Days, and events of them by a key of two columns.
async fn days(bench: &mut Bench) -> (Arc<Table>, Arc<Table>) {
    let day = table("day")
        .column("y", Integer)
        .column("m", Text)
        .key(&["y", "m"])
        .build();
    let event = table("event")
        .column("id", Integer)
        .column("m", Text)
        .column("y", Integer)
        .key(&["id"])
        .references(&["y", "m"], "day", &["y", "m"])
        .not_enforced()
        .build();
    bench.create(&[&day, &event]).await;
    (day, event)
}

pub(crate) async fn a_composite_key_matches_as_a_whole(mut bench: Bench) {
    let (day, event) = days(&mut bench).await;
    bench
        .insert(&day, rows![[1, "a"], [1, "b"], [2, "a"], [2, "b"]])
        .await;
    bench
        .insert(
            &event,
            rows![
                [1, "a", 1],
                [2, "b", 1],
                [3, "a", 2],
                [4, (), 1],
                [5, "a", ()],
                [6, "c", 1]
            ],
        )
        .await;
    let two = select(&day, &["y", "m"]).limit(3).tree();
    let events = select(&event, &["id"]).tree();
    let set = bench.read(two.child(&[0, 1], &["y", "m"], events)).await;
    assert_eq!(
        by_key(&set.children[0], 2),
        rows![[1, 1, "a"], [2, 1, "b"], [3, 2, "a"]]
    );
}

pub(crate) async fn aggregates_are_formed_for_each_key(mut bench: Bench) {
    let c = cinema(&mut bench).await;
    let totals = select(&c.film, &[])
        .output(aggregate(Count, &c.film, None))
        .output(aggregate(Sum, &c.film, Some("year")))
        .tree();
    let set = bench
        .read(directors(&c).child(&[1], &["director"], totals))
        .await;
    assert_eq!(
        by_key(&set.children[0], 1),
        rows![[3, 6031, 1], [2, 4019, 2]]
    );
    let by_year = select(&c.film, &["year"])
        .output(aggregate(Count, &c.film, None))
        .limit(2)
        .tree();
    let set = bench
        .read(directors(&c).child(&[1], &["director"], by_year))
        .await;
    assert_eq!(
        by_key(&set.children[0], 1),
        rows![[2003, 1, 1], [2009, 1, 1], [2003, 1, 2], [2016, 1, 2]]
    );
}

pub(crate) async fn a_filter_applies_within_each_key(mut bench: Bench) {
    let c = cinema(&mut bench).await;
    let recent = compare(col(&c.film, "year"), Comparison::Gt, 2005);
    let films = select(&c.film, &["title"]).filter(recent).limit(1).tree();
    let set = bench
        .read(directors(&c).child(&[1], &["director"], films))
        .await;
    assert_eq!(
        by_key(&set.children[0], 1),
        rows![["Mother", 1], ["Handmaiden", 2]]
    );
}

pub(crate) async fn a_parent_without_outputs_for_its_key_columns_can_be_cut_first(
    mut bench: Bench,
) {
    let c = cinema(&mut bench).await;
    let one = select(&c.director, &["id"]).desc("name").limit(1).tree();
    let films = select(&c.film, &["title"]).tree();
    let answer = bench
        .try_read(one.child(&[0], &["director"], films), true)
        .await
        .expect("read");
    assert_eq!(
        (&answer.rows.rows, answer.rows.total),
        (&rows![[2]], Some(3))
    );
    assert_eq!(
        by_key(&answer.rows.children[0], 1),
        rows![["Oldboy", 2], ["Handmaiden", 2]]
    );
}

/// More keys, and more columns of a key, than a statement has room for parameters.
pub(crate) async fn twenty_thousand_composite_keys_match_as_a_whole(mut bench: Bench) {
    const COUNT: i32 = 20_000;
    let (day, event) = days(&mut bench).await;
    let days = (0..COUNT).map(|n| row![n / 2, if n % 2 == 0 { "a" } else { "b" }]);
    let latest_first = select(&day, &["y", "m"]).desc("y").tree();
    let change = returning(insert(&day, days.collect()), latest_first);
    let returned = bench.change(change).await.rows.expect("rows").rows;
    assert_eq!(returned.len() as i32, COUNT);
    assert_eq!(returned[0], row![COUNT / 2 - 1, "a"]);
    bench
        .insert(&event, rows![[1, "b", 9_999], [2, "b", 0], [3, "c", 0]])
        .await;
    let all = select(&day, &["y", "m"]).tree();
    let events = select(&event, &["id"]).tree();
    let set = bench.read(all.child(&[0, 1], &["y", "m"], events)).await;
    assert_eq!(
        by_key(&set.children[0], 2),
        rows![[2, 0, "b"], [1, 9_999, "b"]]
    );
}
