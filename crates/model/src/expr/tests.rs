use super::*;
use crate::schema::{Column, PrimaryKey, Schema};
use std::sync::Arc;

const MOMENT: Moment = Moment {
    now_us: 1_700_000_000_123_456,
};

fn table() -> Table {
    let column = |name: &str, ty| Column {
        name: name.into(),
        ty,
        nullable: true,
        default: None,
        identity: None,
        generated: None,
    };
    Table {
        name: "t".into(),
        columns: vec![
            column("i", ColumnType::Integer),
            column("t", ColumnType::Text),
            column("d", ColumnType::Date),
            column("b", ColumnType::Boolean),
            column("a", ColumnType::Array(Box::new(ColumnType::Integer))),
        ],
        primary_key: PrimaryKey {
            name: "t_pkey".into(),
            columns: vec![0],
        },
        shard_key: vec![0],
        uniques: Vec::new(),
        indexes: Vec::new(),
        checks: Vec::new(),
        foreign_keys: Vec::new(),
        reference: false,
        key_indexed: true,
        adopted: false,
        options: Default::default(),
    }
}

fn row() -> Vec<Value> {
    vec![
        Value::Int(7),
        Value::Text("Seoul".into()),
        Value::Date(15_000),
        Value::Null,
        Value::Array(vec![Value::Int(1)]),
    ]
}

fn literal(ty: ColumnType, text: &str) -> Expr {
    Expr::Literal(ty, Some(text.into()))
}

fn boolean(value: Option<bool>) -> Expr {
    Expr::Literal(ColumnType::Boolean, value.map(|value| value.to_string()))
}

fn int(number: i32) -> Expr {
    literal(ColumnType::Integer, &number.to_string())
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary(op, Box::new(left), Box::new(right))
}

fn value(expr: &Expr) -> Result<Value, Refusal> {
    let table = table();
    expr.ty(&table)?;
    expr.evaluate(&table, &row(), MOMENT)
}

#[test]
fn logic_has_three_values() {
    let (yes, no, unknown) = (Some(true), Some(false), None);
    for (a, b, and, or) in [
        (yes, yes, yes, yes),
        (yes, no, no, yes),
        (no, yes, no, yes),
        (no, no, no, no),
        (yes, unknown, unknown, yes),
        (unknown, yes, unknown, yes),
        (no, unknown, no, unknown),
        (unknown, no, no, unknown),
        (unknown, unknown, unknown, unknown),
    ] {
        let expected = |answer: Option<bool>| Ok(answer.map_or(Value::Null, Value::Bool));
        let both = |op| value(&binary(op, boolean(a), boolean(b)));
        assert_eq!(both(BinaryOp::And), expected(and), "{a:?} AND {b:?}");
        assert_eq!(both(BinaryOp::Or), expected(or), "{a:?} OR {b:?}");
    }
    assert_eq!(value(&Expr::Not(Box::new(boolean(None)))), Ok(Value::Null));
}

#[test]
fn in_is_unknown_where_a_null_could_have_been_it() {
    let null = Expr::Literal(ColumnType::Integer, None);
    let within = |list| value(&Expr::In(Box::new(Expr::Column(0)), list));
    assert_eq!(
        within(vec![int(1), null.clone(), int(7)]),
        Ok(Value::Bool(true))
    );
    assert_eq!(within(vec![int(1), null]), Ok(Value::Null));
    assert_eq!(within(vec![int(1)]), Ok(Value::Bool(false)));
    assert_eq!(within(vec![]), Ok(Value::Bool(false)));
    // Text literals take the operand's type.
    assert_eq!(
        within(vec![literal(ColumnType::Text, " 7")]),
        Ok(Value::Bool(true))
    );
}

#[test]
fn a_text_literal_is_read_as_what_it_stands_beside() {
    let day = binary(
        BinaryOp::Ge,
        Expr::Column(2),
        literal(ColumnType::Text, "2011-01-26"),
    );
    assert_eq!(value(&day), Ok(Value::Bool(true)));
    let wrong = binary(
        BinaryOp::Ge,
        Expr::Column(2),
        literal(ColumnType::Text, "x"),
    );
    assert_eq!(value(&wrong).unwrap_err().code, "22007");
    let cast = Expr::Cast(Box::new(literal(ColumnType::Text, "x")), ColumnType::Text);
    assert_eq!(
        value(&binary(BinaryOp::Ge, Expr::Column(2), cast))
            .unwrap_err()
            .code,
        "42883"
    );
}

