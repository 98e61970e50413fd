//! Tables through the client.

use crate::world::World;
use futures_util::TryStreamExt;
use pando_client::{ErrorKind, Table, all, any, column};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Film {
    id: i64,
    title: String,
    year: Option<i32>,
}

fn film(id: i64, title: &str, year: Option<i32>) -> Film {
    Film {
        id,
        title: title.to_owned(),
        year,
    }
}

async fn films(world: &World) -> Table {
    let films = world.client().table("films");
    let rows = [
        film(1, "괴물", Some(2006)),
        film(2, "a,b)\"(\\.*&=", Some(1999)),
        film(3, "null", None),
        film(4, "Alien", Some(1979)),
    ];
    let changed = films.insert(&rows).rows_changed().await;
    assert_eq!(changed.expect("they are new"), 4);
    films
}

#[tokio::test]
async fn filters_find_what_they_say_whatever_is_in_a_value() {
    let world = World::new().await;
    let films = films(&world).await;
    let nasty = "a,b)\"(\\.*&=";
    for (filter, ids) in [
        (column("title").eq(nasty), vec![2]),
        (column("title").is_in([nasty, "null"]), vec![2, 3]),
        (!column("title").is_in([nasty, "null"]), vec![1, 4]),
        (
            any([column("title").eq(nasty), column("id").eq(1)]),
            vec![1, 2],
        ),
        (
            !any([column("title").eq(nasty), column("id").eq(1)]),
            vec![3, 4],
        ),
        (
            all([column("id").gt(1), !column("title").eq(nasty)]),
            vec![3, 4],
        ),
        (
            any([all([column("id").gte(3), column("year").is_null()])]),
            vec![3],
        ),
        (
            any([column("title").is_in([nasty]), column("id").lte(1)]),
            vec![1, 2],
        ),
        (column("year").is_null(), vec![3]),
        (column("year").neq(1979), vec![1, 2]),
        (column("title").ilike("ali%"), vec![4]),
        (column("title").matches("^[가-힣]+$"), vec![1]),
        (column("id").lt(0), vec![]),
    ] {
        let shown = format!("{filter:?}");
        let by = column("id").ascending();
        let rows: Vec<Film> = films
            .select("id,title,year")
            .filter(filter)
            .order([by])
            .rows()
            .await
            .unwrap_or_else(|error| panic!("{shown}: {error:?}"));
        assert_eq!(
            rows.iter().map(|row| row.id).collect::<Vec<_>>(),
            ids,
            "{shown}"
        );
    }
}

#[tokio::test]
async fn names_that_look_like_grammar_are_names() {
    let world = World::new().await;
    let odd = world.client().table("odd");
    let row = json!({ "id": 1, "order": "x", "a b.c,(d)": "y" });
    odd.insert(&row).rows_changed().await.expect("it is new");
    for filter in [
        column("order").eq("x"),
        column("a b.c,(d)").eq("y"),
        any([column("a b.c,(d)").eq("y"), column("order").eq("z")]),
    ] {
        let rows: Vec<Value> = odd
            .select("*")
            .filter(filter)
            .rows()
            .await
            .expect("it is read");
        assert_eq!(rows, std::slice::from_ref(&row));
    }
    let by = column("a b.c,(d)").descending().nulls_last();
    let name = pando_client::quoted("a b.c,(d)");
    let rows: Vec<Value> = odd
        .select(&name)
        .order([by])
        .rows()
        .await
        .expect("it is read");
    assert_eq!(rows, [json!({ "a b.c,(d)": "y" })]);
}

