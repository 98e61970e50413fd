//! Expressions of DEFAULT, CHECK and GENERATED: from SQL to the model's typed
//! form.
//!
//! Literals take the type of what they stand beside, as PostgreSQL's do; every
//! other conversion is a cast in the result. What depends on nothing is computed
//! once, here.

mod call;
mod literal;
mod operator;

use super::fault::{Fault, Place, Result};
use super::names::{fold, quoted};
use pando_model::column::ColumnType;
use pando_model::expr::{BinaryOp, Expr, Moment};
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use sqlparser::ast;

/// An expression that is repeated in the result has at most so many nodes: what repeats
/// what repeats would grow without end.
const REPEATED_NODES_MAX: usize = 64;

/// DEFAULT: no columns; volatile functions are evaluated for each row.
pub(super) fn default(
    expr: &ast::Expr,
    table: &Table,
    column: ColumnIx,
    near: Place,
) -> Result<Expr> {
    let at = Place::of_expr(expr, near);
    let ty = &table.columns[column].ty;
    let builder = Builder { table, near };
    let built = builder.build(expr)?;
    let columns = built.expr.columns();
    if !columns.is_empty() {
        return Err(
            Fault::new(at, "cannot use column reference in DEFAULT expression")
                .hint("for a value made of other columns write GENERATED ALWAYS AS (…) STORED"),
        );
    }
    let expr = builder.assign(built, ty)?;
    if expr.is_volatile() {
        return Ok(expr);
    }
    builder.computed(&expr, ty, at)
}

/// CHECK: boolean, and the same at all times.
pub(super) fn check(expr: &ast::Expr, table: &Table, near: Place) -> Result<Expr> {
    let at = Place::of_expr(expr, near);
    let builder = Builder { table, near };
    let built = builder.build(expr)?;
    let expr = builder.boolean(built)?;
    if expr.is_volatile() {
        return Err(
            Fault::new(at, "a CHECK does not depend on the time or on chance")
                .hint("a row that passed once must pass always: compare columns with constants"),
        );
    }
    Ok(expr)
}

/// GENERATED ALWAYS AS: of other columns, and the same at all times.
pub(super) fn generated(
    expr: &ast::Expr,
    table: &Table,
    column: ColumnIx,
    near: Place,
) -> Result<Expr> {
    let at = Place::of_expr(expr, near);
    let builder = Builder { table, near };
    let built = builder.build(expr)?;
    if built.expr.is_volatile() {
        return Err(Fault::new(at, "generation expression is not immutable")
            .hint("for a time or a random value write DEFAULT instead"));
    }
    builder.assign(built, &table.columns[column].ty)
}

/// A constant of an INSERT, as a value of the column it goes into.
pub(super) fn constant(
    expr: &ast::Expr,
    table: &Table,
    column: ColumnIx,
    moment: Moment,
    near: Place,
) -> Result<Value> {
    let at = Place::of_expr(expr, near);
    let ty = &table.columns[column].ty;
    let builder = Builder { table, near };
    let built = builder.build(expr)?;
    if !built.expr.columns().is_empty() {
        return Err(Fault::new(at, "a row of a migration holds constants only"));
    }
    let expr = builder.assign(built, ty)?;
    let refused = |refusal| Fault::refused(at, refusal);
    expr.evaluate(table, &[], moment)
        .and_then(|value| value.fit(ty))
        .map_err(refused)
}

/// An expression that was built, and its type: `None` for a literal that has yet to take one.
struct Built {
    expr: Expr,
    ty: Option<ColumnType>,
    at: Place,
}

struct Builder<'a> {
    table: &'a Table,
    near: Place,
}

