//! Operators, IN, BETWEEN, CASE and the tests with IS.

use super::{Builder, Built, Fault, Place, Result};
use pando_model::column::ColumnType;
use pando_model::expr::{BinaryOp, Expr, Function};
use pando_model::pattern::{Pattern, PatternKind};
use sqlparser::ast;

impl Builder<'_> {
    pub(super) fn binary(
        &self,
        left: &ast::Expr,
        op: &ast::BinaryOperator,
        right: &ast::Expr,
        at: Place,
    ) -> Result<Built> {
        let negated = matches!(
            op,
            ast::BinaryOperator::PGRegexNotMatch
                | ast::BinaryOperator::PGRegexNotIMatch
                | ast::BinaryOperator::PGNotLikeMatch
                | ast::BinaryOperator::PGNotILikeMatch
        );
        let Some(op) = operator(op) else {
            return Err(Fault::new(
                at,
                format!("the operator {op} is not supported"),
            ));
        };
        let (left, right) = (self.build(left)?, self.build(right)?);
        let built = self.joined(op, left, right, at)?;
        if negated { self.not(built) } else { Ok(built) }
    }

    pub(super) fn unary(
        &self,
        op: ast::UnaryOperator,
        inner: &ast::Expr,
        at: Place,
    ) -> Result<Built> {
        // A number and its sign are one literal: -9223372036854775808 is a bigint.
        if let (ast::UnaryOperator::Minus, ast::Expr::Value(value)) = (op, inner)
            && let ast::Value::Number(digits, _) = &value.value
        {
            return self.number(&format!("-{digits}"), at);
        }
        let built = self.build(inner)?;
        match op {
            ast::UnaryOperator::Not => self.not(built),
            ast::UnaryOperator::Plus => Ok(built),
            ast::UnaryOperator::Minus => self.known(Expr::Negate(Box::new(built.expr)), at),
            other => Err(Fault::new(
                at,
                format!("the operator {other} is not supported"),
            )),
        }
    }

    pub(super) fn not(&self, built: Built) -> Result<Built> {
        let at = built.at;
        let inner = self.boolean(built)?;
        self.known(Expr::Not(Box::new(inner)), at)
    }

    pub(super) fn is_null(&self, inner: &ast::Expr, at: Place) -> Result<Built> {
        let inner = self.build(inner)?;
        self.known(Expr::IsNull(Box::new(inner.expr)), at)
    }

    /// `IS TRUE`, `IS FALSE`: never unknown.
    pub(super) fn is(&self, inner: &ast::Expr, truth: bool, at: Place) -> Result<Built> {
        let inner = self.boolean(self.build(inner)?)?;
        let unknown = if truth { "false" } else { "true" };
        let unknown = Expr::Literal(ColumnType::Boolean, Some(unknown.into()));
        let settled = Expr::Call(Function::Coalesce, vec![inner, unknown]);
        self.known(
            if truth {
                settled
            } else {
                Expr::Not(Box::new(settled))
            },
            at,
        )
    }

    pub(super) fn between(
        &self,
        inner: &ast::Expr,
        negated: bool,
        low: &ast::Expr,
        high: &ast::Expr,
        at: Place,
    ) -> Result<Built> {
        let inner = self.build(inner)?;
        let again = self.repeated(&inner)?;
        let from = self.joined(BinaryOp::Ge, inner, self.build(low)?, at)?;
        let to = self.joined(BinaryOp::Le, again, self.build(high)?, at)?;
        let both = self.joined(BinaryOp::And, from, to, at)?;
        if negated { self.not(both) } else { Ok(both) }
    }

    pub(super) fn in_list(
        &self,
        inner: &ast::Expr,
        list: &[ast::Expr],
        negated: bool,
        at: Place,
    ) -> Result<Built> {
        let mut inner = self.build(inner)?;
        let items = list
            .iter()
            .map(|item| self.build(item))
            .collect::<Result<Vec<Built>>>()?;
        if inner.ty.is_none() {
            let known = items.iter().find_map(|item| item.ty.clone());
            inner = self.cast(inner, &known.unwrap_or(ColumnType::Text))?;
        }
        let ty = inner.ty.clone().unwrap_or(ColumnType::Text);
        let items = items
            .into_iter()
            .map(|item| match item.ty {
                None => self.typed(item, &ty),
                Some(_) => Ok(item.expr),
            })
            .collect::<Result<Vec<Expr>>>()?;
        let built = self.known(Expr::In(Box::new(inner.expr), items), at)?;
        if negated { self.not(built) } else { Ok(built) }
    }

    pub(super) fn like(
        &self,
        op: BinaryOp,
        inner: &ast::Expr,
        pattern: &ast::Expr,
        negated: bool,
        at: Place,
    ) -> Result<Built> {
        let built = self.joined(op, self.build(inner)?, self.build(pattern)?, at)?;
        if negated { self.not(built) } else { Ok(built) }
    }

    pub(super) fn case(
        &self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
        at: Place,
    ) -> Result<Built> {
        let operand = operand.map(|operand| self.build(operand)).transpose()?;
        let mut tests = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        for when in conditions {
            let condition = self.build(&when.condition)?;
            let test = match &operand {
                None => self.boolean(condition)?,
                Some(operand) => {
                    let operand = self.repeated(operand)?;
                    self.joined(BinaryOp::Eq, operand, condition, at)?.expr
                }
            };
            tests.push(test);
            results.push(self.build(&when.result)?);
        }
        let has_otherwise = otherwise.is_some();
        if let Some(otherwise) = otherwise {
            results.push(self.build(otherwise)?);
        }
        let (mut results, _) = self.unify(results)?;
        let otherwise = if has_otherwise { results.pop() } else { None };
        let branches = tests.into_iter().zip(results).collect();
        self.known(Expr::Case(branches, otherwise.map(Box::new)), at)
    }

    fn joined(&self, op: BinaryOp, left: Built, right: Built, at: Place) -> Result<Built> {
        let (left, right) = match op {
            BinaryOp::And | BinaryOp::Or => (self.boolean(left)?, self.boolean(right)?),
            BinaryOp::Concat
            | BinaryOp::Like
            | BinaryOp::ILike
            | BinaryOp::Regex
            | BinaryOp::RegexInsensitive => {
                let text = |built: Built| match built.ty {
                    None => self.typed(built, &ColumnType::Text),
                    Some(_) => Ok(built.expr),
                };
                let pattern_at = right.at;
                let (left, right) = (text(left)?, text(right)?);
                well_formed(op, &right, pattern_at)?;
                (left, right)
            }
            _ => self.beside(left, right)?,
        };
        self.known(Expr::Binary(op, Box::new(left), Box::new(right)), at)
    }
}

