//! Foreign keys: what they refuse.

use crate::fixture::bench::{Bench, assert_refusal, delete, insert, update};
use crate::fixture::query::{eq, select};
use crate::fixture::schema::table;
use crate::rows;
use pando_model::column::ColumnType::*;
use pando_model::plan::Filter;
use pando_model::schema::{ReferentialAction, Table};
use pando_model::value::Value;
use std::sync::Arc;

/// `teams (id, tag unique)` and `players (team, n, mentor)`, placed by team.
async fn league(bench: &mut Bench, on_delete: ReferentialAction) -> (Arc<Table>, Arc<Table>) {
    let teams = table("teams")
        .column("id", Integer)
        .column("name", Text)
        .key(&["id"])
        .build();
    let players = table("players")
        .column("team", Integer)
        .column("n", Integer)
        .column("mentor", Integer)
        .key(&["team", "n"])
        .shard_by(&["team"])
        .references(&["team"], "teams", &["id"])
        .on_delete(on_delete)
        .on_update(on_delete)
        .references(&["team", "mentor"], "players", &["team", "n"])
        .build();
    bench.create(&[&teams, &players]).await;
    bench.insert(&teams, rows![[1, "red"], [2, "blue"]]).await;
    bench.insert(&players, rows![[1, 1, ()], [1, 2, 1]]).await;
    (teams, players)
}

pub(crate) async fn a_reference_to_nothing_is_refused_in_postgresql_s_words(mut bench: Bench) {
    let (_, players) = league(&mut bench, ReferentialAction::NoAction).await;
    assert_refusal(
        &bench
            .refusal(insert(&players, rows![[2, 1, ()], [9, 1, ()]]))
            .await,
        "23503",
        "insert or update on table \"players\" violates foreign key constraint \"players_team_fkey\"",
        Some("Key (team)=(9) is not present in table \"teams\"."),
    );
    assert_refusal(
        &bench.refusal(insert(&players, rows![[2, 1, 7]])).await,
        "23503",
        "insert or update on table \"players\" violates foreign key constraint \"players_team_mentor_fkey\"",
        Some("Key (team, mentor)=(2, 7) is not present in table \"players\"."),
    );
    let change = update(&players, eq(&players, "n", 2), vec![(2, Value::Int(5))]);
    assert_refusal(
        &bench.refusal(change).await,
        "23503",
        "insert or update on table \"players\" violates foreign key constraint \"players_team_mentor_fkey\"",
        Some("Key (team, mentor)=(1, 5) is not present in table \"players\"."),
    );
}

pub(crate) async fn a_null_in_a_reference_refers_to_nothing(mut bench: Bench) {
    let (_, players) = league(&mut bench, ReferentialAction::NoAction).await;
    bench.insert(&players, rows![[2, 1, ()]]).await;
}

pub(crate) async fn a_reference_that_is_not_enforced_is_not(mut bench: Bench) {
    let t = table("t")
        .column("id", Integer)
        .column("other", Integer)
        .key(&["id"])
        .references(&["other"], "t", &["id"])
        .not_enforced()
        .build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![[1, 99], [2, 1]]).await;
    assert_eq!(bench.change(delete(&t, eq(&t, "id", 1))).await.affected, 1);
}

pub(crate) async fn rows_of_one_statement_may_refer_to_each_other(mut bench: Bench) {
    let (_, players) = league(&mut bench, ReferentialAction::NoAction).await;
    bench
        .insert(&players, rows![[2, 1, 3], [2, 2, 1], [2, 3, 3]])
        .await;
    let circle = delete(&players, eq(&players, "team", 2));
    assert_eq!(bench.change(circle).await.affected, 3);
}

pub(crate) async fn a_referenced_row_is_kept(mut bench: Bench) {
    for action in [ReferentialAction::NoAction, ReferentialAction::Restrict] {
        let (teams, players) = league(&mut bench, action).await;
        let words = "update or delete on table \"teams\" violates foreign key constraint \"players_team_fkey\" on table \"players\"";
        let details = Some("Key (id)=(1) is still referenced from table \"players\".");
        let refusal = bench.refusal(delete(&teams, Filter::Const(true))).await;
        assert_refusal(&refusal, "23503", words, details);
        let change = update(&teams, eq(&teams, "id", 1), vec![(0, Value::Int(5))]);
        assert_refusal(&bench.refusal(change).await, "23503", words, details);
        assert_eq!(
            bench
                .change(delete(&teams, eq(&teams, "id", 2)))
                .await
                .affected,
            1
        );
        let refusal = bench.refusal(delete(&players, eq(&players, "n", 1))).await;
        assert_refusal(
            &refusal,
            "23503",
            "update or delete on table \"players\" violates foreign key constraint \"players_team_mentor_fkey\" on table \"players\"",
            Some("Key (team, n)=(1, 1) is still referenced from table \"players\"."),
        );
        let drop = [players, teams].map(pando_model::schema::SchemaStep::DropTable);
        bench.apply(drop.into()).await.expect("drop");
    }
}

pub(crate) async fn a_referenced_unique_key_counts_as_a_primary_key_does(mut bench: Bench) {
    let country = table("country")
        .column("id", Integer)
        .column("code", Text)
        .reference()
        .key(&["id"])
        .unique(&["code"])
        .build();
    let city = table("city")
        .column("id", Integer)
        .column("country", Text)
        .key(&["id"])
        .references(&["country"], "country", &["code"])
        .build();
    bench.create(&[&country, &city]).await;
    bench
        .insert(&country, rows![[1, "kr"], [2, "jp"], [3, ()]])
        .await;
    bench.insert(&city, rows![[1, "kr"], [2, ()]]).await;
    assert_refusal(
        &bench.refusal(insert(&city, rows![[3, "fr"]])).await,
        "23503",
        "insert or update on table \"city\" violates foreign key constraint \"city_country_fkey\"",
        Some("Key (country)=(fr) is not present in table \"country\"."),
    );
    assert_refusal(
        &bench.refusal(delete(&country, eq(&country, "id", 1))).await,
        "23503",
        "update or delete on table \"country\" violates foreign key constraint \"city_country_fkey\" on table \"city\"",
        Some("Key (code)=(kr) is still referenced from table \"city\"."),
    );
    let renumber = update(&country, eq(&country, "id", 1), vec![(0, Value::Int(10))]);
    assert_eq!(bench.change(renumber).await.affected, 1, "the code stays");
    assert_eq!(
        bench
            .change(delete(&country, eq(&country, "id", 3)))
            .await
            .affected,
        1
    );
}

pub(crate) async fn an_update_that_leaves_a_referenced_key_alone_passes(mut bench: Bench) {
    let (teams, players) = league(&mut bench, ReferentialAction::Restrict).await;
    let all = || Filter::Const(true);
    let rename = update(&teams, all(), vec![(1, Value::Text("green".into()))]);
    assert_eq!(bench.change(rename).await.affected, 2);
    let same = update(&teams, eq(&teams, "id", 1), vec![(0, Value::Int(1))]);
    assert_eq!(bench.change(same).await.affected, 1);
    assert_eq!(bench.rows(select(&players, &["n"])).await, rows![[1], [2]]);
}