impl Builder<'_> {
    fn build(&self, expr: &ast::Expr) -> Result<Built> {
        let at = Place::of_expr(expr, self.near);
        match expr {
            ast::Expr::Nested(inner) => self.build(inner),
            ast::Expr::Identifier(ident) => self.column(ident, at),
            ast::Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column] if fold(table) == self.table.name => self.column(column, at),
                _ => Err(Fault::new(
                    at,
                    format!("missing FROM-clause entry for {expr}"),
                )),
            },
            ast::Expr::Value(value) => self.literal(&value.value, at),
            ast::Expr::TypedString(typed) => {
                let text = self.literal(&typed.value.value, at)?;
                self.cast(text, &super::types::column_type(&typed.data_type, at)?)
            }
            ast::Expr::Cast {
                kind: ast::CastKind::Cast | ast::CastKind::DoubleColon,
                expr: inner,
                data_type,
                format: None,
            } => self.cast_of(inner, data_type, at),
            ast::Expr::Array(array) => self.array(&array.elem, at),
            ast::Expr::BinaryOp { left, op, right } => self.binary(left, op, right, at),
            ast::Expr::UnaryOp { op, expr: inner } => self.unary(*op, inner, at),
            ast::Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand.as_deref(), conditions, else_result.as_deref(), at),
            ast::Expr::Function(function) => self.call(function, at),
            ast::Expr::Trim {
                trim_where: None | Some(ast::TrimWhereField::Both),
                trim_what: None,
                expr: inner,
                trim_characters: None,
            } => self.apply(
                pando_model::expr::Function::Trim,
                vec![self.build(inner)?],
                at,
            ),
            other => self.build_test(other, at),
        }
    }

    /// What asks something of one value: IS, BETWEEN, IN, LIKE.
    fn build_test(&self, expr: &ast::Expr, at: Place) -> Result<Built> {
        match expr {
            ast::Expr::IsNull(inner) => self.is_null(inner, at),
            ast::Expr::IsNotNull(inner) => self.not(self.is_null(inner, at)?),
            ast::Expr::IsTrue(inner) => self.is(inner, true, at),
            ast::Expr::IsFalse(inner) => self.is(inner, false, at),
            ast::Expr::IsNotTrue(inner) => self.not(self.is(inner, true, at)?),
            ast::Expr::IsNotFalse(inner) => self.not(self.is(inner, false, at)?),
            ast::Expr::Between {
                expr: inner,
                negated,
                low,
                high,
            } => self.between(inner, *negated, low, high, at),
            ast::Expr::InList {
                expr: inner,
                list,
                negated,
            } => self.in_list(inner, list, *negated, at),
            ast::Expr::Like {
                negated,
                any: false,
                expr: inner,
                pattern,
                escape_char: None,
            } => self.like(BinaryOp::Like, inner, pattern, *negated, at),
            ast::Expr::ILike {
                negated,
                any: false,
                expr: inner,
                pattern,
                escape_char: None,
            } => self.like(BinaryOp::ILike, inner, pattern, *negated, at),
            ast::Expr::AnyOp {
                left,
                compare_op: ast::BinaryOperator::Eq,
                right,
                ..
            } if items(right).is_some() => {
                self.in_list(left, items(right).unwrap_or_default(), false, at)
            }
            ast::Expr::AllOp {
                left,
                compare_op: ast::BinaryOperator::NotEq,
                right,
            } if items(right).is_some() => {
                self.in_list(left, items(right).unwrap_or_default(), true, at)
            }
            other => Err(self.refused(other, at)),
        }
    }

    fn cast_of(&self, inner: &ast::Expr, ty: &ast::DataType, at: Place) -> Result<Built> {
        let ty = super::types::column_type(ty, at)?;
        match (inner, &ty) {
            (ast::Expr::Array(array), ColumnType::Array(_)) if array.elem.is_empty() => {
                self.known(Expr::Literal(ty, Some("{}".into())), at)
            }
            _ => self.cast(self.build(inner)?, &ty),
        }
    }

    fn column(&self, ident: &ast::Ident, at: Place) -> Result<Built> {
        let name = fold(ident);
        let Some(ix) = self.table.column_ix(&name) else {
            return Err(Fault::new(
                at,
                format!("column {} does not exist", quoted(&name)),
            ));
        };
        self.known(Expr::Column(ix), at)
    }

    /// What no engine here can compute, with what to write instead.
    fn refused(&self, expr: &ast::Expr, at: Place) -> Fault {
        let hint = match expr {
            ast::Expr::AnyOp { .. } | ast::Expr::AllOp { .. } => "write IN (…), or NOT IN (…)",
            ast::Expr::IsDistinctFrom(..) | ast::Expr::IsNotDistinctFrom(..) => {
                "compare with = or <>, and write IS NULL for the rest"
            }
            ast::Expr::Collate { .. } => {
                "leave it out: text is compared by its bytes, as with COLLATE \"C\""
            }
            ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => {
                return Fault::new(at, "an expression looks at its own row only")
                    .hint("for a row that must exist elsewhere write REFERENCES");
            }
            _ => "",
        };
        let mut written = expr.to_string();
        if let Some((cut, _)) = written.char_indices().nth(60) {
            written.truncate(cut);
            written.push('…');
        }
        let fault = Fault::new(at, format!("the expression {written} is not supported"));
        if hint.is_empty() {
            fault
        } else {
            fault.hint(hint)
        }
    }

    /// An expression whose type follows from its parts.
    fn known(&self, expr: Expr, at: Place) -> Result<Built> {
        let ty = expr
            .ty(self.table)
            .map_err(|refusal| Fault::refused(at, refusal))?;
        Ok(Built {
            expr,
            ty: Some(ty),
            at,
        })
    }

    /// The value of an expression without columns, as a literal.
    fn computed(&self, expr: &Expr, ty: &ColumnType, at: Place) -> Result<Expr> {
        let refused = |refusal| Fault::refused(at, refusal);
        let value = expr
            .evaluate(self.table, &[], Moment { now_us: 0 })
            .and_then(|value| value.fit(ty))
            .map_err(refused)?;
        Ok(Expr::Literal(ty.clone(), value.to_text(ty)))
    }

    /// A copy of an expression that stands in the result more than once.
    fn repeated(&self, built: &Built) -> Result<Built> {
        if nodes(&built.expr) > REPEATED_NODES_MAX {
            return Err(Fault::new(built.at, "the expression is too long here")
                .hint("compare twice, with AND"));
        }
        Ok(Built {
            expr: built.expr.clone(),
            ty: built.ty.clone(),
            at: built.at,
        })
    }
}

/// The items of an array that is written out: `x = ANY (ARRAY[…])` is how PostgreSQL writes
/// `x IN (…)` down.
fn items(array: &ast::Expr) -> Option<&[ast::Expr]> {
    match array {
        ast::Expr::Array(array) => Some(&array.elem),
        ast::Expr::Nested(inner) => items(inner),
        ast::Expr::Cast {
            expr: inner,
            data_type: ast::DataType::Array(_),
            ..
        } => items(inner),
        _ => None,
    }
}

fn nodes(expr: &Expr) -> usize {
    1 + match expr {
        Expr::Literal(..) | Expr::Column(_) => 0,
        Expr::Not(inner) | Expr::Negate(inner) | Expr::IsNull(inner) | Expr::Cast(inner, _) => {
            nodes(inner)
        }
        Expr::Binary(_, left, right) => nodes(left) + nodes(right),
        Expr::In(inner, list) => nodes(inner) + list.iter().map(nodes).sum::<usize>(),
        Expr::Call(_, arguments) => arguments.iter().map(nodes).sum(),
        Expr::Case(branches, otherwise) => {
            let branches: usize = branches.iter().map(|(a, b)| nodes(a) + nodes(b)).sum();
            branches + otherwise.as_deref().map_or(0, nodes)
        }
    }
}
