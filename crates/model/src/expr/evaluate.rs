//! Evaluation over one row: every step gives a value and its type.

use super::types::{self, NUMERIC};
use super::{BinaryOp, Expr, Moment, NESTING_MAX, arithmetic, function, too_deep};
use crate::column::ColumnType as T;
use crate::error::Refusal;
use crate::pattern::{Pattern, PatternKind};
use crate::schema::Table;
use crate::value::Value;
use std::cell::RefCell;
use std::cmp::Ordering;

pub(super) type Typed = (Value, T);

pub(super) struct Context<'a> {
    pub table: &'a Table,
    pub row: &'a [Value],
    pub moment: Moment,
}

impl Context<'_> {
    pub fn value(&self, expr: &Expr, depth: usize) -> Result<Typed, Refusal> {
        if depth > NESTING_MAX {
            return Err(too_deep());
        }
        let below = |expr: &Expr| self.value(expr, depth + 1);
        match expr {
            Expr::Literal(ty, None) => Ok((Value::Null, ty.clone())),
            Expr::Literal(ty, Some(text)) => Ok((Value::parse(ty, text)?, ty.clone())),
            Expr::Column(ix) => match (self.row.get(*ix), self.table.columns.get(*ix)) {
                (Some(value), Some(column)) => Ok((value.clone(), column.ty.clone())),
                _ => Err(types::no_column(*ix)),
            },
            Expr::Binary(op @ (BinaryOp::And | BinaryOp::Or), left, right) => {
                // The operand that decides the answer: false for AND, true for OR.
                let decisive = Value::Bool(*op == BinaryOp::Or);
                let left = below(left)?.0;
                if left == decisive {
                    return Ok((decisive, T::Boolean));
                }
                let right = below(right)?.0;
                let answer = match right == decisive {
                    true => decisive,
                    false if left.is_null() => Value::Null,
                    false => right,
                };
                Ok((answer, T::Boolean))
            }
            Expr::Binary(op, left, right) => {
                self.binary(*op, (left, below(left)?), (right, below(right)?))
            }
            Expr::Not(operand) => Ok(match below(operand)?.0 {
                Value::Bool(value) => (Value::Bool(!value), T::Boolean),
                _ => (Value::Null, T::Boolean),
            }),
            Expr::Negate(operand) => {
                let (value, ty) = below(operand)?;
                arithmetic::negate(value, types::unlimited(ty))
            }
            Expr::IsNull(operand) => {
                let is_null = below(operand)?.0.is_null();
                Ok((Value::Bool(is_null), T::Boolean))
            }
            Expr::In(operand, list) => self.is_in(operand, list, depth),
            Expr::Case(branches, otherwise) => {
                let ty = types::of(expr, self.table)?;
                for (when, then) in branches {
                    if below(when)?.0 == Value::Bool(true) {
                        return self.value_as(then, ty, depth + 1);
                    }
                }
                match otherwise {
                    Some(otherwise) => self.value_as(otherwise, ty, depth + 1),
                    None => Ok((Value::Null, ty)),
                }
            }
            Expr::Cast(operand, to) => {
                let (value, from) = below(operand)?;
                Ok((value.cast(&from, to)?.fit(to)?, to.clone()))
            }
            Expr::Call(function, arguments) => {
                function::call(self, *function, arguments, depth + 1)
            }
        }
    }

    /// The value as the type that its surroundings give it.
    pub fn value_as(&self, expr: &Expr, ty: T, depth: usize) -> Result<Typed, Refusal> {
        let (value, own) = self.value(expr, depth)?;
        let value = if own == ty {
            value
        } else {
            value.cast(&own, &ty)?
        };
        Ok((value, ty))
    }

    fn is_in(&self, operand: &Expr, list: &[Expr], depth: usize) -> Result<Typed, Refusal> {
        let wanted = self.value(operand, depth + 1)?;
        let mut answer = Value::Bool(false);
        for item in list {
            let found = self.value(item, depth + 1)?;
            match self
                .binary(BinaryOp::Eq, (operand, wanted.clone()), (item, found))?
                .0
            {
                Value::Bool(true) => return Ok((Value::Bool(true), T::Boolean)),
                Value::Null => answer = Value::Null,
                _ => {}
            }
        }
        Ok((answer, T::Boolean))
    }

    /// Any operator but AND and OR.
    fn binary(
        &self,
        op: BinaryOp,
        (left_expr, (left, left_ty)): (&Expr, Typed),
        (right_expr, (right, right_ty)): (&Expr, Typed),
    ) -> Result<Typed, Refusal> {
        let (left_as, right_as) = types::adopted(
            op,
            (left_expr, left_ty.clone()),
            (right_expr, right_ty.clone()),
        );
        let ty = types::binary(op, &left_as, &right_as)?;
        let is_array = |ty: &T| matches!(ty, T::Array(_));
        // An array takes a NULL in; to anything else it is unknown.
        let appends = op == BinaryOp::Concat && (is_array(&left_as) || is_array(&right_as));
        if (left.is_null() || right.is_null()) && !appends {
            return Ok((Value::Null, ty));
        }
        let left = recast(left, &left_ty, &left_as)?;
        let right = recast(right, &right_ty, &right_as)?;
        match op {
            BinaryOp::Concat => arithmetic::concat((left, &left_as), (right, &right_as), ty),
            BinaryOp::Like | BinaryOp::ILike | BinaryOp::Regex | BinaryOp::RegexInsensitive => {
                Ok((Value::Bool(matches(op, &left, &right)?), T::Boolean))
            }
            BinaryOp::Add
            | BinaryOp::Subtract
            | BinaryOp::Multiply
            | BinaryOp::Divide
            | BinaryOp::Modulo => arithmetic::binary(op, (left, &left_as), (right, &right_as), ty),
            _ => {
                let order = compare((left, &left_as), (right, &right_as))?;
                let answer = match op {
                    BinaryOp::Eq => order.is_eq(),
                    BinaryOp::Ne => order.is_ne(),
                    BinaryOp::Lt => order.is_lt(),
                    BinaryOp::Le => order.is_le(),
                    BinaryOp::Gt => order.is_gt(),
                    _ => order.is_ge(),
                };
                Ok((Value::Bool(answer), T::Boolean))
            }
        }
    }
}