#[tokio::test]
async fn json_and_arrays_are_asked_by_what_is_in_them() {
    let world = World::new().await;
    let films = world.client().table("films");
    let doc = json!({ "a \"b\"": [{ "c": "d,e" }], "n": 7 });
    let row = json!({ "id": 1, "title": "t", "tags": ["x", "y"], "doc": doc });
    films.insert(&row).rows_changed().await.expect("it is new");
    let within = column("doc").member("a \"b\"").item(0).member_text("c");
    for (filter, found) in [
        (within.clone().eq("d,e"), 1),
        (any([within.eq("d,e")]), 1),
        (column("doc").member("n").eq(7), 1),
        (column("doc").contains(r#"{"n":7}"#), 1),
        (column("tags").contains("{x}"), 1),
        (any([column("tags").overlaps("{y,z}")]), 1),
        (column("tags").contained_in("{x}"), 0),
    ] {
        let shown = format!("{filter:?}");
        let count = films.select("*").filter(filter).count().await;
        assert_eq!(
            count.unwrap_or_else(|error| panic!("{shown}: {error:?}")),
            found,
            "{shown}"
        );
    }
}

#[tokio::test]
async fn one_row_a_count_and_pages_are_what_they_say() {
    let world = World::new().await;
    let films = films(&world).await;
    let one: Film = films
        .select("id,title,year")
        .filter(column("id").eq(4))
        .single()
        .await
        .expect("there is one");
    assert_eq!(one, film(4, "Alien", Some(1979)));
    let many = films
        .select("*")
        .single::<Film>()
        .await
        .expect_err("there are four");
    assert_eq!(many.code(), "PGRST116");
    let first: Option<Film> = films
        .select("*")
        .filter(column("id").lt(0))
        .first()
        .await
        .expect("read");
    assert_eq!(first, None);
    assert_eq!(films.select("*").count().await.expect("a count"), 4);
    let by = || [column("year").descending().nulls_last()];
    let select = films.select("id,title,year").order(by()).limit(3);
    let page = select.clone().page::<Film>().await.expect("a page");
    assert_eq!(
        page.items.iter().map(|film| film.id).collect::<Vec<_>>(),
        [1, 2, 4]
    );
    let rest = select
        .clone()
        .after(page.cursor.expect("there is more"))
        .page::<Film>()
        .await;
    assert_eq!(rest.expect("a page").cursor, None);
    let all: Vec<Film> = select
        .offset(1)
        .stream()
        .try_collect()
        .await
        .expect("all of them");
    assert_eq!(
        all.iter().map(|film| film.id).collect::<Vec<_>>(),
        [2, 4, 3]
    );
    let csv = films
        .select("id")
        .order([column("id").ascending()])
        .limit(2)
        .csv()
        .await;
    assert_eq!(csv.expect("rows").body, "id\n1\n2");
    let nowhere = world.client().table("none").select("*").count().await;
    assert_eq!(nowhere.expect_err("no table").kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn rows_are_changed_as_told_and_no_more_of_them() {
    let world = World::new().await;
    let films = films(&world).await;
    let old = column("year").lt(2000);
    let renamed: Vec<Film> = films
        .update(&json!({ "title": "old" }))
        .filter(old.clone())
        .returning("id,title,year")
        .await
        .expect("they are there");
    assert_eq!(renamed.len(), 2);
    assert!(renamed.iter().all(|film| film.title == "old"));
    let refused = films
        .delete()
        .rows_changed()
        .await
        .expect_err("all of them?");
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused:?}");
    let wide = films
        .delete()
        .filter(column("id").gt(0))
        .max_affected(3)
        .rows_changed()
        .await;
    wide.expect_err("four are more than three");
    assert_eq!(
        films
            .delete()
            .filter(old)
            .rows_changed()
            .await
            .expect("they are there"),
        2
    );
    let upserted = films.upsert(&[film(1, "다시", None), film(9, "new", None)]);
    assert_eq!(upserted.rows_changed().await.expect("both"), 2);
    let ignored = films
        .insert(&film(1, "no", None))
        .ignore_duplicates()
        .rows_changed()
        .await;
    assert_eq!(ignored.expect("it is there"), 0);
    let by = column("id").ascending();
    let left: Vec<Film> = films
        .select("id,title,year")
        .order([by])
        .rows()
        .await
        .expect("read");
    assert_eq!(
        left,
        [
            film(1, "다시", None),
            film(3, "null", None),
            film(9, "new", None)
        ]
    );
    let merged = films
        .insert(&film(9, "again", Some(1)))
        .on_conflict(&["id"])
        .rows_changed()
        .await;
    assert_eq!(
        merged.expect_err("it says nothing of duplicates").code(),
        "23505"
    );
}
