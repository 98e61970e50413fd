//! Filters that ask related rows.

use crate::fixture::bench::Bench;
use crate::fixture::query::{SelectExt, eq, join, junction, not, select};
use crate::fixture::schema::{ix, table};
use crate::{row, rows};
use pando_model::column::ColumnType::*;
use pando_model::plan::{Filter, Join, KeySource, Row};
use pando_model::schema::Table;
use std::sync::Arc;

struct Town {
    person: Arc<Table>,
    club: Arc<Table>,
    member: Arc<Table>,
}

async fn town(bench: &mut Bench) -> Town {
    let person = table("person")
        .column("id", Integer)
        .column("boss", Integer)
        .column("name", Text)
        .key(&["id"])
        .references(&["boss"], "person", &["id"])
        .not_enforced()
        .build();
    let club = table("club")
        .column("id", Integer)
        .column("kind", Text)
        .key(&["id"])
        .build();
    let member = table("member")
        .column("person", Integer)
        .column("club", Integer)
        .key(&["person", "club"])
        .build();
    bench.create(&[&person, &club, &member]).await;
    bench
        .insert(
            &person,
            rows![
                [1, (), "Ann"],
                [2, 1, "Ben"],
                [3, 1, "Cho"],
                [4, 3, "Dan"],
                [5, 99, "Eve"]
            ],
        )
        .await;
    bench
        .insert(&club, rows![[1, "chess"], [2, "go"], [3, "chess"]])
        .await;
    bench
        .insert(&member, rows![[1, 1], [2, 2], [3, 2], [3, 3], [4, 77]])
        .await;
    Town {
        person,
        club,
        member,
    }
}

fn exists(join: Join, filter: Filter) -> Filter {
    Filter::Exists {
        join,
        filter: Box::new(filter),
    }
}

impl Town {
    fn boss(&self) -> Join {
        join(&self.person, &self.person, &[("boss", "id")])
    }

    fn clubs(&self) -> Join {
        Join {
            table: self.club.clone(),
            via: Some(junction(&self.member, &[("club", "id")], &self.club)),
            on: vec![(
                ix(&self.person, "id"),
                KeySource::Via(ix(&self.member, "person")),
            )],
        }
    }

    async fn names(&self, bench: &Bench, filter: Filter) -> Vec<Row> {
        bench
            .rows(select(&self.person, &["name"]).filter(filter))
            .await
    }
}

pub(crate) async fn exists_asks_the_related_row(mut bench: Bench) {
    let t = town(&mut bench).await;
    let any = || exists(t.boss(), Filter::Const(true));
    assert_eq!(
        t.names(&bench, any()).await,
        rows![["Ben"], ["Cho"], ["Dan"]]
    );
    let cho = exists(t.boss(), eq(&t.person, "name", "Cho"));
    assert_eq!(t.names(&bench, cho).await, rows![["Dan"]]);
    let staff = join(&t.person, &t.person, &[("id", "boss")]);
    let bosses = exists(staff, Filter::Const(true));
    assert_eq!(t.names(&bench, bosses).await, rows![["Ann"], ["Cho"]]);
}

pub(crate) async fn exists_goes_through_a_junction(mut bench: Bench) {
    let t = town(&mut bench).await;
    let chess = || exists(t.clubs(), eq(&t.club, "kind", "chess"));
    assert_eq!(t.names(&bench, chess()).await, rows![["Ann"], ["Cho"]]);
    let any = exists(t.clubs(), Filter::Const(true));
    assert_eq!(t.names(&bench, any).await, rows![["Ann"], ["Ben"], ["Cho"]]);
    let both = Filter::And(vec![chess(), exists(t.clubs(), eq(&t.club, "kind", "go"))]);
    assert_eq!(t.names(&bench, both).await, rows![["Cho"]]);
}

pub(crate) async fn exists_nests_and_can_be_denied(mut bench: Bench) {
    let t = town(&mut bench).await;
    let chess = || exists(t.clubs(), eq(&t.club, "kind", "chess"));
    let boss_plays = || exists(t.boss(), chess());
    assert_eq!(
        t.names(&bench, boss_plays()).await,
        rows![["Ben"], ["Cho"], ["Dan"]]
    );
    assert_eq!(
        t.names(&bench, not(boss_plays())).await,
        rows![["Ann"], ["Eve"]]
    );
    assert_eq!(
        t.names(&bench, not(exists(t.boss(), eq(&t.person, "name", "Cho"))))
            .await,
        rows![["Ann"], ["Ben"], ["Cho"], ["Eve"]],
        "never unknown"
    );
    let counted = select(&t.person, &["id"]).filter(chess()).limit(1);
    let answer = bench.try_read(counted.tree(), true).await.expect("read");
    assert_eq!(
        (answer.rows.rows, answer.rows.total),
        (vec![row![1]], Some(2))
    );
}