/// A pattern that stands in the text is checked now, not with the first row.
fn well_formed(op: BinaryOp, pattern: &Expr, at: Place) -> Result<()> {
    let kind = match op {
        BinaryOp::Like => PatternKind::Like,
        BinaryOp::ILike => PatternKind::ILike,
        BinaryOp::Regex => PatternKind::Regex,
        BinaryOp::RegexInsensitive => PatternKind::RegexInsensitive,
        _ => return Ok(()),
    };
    match pattern {
        Expr::Literal(_, Some(text)) => match Pattern::new(kind, text) {
            Ok(_) => Ok(()),
            Err(refusal) => Err(Fault::refused(at, refusal)),
        },
        _ => Ok(()),
    }
}

fn operator(op: &ast::BinaryOperator) -> Option<BinaryOp> {
    use ast::BinaryOperator as Sql;
    Some(match op {
        Sql::And => BinaryOp::And,
        Sql::Or => BinaryOp::Or,
        Sql::Eq => BinaryOp::Eq,
        Sql::NotEq => BinaryOp::Ne,
        Sql::Lt => BinaryOp::Lt,
        Sql::LtEq => BinaryOp::Le,
        Sql::Gt => BinaryOp::Gt,
        Sql::GtEq => BinaryOp::Ge,
        Sql::Plus => BinaryOp::Add,
        Sql::Minus => BinaryOp::Subtract,
        Sql::Multiply => BinaryOp::Multiply,
        Sql::Divide => BinaryOp::Divide,
        Sql::Modulo => BinaryOp::Modulo,
        Sql::StringConcat => BinaryOp::Concat,
        Sql::PGLikeMatch | Sql::PGNotLikeMatch => BinaryOp::Like,
        Sql::PGILikeMatch | Sql::PGNotILikeMatch => BinaryOp::ILike,
        Sql::PGRegexMatch | Sql::PGRegexNotMatch => BinaryOp::Regex,
        Sql::PGRegexIMatch | Sql::PGRegexNotIMatch => BinaryOp::RegexInsensitive,
        _ => return None,
    })
}