/// The order of two values that are not NULL and can be compared.
pub(super) fn compare(
    (left, left_ty): (Value, &T),
    (right, right_ty): (Value, &T),
) -> Result<Ordering, Refusal> {
    let ty = types::comparable(left_ty, right_ty).unwrap_or(NUMERIC);
    let left = recast(left, left_ty, &ty)?;
    let right = recast(right, right_ty, &ty)?;
    Ok(left.compare(&right))
}

/// The value as another type; a declared precision rounds nothing here.
pub(super) fn recast(value: Value, from: &T, to: &T) -> Result<Value, Refusal> {
    let (from, to) = (types::unlimited(from.clone()), types::unlimited(to.clone()));
    if from == to {
        Ok(value)
    } else {
        value.cast(&from, &to)
    }
}

fn matches(op: BinaryOp, text: &Value, pattern: &Value) -> Result<bool, Refusal> {
    let kind = match op {
        BinaryOp::Like => PatternKind::Like,
        BinaryOp::ILike => PatternKind::ILike,
        BinaryOp::Regex => PatternKind::Regex,
        _ => PatternKind::RegexInsensitive,
    };
    let (Value::Text(text), Value::Text(pattern)) = (text, pattern) else {
        return Ok(false);
    };
    /// A check's pattern is the same for every row, and costly to compile.
    const KEPT_MAX: usize = 32;
    thread_local! {
        static COMPILED: RefCell<Vec<Pattern>> = const { RefCell::new(Vec::new()) };
    }
    COMPILED.with_borrow_mut(|compiled| {
        let known = compiled
            .iter()
            .position(|known| known.kind() == kind && known.source() == pattern);
        let at = match known {
            Some(at) => at,
            None => {
                let new = Pattern::new(kind, pattern)?;
                if compiled.len() == KEPT_MAX {
                    compiled.remove(0);
                }
                compiled.push(new);
                compiled.len() - 1
            }
        };
        Ok(compiled[at].is_match(text))
    })
}
