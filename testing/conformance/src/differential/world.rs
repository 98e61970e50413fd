//! The fixed schema of a differential run, what its columns may hold, and how
//! its tables are related.

use crate::cases::ascending;
use crate::fixture::literal::val;
use crate::fixture::query::junction;
use crate::fixture::schema::{TableBuilder, ix, table};
use crate::row;
use pando_model::column::ColumnType::{self, *};
use pando_model::expr::{BinaryOp, Expr};
use pando_model::plan::{KeySource, Via};
use pando_model::schema::ReferentialAction::{Cascade, Restrict, SetNull};
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use std::sync::Arc;

/// Tables, pools of values and relations.
pub(super) struct World {
    pub(super) tables: Vec<Arc<Table>>,
    pub(super) relations: Vec<Relation>,
    /// For each table and column, the values that are drawn for it.
    pools: Vec<Vec<Vec<Value>>>,
}

/// A way from the rows of one table to those of another.
#[derive(Clone)]
pub(super) struct Relation {
    pub(super) from: usize,
    pub(super) to: usize,
    /// This side's columns.
    pub(super) columns: Vec<ColumnIx>,
    pub(super) via: Option<Via>,
    /// The same key on the other side.
    pub(super) key: Vec<KeySource>,
    /// Whether it leads to one row at most.
    pub(super) to_one: bool,
}

impl World {
    pub(super) fn new() -> World {
        World::of(tables())
    }

    /// The same with tables that were there before. What the databases below keep by themselves
    /// is left out: they look at foreign keys after each row, and not after each statement.
    pub(super) fn adopted() -> World {
        let tables = tables().into_iter().map(|table| {
            let mut table = Table::clone(&table);
            table.adopted = true;
            table.foreign_keys.clear();
            Arc::new(table)
        });
        World::of(tables.collect())
    }

    fn of(tables: Vec<Arc<Table>>) -> World {
        let pools = tables
            .iter()
            .map(|table| {
                let pool = |column: &pando_model::schema::Column| {
                    pool(&table.name, &column.name, &column.ty)
                };
                table.columns.iter().map(pool).collect()
            })
            .collect();
        let relations = relations(&tables);
        World {
            tables,
            relations,
            pools,
        }
    }

    /// The values that are drawn for a column; never NULL.
    pub(super) fn pool(&self, table: usize, column: ColumnIx) -> &[Value] {
        &self.pools[table][column]
    }

    /// The place of a table.
    pub(super) fn place(&self, table: &Table) -> usize {
        place(&self.tables, &table.name)
    }
}

fn place(tables: &[Arc<Table>], name: &str) -> usize {
    tables
        .iter()
        .position(|table| table.name == name)
        .unwrap_or_else(|| panic!("there is no table {name}"))
}

fn tables() -> Vec<Arc<Table>> {
    [country(), shop(), item(), tag(), item_tag(), kinds()]
        .map(|table| table.build())
        .into()
}

fn country() -> TableBuilder {
    let sum = Expr::Binary(
        BinaryOp::Concat,
        Box::new(Expr::Column(0)),
        Box::new(Expr::Column(1)),
    );
    table("country")
        .column("code", Text)
        .column("name", Text)
        .column("parent", Text)
        .generated("both", Text, sum)
        .reference()
        .key(&["code"])
        .unique(&["name"])
        .references(&["parent"], "country", &["code"])
        .on_delete(SetNull)
        .on_update(Cascade)
}

fn shop() -> TableBuilder {
    table("shop")
        .column("id", Integer)
        .required("country", Text)
        .column("boss", Integer)
        .column("name", Text)
        .column("opened", Date)
        .key(&["id"])
        .unique(&["name"])
        .index("shop_opened", &["opened"])
        .references(&["country"], "country", &["code"])
        .on_delete(Restrict)
        .on_update(Cascade)
        .references(&["boss"], "shop", &["id"])
        .not_enforced()
}

fn item() -> TableBuilder {
    let positive = Expr::Binary(
        BinaryOp::Gt,
        Box::new(Expr::Column(3)),
        Box::new(Expr::Literal(money(), Some("0".into()))),
    );
    table("item")
        .column("shop", Integer)
        .column("n", Bigint)
        .column("label", Text)
        .column("price", money())
        .column("parent", Bigint)
        .column("body", Jsonb)
        .key(&["shop", "n"])
        .shard_by(&["shop"])
        .unique(&["shop", "label"])
        .index("item_price", &["price"])
        .check("item_price_check", positive)
        .references(&["shop"], "shop", &["id"])
        .on_delete(Cascade)
        .on_update(Cascade)
        .references(&["shop", "parent"], "item", &["shop", "n"])
}

fn tag() -> TableBuilder {
    table("tag")
        .column("id", Uuid)
        .column("words", Text)
        .column("names", Array(Box::new(Text)))
        .reference()
        .key(&["id"])
}

