use super::*;
use crate::column::ColumnType;
use crate::expr::{BinaryOp, Expr, Function};
use crate::schema::{Column, PrimaryKey, ReferentialAction};

fn column(name: &str, ty: ColumnType, nullable: bool) -> Column {
    Column {
        name: name.into(),
        ty,
        nullable,
        default: None,
        identity: None,
        generated: None,
    }
}

fn more_than_zero(ix: usize) -> Expr {
    let zero = Expr::Literal(ColumnType::Integer, Some("0".into()));
    Expr::Binary(BinaryOp::Gt, Box::new(Expr::Column(ix)), Box::new(zero))
}

/// The table that PostgreSQL's words below were taken from.
fn table() -> Table {
    let check = |name: &str, ix| Check {
        name: name.into(),
        expr: more_than_zero(ix),
    };
    Table {
        name: "T x".into(),
        columns: vec![
            column("id", ColumnType::Integer, false),
            column("Na me", ColumnType::Text, false),
            column("order", ColumnType::Integer, true),
            column("name", ColumnType::Text, true),
            column("ts", ColumnType::Timestamptz, true),
            column(
                "n",
                ColumnType::Numeric {
                    limit: Some((6, 2)),
                },
                true,
            ),
            column("bo", ColumnType::Boolean, true),
        ],
        primary_key: PrimaryKey {
            name: "T x_pkey".into(),
            columns: vec![0],
        },
        shard_key: vec![0],
        uniques: Vec::new(),
        indexes: Vec::new(),
        checks: vec![check("z_c", 0), check("a c", 2)],
        foreign_keys: Vec::new(),
        reference: false,
        key_indexed: true,
        adopted: false,
        options: Default::default(),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn row(id: i64, name: Value, order: i64) -> Row {
    let mut row = vec![Value::Null; 7];
    (row[0], row[1], row[2]) = (Value::Int(id), name, Value::Int(order));
    row
}

#[test]
fn not_null_comes_before_checks_and_checks_go_by_name() {
    let table = table();
    let refusal = complete_row(&table, &mut row(0, Value::Null, 0)).unwrap_err();
    assert_eq!(refusal.code, "23502");
    assert_eq!(
        refusal.message,
        "null value in column \"Na me\" of relation \"T x\" violates not-null constraint"
    );
    assert_eq!(
        refusal.details.unwrap(),
        "Failing row contains (0, null, 0, null, null, null, null)."
    );
    let refusal = complete_row(&table, &mut row(0, text("a"), 0)).unwrap_err();
    assert_eq!(refusal.code, "23514");
    assert_eq!(
        refusal.message,
        "new row for relation \"T x\" violates check constraint \"a c\""
    );
    let refusal = complete_row(&table, &mut row(0, text("a"), 1)).unwrap_err();
    assert!(refusal.message.ends_with("\"z_c\""));
}

#[test]
fn a_check_that_is_unknown_passes() {
    let mut unknown = row(1, text("a"), 0);
    unknown[2] = Value::Null;
    assert_eq!(complete_row(&table(), &mut unknown), Ok(()));
}

#[test]
fn long_values_are_cut_at_64_bytes_between_characters() {
    let mut failing = row(0, text(&"é".repeat(40)), 0);
    failing[3] = text(&"x".repeat(64));
    failing[4] = Value::Timestamp(500_000);
    failing[5] = Value::Numeric(crate::numeric::Numeric::parse("1.5").unwrap());
    failing[6] = Value::Bool(true);
    let details = complete_row(&table(), &mut failing).unwrap_err().details;
    assert_eq!(
        details.unwrap(),
        format!(
            "Failing row contains (0, {}..., 0, {}, 1970-01-01 00:00:00.5+00, 1.50, t).",
            "é".repeat(32),
            "x".repeat(64)
        )
    );
    assert_eq!("aé".repeat(22).floor_char_boundary(64), 64);
}

#[test]
fn generated_columns_are_computed_and_cast_to_their_type() {
    let mut table = table();
    table.columns[3].generated = Some(Expr::Call(Function::Upper, vec![Expr::Column(1)]));
    table.columns[5].generated = Some(Expr::Binary(
        BinaryOp::Divide,
        Box::new(Expr::Cast(
            Box::new(Expr::Column(2)),
            ColumnType::Numeric { limit: None },
        )),
        Box::new(Expr::Literal(ColumnType::Integer, Some("3".into()))),
    ));
    let mut row = row(1, text("ab"), 2);
    complete_row(&table, &mut row).unwrap();
    assert_eq!(row[3], text("AB"));
    assert_eq!(row[5].to_text(&table.columns[5].ty).unwrap(), "0.67");
}

#[test]
fn keys_are_shown_as_postgresql_shows_them() {
    let table = table();
    let row = row(1, text("a"), 2);
    let refusal = duplicate_key(&table, "u", &[2, 1, 3], &row);
    assert_eq!(refusal.code, "23505");
    assert_eq!(
        refusal.message,
        "duplicate key value violates unique constraint \"u\""
    );
    assert_eq!(
        refusal.details.unwrap(),
        "Key (\"order\", \"Na me\", name)=(2, a, null) already exists."
    );
    let key = ForeignKey {
        name: "c_fkey".into(),
        columns: vec![2, 1],
        target: "T x".into(),
        target_columns: vec!["id".into(), "Na me".into()],
        enforced: true,
        on_delete: ReferentialAction::NoAction,
        on_update: ReferentialAction::NoAction,
    };
    let refusal = missing_target(&table, &key, &row);
    assert_eq!(refusal.code, "23503");
    assert_eq!(
        refusal.message,
        "insert or update on table \"T x\" violates foreign key constraint \"c_fkey\""
    );
    assert_eq!(
        refusal.details.unwrap(),
        "Key (order, Na me)=(2, a) is not present in table \"T x\"."
    );
    let refusal = still_referenced(&table, &row, &table, &key);
    assert_eq!(
        refusal.message,
        "update or delete on table \"T x\" violates foreign key constraint \"c_fkey\" on table \"T x\""
    );
    assert_eq!(
        refusal.details.unwrap(),
        "Key (id, Na me)=(1, a) is still referenced from table \"T x\"."
    );
}
