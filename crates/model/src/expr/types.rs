//! Types of expressions: which operands fit, and what results.

use super::{BinaryOp, Expr, function};
use crate::column::ColumnType as T;
use crate::error::Refusal;
use crate::schema::Table;
use crate::value::check_cast;

pub(super) const NUMERIC: T = T::Numeric { limit: None };

/// The type of an expression that is not too deep.
pub(super) fn of(expr: &Expr, table: &Table) -> Result<T, Refusal> {
    match expr {
        Expr::Literal(ty, _) => Ok(ty.clone()),
        Expr::Column(ix) => match table.columns.get(*ix) {
            Some(column) => Ok(column.ty.clone()),
            None => Err(no_column(*ix)),
        },
        Expr::Binary(op, left, right) => {
            let (left_ty, right_ty) = (of(left, table)?, of(right, table)?);
            let (left_ty, right_ty) = adopted(*op, (left, left_ty), (right, right_ty));
            binary(*op, &left_ty, &right_ty)
        }
        Expr::Not(operand) => {
            expect_boolean("NOT", &of(operand, table)?)?;
            Ok(T::Boolean)
        }
        Expr::Negate(operand) => {
            let ty = of(operand, table)?;
            if is_number(&ty) {
                Ok(unlimited(ty))
            } else {
                Err(no_operator(&format!("- {}", name(&ty))))
            }
        }
        Expr::IsNull(operand) => of(operand, table).map(|_| T::Boolean),
        Expr::In(operand, list) => {
            let ty = of(operand, table)?;
            for item in list {
                let item_ty = of(item, table)?;
                let (left, right) = adopted(BinaryOp::Eq, (operand, ty.clone()), (item, item_ty));
                binary(BinaryOp::Eq, &left, &right)?;
            }
            Ok(T::Boolean)
        }
        Expr::Case(branches, otherwise) => {
            for (when, _) in branches {
                expect_boolean("CASE/WHEN", &of(when, table)?)?;
            }
            let results = branches.iter().map(|(_, then)| then);
            common("CASE", results.chain(otherwise.as_deref()), table)
        }
        Expr::Cast(operand, to) => {
            check_cast(&of(operand, table)?, to)?;
            Ok(to.clone())
        }
        Expr::Call(function, arguments) => function::ty(*function, arguments, table),
    }
}

/// The operands' types, where a text literal takes the type of what it stands beside.
pub(super) fn adopted(op: BinaryOp, left: (&Expr, T), right: (&Expr, T)) -> (T, T) {
    let adopts = matches!(
        op,
        BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::Add
            | BinaryOp::Subtract
            | BinaryOp::Multiply
            | BinaryOp::Divide
            | BinaryOp::Modulo
    );
    match (is_unknown(left.0), is_unknown(right.0)) {
        (true, false) if adopts => (unlimited(right.1.clone()), right.1),
        (false, true) if adopts => (left.1.clone(), unlimited(left.1)),
        _ => (left.1, right.1),
    }
}

/// A literal that takes the type of its surroundings.
pub(super) fn is_unknown(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(T::Text, _))
}

/// The type that a binary operator gives.
pub(super) fn binary(op: BinaryOp, left: &T, right: &T) -> Result<T, Refusal> {
    use BinaryOp as B;
    let refuse = || {
        Err(no_operator(&format!(
            "{} {} {}",
            name(left),
            symbol(op),
            name(right)
        )))
    };
    match op {
        B::And | B::Or => {
            expect_boolean(symbol(op), left)?;
            expect_boolean(symbol(op), right)?;
            Ok(T::Boolean)
        }
        B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge => match comparable(left, right) {
            Some(_) => Ok(T::Boolean),
            None => refuse(),
        },
        B::Add => match (left, right) {
            (T::Date, T::Integer) | (T::Integer, T::Date) => Ok(T::Date),
            _ => promoted(left, right).map_or_else(refuse, Ok),
        },
        B::Subtract => match (left, right) {
            (T::Date, T::Integer) => Ok(T::Date),
            (T::Date, T::Date) => Ok(T::Integer),
            _ => promoted(left, right).map_or_else(refuse, Ok),
        },
        B::Multiply | B::Divide => promoted(left, right).map_or_else(refuse, Ok),
        B::Modulo => match promoted(left, right) {
            Some(T::Real | T::Double) | None => refuse(),
            Some(ty) => Ok(ty),
        },
        B::Concat => match (left, right) {
            (T::Array(a), T::Array(b)) if same(a, b) => Ok(left.clone()),
            (T::Array(a), item) if same(a, item) => Ok(left.clone()),
            (item, T::Array(a)) if same(item, a) => Ok(right.clone()),
            (T::Array(_), _) | (_, T::Array(_)) => refuse(),
            (T::Bytea, T::Bytea) => Ok(T::Bytea),
            (T::Text, _) | (_, T::Text) => Ok(T::Text),
            _ => refuse(),
        },
        B::Like | B::ILike | B::Regex | B::RegexInsensitive => match (left, right) {
            (T::Text, T::Text) => Ok(T::Boolean),
            _ => refuse(),
        },
    }
}