fn item_tag() -> TableBuilder {
    table("item_tag")
        .column("shop", Integer)
        .column("n", Bigint)
        .column("tag", Uuid)
        .column("at", Timestamptz)
        .key(&["shop", "n", "tag"])
        .shard_by(&["shop"])
        .references(&["shop", "n"], "item", &["shop", "n"])
        .on_delete(Cascade)
        .on_update(Cascade)
        .references(&["tag"], "tag", &["id"])
}

/// A column of every type that has an order.
fn kinds() -> TableBuilder {
    let mut kinds = table("kinds")
        .column("id", Numeric { limit: None })
        .column("country", Text);
    for (place, (ty, _)) in ascending().into_iter().enumerate() {
        kinds = kinds.column(&format!("v{place}"), ty);
    }
    kinds
        .column("doc", Json)
        .key(&["id"])
        .unique(&["v1"])
        .unique(&["v10", "v3"])
        .index("kinds_v6", &["v6", "v0"])
        .index("kinds_v12", &["v12"])
        .references(&["country"], "country", &["code"])
        .on_delete(SetNull)
        .on_update(Cascade)
}

fn money() -> ColumnType {
    Numeric {
        limit: Some((8, 2)),
    }
}

/// Small pools for keys and what refers to them; edge values for the rest.
fn pool(table: &str, column: &str, ty: &ColumnType) -> Vec<Value> {
    let parsed = |texts: &[&str]| texts.iter().map(|text| val(ty, text)).collect();
    match (table, column) {
        ("country", "code" | "parent") | (_, "country") => row!["kr", "jp", "fr", "de", "é"],
        ("country", "name") => row!["Korea", "Japan", "France", "", "Korea "],
        ("shop", "id" | "boss") | (_, "shop") => (1..=6).map(Value::Int).collect(),
        ("shop", "name") => row![
            "mill",
            "Mill",
            "oven",
            "100% rye",
            "a_b",
            "빵집",
            "mill shop",
            ""
        ],
        ("item", "label") => row!["bun", "rye", "Bun", "sour rye bread", ""],
        ("item" | "item_tag", "n" | "parent") => (1..=4).map(Value::Int).collect(),
        ("item", "price") => parsed(&["0.01", "1.5", "12.00", "999999.99", "-1", "3.10"]),
        ("item", "body") => parsed(&[
            "null",
            "{}",
            r#"{"a": 1, "b": [1, "x", null]}"#,
            r#"{"a": "1", "b": {"c": true}}"#,
            r#"[1, 2, {"a": 1}]"#,
            r#""text""#,
            "12.5",
        ]),
        (_, "tag") | ("tag", "id") => parsed(&[
            "00000000-0000-0000-0000-000000000001",
            "7fffffff-0000-4000-8000-00000000ffff",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ]),
        ("tag", "words") => row!["a fat cat", "The cat and the rat", "fat", "", "호떡 cat"],
        ("kinds", "id") => parsed(&[
            "-1.5",
            "0",
            "0.5",
            "1",
            "2",
            "10",
            "10.25",
            "99999999999999999999",
        ]),
        ("kinds", "doc") => parsed(&[
            r#"{"b":1, "a":  [1.0, null]}"#,
            r#""x""#,
            "null",
            r#"{"a":{"b":"x"}}"#,
        ]),
        _ => ascending()
            .into_iter()
            .find(|(known, _)| known == ty)
            .map_or_else(
                || panic!("there are no values of {ty}"),
                |(_, values)| values,
            ),
    }
}

fn relations(tables: &[Arc<Table>]) -> Vec<Relation> {
    let mut all = Vec::new();
    for (here, table) in tables.iter().enumerate() {
        for key in &table.foreign_keys {
            let there = place(tables, &key.target);
            let far: Vec<ColumnIx> = key
                .target_columns
                .iter()
                .map(|name| ix(&tables[there], name))
                .collect();
            let sources =
                |columns: &[ColumnIx]| columns.iter().copied().map(KeySource::Table).collect();
            all.push(Relation {
                from: here,
                to: there,
                columns: key.columns.clone(),
                via: None,
                key: sources(&far),
                to_one: true,
            });
            all.push(Relation {
                from: there,
                to: here,
                columns: far,
                via: None,
                key: sources(&key.columns),
                to_one: false,
            });
        }
    }
    let [item, tag, link] = ["item", "tag", "item_tag"].map(|name| place(tables, name));
    let via = |columns: &[&str]| {
        columns
            .iter()
            .map(|name| KeySource::Via(ix(&tables[link], name)))
            .collect::<Vec<_>>()
    };
    let through =
        |on: &[(&str, &str)], target: usize| Some(junction(&tables[link], on, &tables[target]));
    all.push(Relation {
        from: item,
        to: tag,
        columns: vec![0, 1],
        via: through(&[("tag", "id")], tag),
        key: via(&["shop", "n"]),
        to_one: false,
    });
    all.push(Relation {
        from: tag,
        to: item,
        columns: vec![0],
        via: through(&[("shop", "shop"), ("n", "n")], item),
        key: via(&["tag"]),
        to_one: false,
    });
    all
}