#[test]
fn arithmetic_refuses_what_postgresql_refuses() {
    for (expr, code, message) in [
        (
            binary(BinaryOp::Add, int(i32::MAX), int(1)),
            "22003",
            "integer out of range",
        ),
        (
            binary(BinaryOp::Multiply, int(i32::MIN), int(-1)),
            "22003",
            "integer out of range",
        ),
        (
            binary(BinaryOp::Divide, int(1), int(0)),
            "22012",
            "division by zero",
        ),
        (
            binary(BinaryOp::Modulo, int(1), int(0)),
            "22012",
            "division by zero",
        ),
        (
            Expr::Negate(Box::new(int(i32::MIN))),
            "22003",
            "integer out of range",
        ),
        (
            binary(BinaryOp::Add, int(1), Expr::Column(1)),
            "42883",
            "operator does not exist: integer + text",
        ),
        (
            binary(BinaryOp::And, int(1), boolean(None)),
            "42804",
            "argument of AND must be type boolean, not type integer",
        ),
        (
            Expr::Call(Function::Length, vec![int(1)]),
            "42883",
            "function length(integer) does not exist",
        ),
        (
            Expr::Case(
                vec![(boolean(Some(true)), int(1))],
                Some(Box::new(Expr::Column(1))),
            ),
            "42804",
            "CASE types integer and text cannot be matched",
        ),
        (
            Expr::Cast(Box::new(Expr::Column(2)), ColumnType::Integer),
            "42846",
            "cannot cast type date to integer",
        ),
    ] {
        let refusal = value(&expr).unwrap_err();
        assert_eq!((&*refusal.code, &*refusal.message), (code, message));
    }
}

#[test]
fn a_case_gives_the_wider_type() {
    let case = Expr::Case(
        vec![
            (boolean(None), int(1)),
            (binary(BinaryOp::Eq, Expr::Column(0), int(7)), int(2)),
        ],
        Some(Box::new(literal(
            ColumnType::Numeric { limit: None },
            "0.5",
        ))),
    );
    assert_eq!(case.ty(&table()), Ok(ColumnType::Numeric { limit: None }));
    assert_eq!(
        value(&case)
            .unwrap()
            .to_text(&ColumnType::Numeric { limit: None }),
        Some("2".into())
    );
    let nothing = Expr::Case(vec![(boolean(Some(false)), int(1))], None);
    assert_eq!(value(&nothing), Ok(Value::Null));
}

#[test]
fn volatile_functions_see_the_requests_moment() {
    let now = Expr::Call(Function::Now, vec![]);
    assert!(now.is_volatile());
    assert_eq!(value(&now), Ok(Value::Timestamp(MOMENT.now_us)));
    assert_eq!(
        value(&Expr::Call(Function::CurrentDate, vec![])),
        Ok(Value::Date(19_675))
    );
    let v7 = || match value(&Expr::Call(Function::UuidV7, vec![])) {
        Ok(Value::Uuid(bytes)) => bytes,
        other => panic!("{other:?}"),
    };
    let made: Vec<[u8; 16]> = (0..1000).map(|_| v7()).collect();
    assert!(made.is_sorted_by(|a, b| a < b));
    assert_eq!(made[0][..6], (MOMENT.now_us / 1000).to_be_bytes()[2..]);
    assert!(!binary(BinaryOp::Add, Expr::Column(0), int(1)).is_volatile());
}

#[test]
fn an_array_takes_a_null_in_and_a_text_does_not() {
    let null = |ty| Expr::Literal(ty, None);
    let appended = binary(BinaryOp::Concat, Expr::Column(4), null(ColumnType::Integer));
    assert_eq!(
        value(&appended),
        Ok(Value::Array(vec![Value::Int(1), Value::Null]))
    );
    let joined = binary(BinaryOp::Concat, Expr::Column(1), null(ColumnType::Text));
    assert_eq!(value(&joined), Ok(Value::Null));
    let mixed = binary(BinaryOp::Concat, Expr::Column(1), Expr::Column(0));
    assert_eq!(value(&mixed), Ok(Value::Text("Seoul7".into())));
}

#[test]
fn columns_are_listed_once() {
    let expr = binary(
        BinaryOp::And,
        Expr::IsNull(Box::new(Expr::Column(3))),
        binary(BinaryOp::Lt, Expr::Column(0), Expr::Column(3)),
    );
    assert_eq!(expr.columns(), [0, 3]);
    assert_eq!(value(&Expr::Column(9)).unwrap_err().code, "42703");
}

#[test]
fn a_pattern_is_compiled_once_and_matches_every_time() {
    let like = binary(
        BinaryOp::Like,
        Expr::Column(1),
        literal(ColumnType::Text, "S%l"),
    );
    for _ in 0..100 {
        assert_eq!(value(&like), Ok(Value::Bool(true)));
    }
    let wrong = binary(
        BinaryOp::Regex,
        Expr::Column(1),
        literal(ColumnType::Text, "("),
    );
    assert_eq!(value(&wrong).unwrap_err().code, "2201B");
}

#[test]
fn whatever_is_not_too_deep_can_be_kept_as_json() {
    let mut expr = boolean(Some(true));
    let mut levels = 0;
    while expr.ty(&table()).is_ok() {
        let mut table = table();
        table.columns[0].default = Some(expr.clone());
        let schema = Schema {
            version: 1,
            tables: [("t".to_owned(), Arc::new(table))].into(),
            ..Schema::default()
        };
        let json = serde_json::to_string(&schema).unwrap();
        assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema);
        expr = binary(BinaryOp::And, expr, boolean(Some(true)));
        levels += 1;
    }
    assert!(levels > 40, "{levels}");
    let refusal = expr.ty(&table()).unwrap_err();
    assert_eq!(refusal.code, "54001");
    for _ in 0..5000 {
        expr = Expr::Not(Box::new(expr));
    }
    assert_eq!(expr.ty(&table()).unwrap_err().code, "54001");
    assert_eq!(
        expr.evaluate(&table(), &row(), MOMENT).unwrap_err().code,
        "54001"
    );
    assert!(!expr.is_volatile());
}