/// The type that two values are compared as.
pub(super) fn comparable(left: &T, right: &T) -> Option<T> {
    match (left, right) {
        (T::Json, _) => None,
        (T::Array(a), T::Array(b)) if same(a, b) && **a != T::Json => Some(left.clone()),
        _ if same(left, right) => Some(left.clone()),
        _ => promoted(left, right).or_else(|| later(left, right)),
    }
}

/// The type that two numbers meet in.
pub(super) fn promoted(left: &T, right: &T) -> Option<T> {
    if !is_number(left) || !is_number(right) {
        return None;
    }
    Some(match (left, right) {
        (T::Integer, T::Integer) => T::Integer,
        (T::Integer | T::Bigint, T::Integer | T::Bigint) => T::Bigint,
        (T::Real, T::Real) => T::Real,
        (T::Real | T::Double, _) | (_, T::Real | T::Double) => T::Double,
        _ => NUMERIC,
    })
}

/// The type that results of different branches have.
pub(super) fn common<'a>(
    construct: &str,
    results: impl Iterator<Item = &'a Expr>,
    table: &Table,
) -> Result<T, Refusal> {
    let mut chosen: Option<T> = None;
    for result in results {
        if is_unknown(result) {
            continue;
        }
        let ty = of(result, table)?;
        chosen = Some(match chosen {
            None => ty,
            Some(chosen) if chosen == ty => chosen,
            Some(chosen) if same(&chosen, &ty) => unlimited(chosen),
            Some(chosen) => wider(&chosen, &ty)
                .or_else(|| later(&chosen, &ty))
                .ok_or_else(|| {
                    Refusal::new(
                        "42804",
                        format!(
                            "{construct} types {} and {} cannot be matched",
                            name(&chosen),
                            name(&ty)
                        ),
                    )
                })?,
        });
    }
    Ok(chosen.unwrap_or(T::Text))
}

/// The type that both numbers can be cast to implicitly.
fn wider(left: &T, right: &T) -> Option<T> {
    let rank = |ty: &T| match ty {
        T::Integer => Some(0),
        T::Bigint => Some(1),
        T::Numeric { .. } => Some(2),
        T::Real => Some(3),
        T::Double => Some(4),
        _ => None,
    };
    let wider = if rank(left)? >= rank(right)? {
        left
    } else {
        right
    };
    Some(unlimited(wider.clone()))
}

/// The same for dates and timestamps.
fn later(left: &T, right: &T) -> Option<T> {
    let rank = |ty: &T| match ty {
        T::Date => Some(0),
        T::Timestamp => Some(1),
        T::Timestamptz => Some(2),
        _ => None,
    };
    let later = if rank(left)? >= rank(right)? {
        left
    } else {
        right
    };
    Some(later.clone())
}

/// Whether they are the same type, a declared precision aside.
fn same(left: &T, right: &T) -> bool {
    match (left, right) {
        (T::Numeric { .. }, T::Numeric { .. }) => true,
        (T::Array(a), T::Array(b)) => same(a, b),
        _ => left == right,
    }
}

pub(super) fn is_number(ty: &T) -> bool {
    matches!(
        ty,
        T::Integer | T::Bigint | T::Real | T::Double | T::Numeric { .. }
    )
}

/// The type without a declared precision: no result of an operator has one.
pub(super) fn unlimited(ty: T) -> T {
    match ty {
        T::Numeric { .. } => NUMERIC,
        other => other,
    }
}

fn expect_boolean(what: &str, ty: &T) -> Result<(), Refusal> {
    if *ty == T::Boolean {
        return Ok(());
    }
    Err(Refusal::new(
        "42804",
        format!(
            "argument of {what} must be type boolean, not type {}",
            name(ty)
        ),
    ))
}

/// A type's name in a refusal.
pub(super) fn name(ty: &T) -> String {
    unlimited(ty.clone()).to_string()
}

pub(super) fn no_column(ix: usize) -> Refusal {
    Refusal::new("42703", format!("column {} does not exist", ix + 1))
}

fn no_operator(which: &str) -> Refusal {
    Refusal::new("42883", format!("operator does not exist: {which}")).hint(
        "No operator matches the given name and argument types. You might need to add explicit \
         type casts.",
    )
}

fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::And => "AND",
        BinaryOp::Or => "OR",
        BinaryOp::Eq => "=",
        BinaryOp::Ne => "<>",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Modulo => "%",
        BinaryOp::Concat => "||",
        BinaryOp::Like => "~~",
        BinaryOp::ILike => "~~*",
        BinaryOp::Regex => "~",
        BinaryOp::RegexInsensitive => "~*",
    }
}
