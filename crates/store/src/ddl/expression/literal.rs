//! Literals, and how expressions come to the types that they are wanted in.

use super::{Builder, Built, Fault, Place, Result};
use pando_model::column::ColumnType;
use pando_model::expr::{Expr, Moment};
use pando_model::value::Value;
use sqlparser::ast;

impl Builder<'_> {
    pub(super) fn literal(&self, value: &ast::Value, at: Place) -> Result<Built> {
        match value {
            ast::Value::Number(digits, _) => self.number(digits, at),
            ast::Value::Boolean(truth) => {
                let text = if *truth { "true" } else { "false" };
                self.known(Expr::Literal(ColumnType::Boolean, Some(text.into())), at)
            }
            ast::Value::Null => Ok(Built {
                expr: Expr::Literal(ColumnType::Text, None),
                ty: None,
                at,
            }),
            ast::Value::SingleQuotedString(text)
            | ast::Value::EscapedStringLiteral(text)
            | ast::Value::UnicodeStringLiteral(text)
            | ast::Value::NationalStringLiteral(text) => Ok(untyped(text, at)),
            ast::Value::DollarQuotedString(quoted) => Ok(untyped(&quoted.value, at)),
            ast::Value::Placeholder(name) => {
                Err(Fault::new(at, format!("there is no parameter {name}")))
            }
            other => Err(Fault::new(
                at,
                format!("the literal {other} is not supported"),
            )),
        }
    }

    /// The least of integer, bigint and numeric that holds it.
    pub(super) fn number(&self, digits: &str, at: Place) -> Result<Built> {
        let ty = match digits.parse::<i64>() {
            Ok(number) if i32::try_from(number).is_ok() => ColumnType::Integer,
            Ok(_) => ColumnType::Bigint,
            Err(_) => ColumnType::Numeric { limit: None },
        };
        let literal = self.text_as(digits, &ty, at)?;
        self.known(literal, at)
    }

    /// `ARRAY[…]` of constants.
    pub(super) fn array(&self, elements: &[ast::Expr], at: Place) -> Result<Built> {
        if elements.is_empty() {
            return Err(Fault::new(at, "cannot determine type of empty array")
                .hint("write its type: ARRAY[]::text[]"));
        }
        let built = elements
            .iter()
            .map(|element| self.build(element))
            .collect::<Result<Vec<Built>>>()?;
        let (elements, ty) = self.unify(built)?;
        let values = elements
            .iter()
            .map(|element| {
                if !element.columns().is_empty() || element.is_volatile() {
                    return Err(Fault::new(at, "an ARRAY[…] holds constants only"));
                }
                element
                    .evaluate(self.table, &[], Moment { now_us: 0 })
                    .map_err(|refusal| Fault::refused(at, refusal))
            })
            .collect::<Result<Vec<Value>>>()?;
        if matches!(ty, ColumnType::Array(_)) {
            return Err(Fault::new(at, "arrays have one dimension"));
        }
        let ty = ColumnType::Array(Box::new(ty));
        let text = Value::Array(values).to_text(&ty);
        self.known(Expr::Literal(ty, text), at)
    }

    /// What `CAST` or `::` asks for.
    pub(super) fn cast(&self, built: Built, ty: &ColumnType) -> Result<Built> {
        let at = built.at;
        let expr = match &built.ty {
            None => self.typed(built, ty)?,
            Some(own) if own == ty => built.expr,
            Some(_) => Expr::Cast(Box::new(built.expr), ty.clone()),
        };
        self.known(expr, at)
    }

    /// As a column of this type takes it in: like a cast, but nothing becomes something of
    /// another kind unasked.
    pub(super) fn assign(&self, built: Built, ty: &ColumnType) -> Result<Expr> {
        let Some(own) = &built.ty else {
            return self.typed(built, ty);
        };
        if own == ty {
            return Ok(built.expr);
        }
        if !assigns(own, ty) {
            return Err(Fault::new(
                built.at,
                format!("column is of type {ty} but expression is of type {own}"),
            )
            .hint("you will need to rewrite or cast the expression"));
        }
        let at = built.at;
        self.cast(built, ty)
            .map(|built| built.expr)
            .map_err(|fault| Fault { at, ..fault })
    }

    pub(super) fn boolean(&self, built: Built) -> Result<Expr> {
        match &built.ty {
            Some(ColumnType::Boolean) => Ok(built.expr),
            None => self.typed(built, &ColumnType::Boolean),
            Some(other) => Err(Fault::new(
                built.at,
                format!("argument must be type boolean, not type {other}"),
            )),
        }
    }

    /// All of them in one type: that of those which have one, the widest of numbers.
    pub(super) fn unify(&self, all: Vec<Built>) -> Result<(Vec<Expr>, ColumnType)> {
        let mut common: Option<ColumnType> = None;
        for built in &all {
            let Some(own) = &built.ty else { continue };
            let own = without_limit(own);
            common = Some(match common {
                None => own,
                Some(so_far) => wider(&so_far, &own).ok_or_else(|| {
                    Fault::new(
                        built.at,
                        format!("types {so_far} and {own} cannot be matched"),
                    )
                })?,
            });
        }
        let common = common.unwrap_or(ColumnType::Text);
        let expressions = all
            .into_iter()
            .map(|built| self.cast(built, &common).map(|built| built.expr))
            .collect::<Result<Vec<Expr>>>()?;
        Ok((expressions, common))
    }

    /// Gives literals without a type that of what they stand beside; two known types that
    /// compare only as one of them are brought to it.
    pub(super) fn beside(&self, left: Built, right: Built) -> Result<(Expr, Expr)> {
        let (left_ty, right_ty) = (left.ty.clone(), right.ty.clone());
        Ok(match (left_ty, right_ty) {
            (None, None) => (
                self.typed(left, &ColumnType::Text)?,
                self.typed(right, &ColumnType::Text)?,
            ),
            (Some(ty), None) => (left.expr, self.typed(right, &ty)?),
            (None, Some(ty)) => (self.typed(left, &ty)?, right.expr),
            (Some(a), Some(b)) => match (instant(&a), instant(&b)) {
                (Some(x), Some(y)) if x < y => (self.cast(left, &b)?.expr, right.expr),
                (Some(x), Some(y)) if x > y => (left.expr, self.cast(right, &a)?.expr),
                _ => (left.expr, right.expr),
            },
        })
    }

    /// An untyped literal as a literal of a type.
    pub(super) fn typed(&self, built: Built, ty: &ColumnType) -> Result<Expr> {
        match &built.expr {
            Expr::Literal(_, Some(text)) => self.text_as(text, ty, built.at),
            _ => Ok(Expr::Literal(ty.clone(), None)),
        }
    }

    fn text_as(&self, text: &str, ty: &ColumnType, at: Place) -> Result<Expr> {
        let value = Value::parse(ty, text)
            .and_then(|value| value.fit(ty))
            .map_err(|refusal| Fault::refused(at, refusal))?;
        Ok(Expr::Literal(ty.clone(), value.to_text(ty)))
    }
}

fn untyped(text: &str, at: Place) -> Built {
    Built {
        expr: Expr::Literal(ColumnType::Text, Some(text.to_owned())),
        ty: None,
        at,
    }
}

fn without_limit(ty: &ColumnType) -> ColumnType {
    match ty {
        ColumnType::Numeric { .. } => ColumnType::Numeric { limit: None },
        other => other.clone(),
    }
}

fn wider(a: &ColumnType, b: &ColumnType) -> Option<ColumnType> {
    if a == b {
        return Some(a.clone());
    }
    let ranks = (number(a)?, number(b)?);
    Some(if ranks.0 > ranks.1 {
        a.clone()
    } else {
        b.clone()
    })
}

/// Numbers from the narrowest to the one that PostgreSQL prefers.
fn number(ty: &ColumnType) -> Option<u8> {
    Some(match ty {
        ColumnType::Integer => 0,
        ColumnType::Bigint => 1,
        ColumnType::Numeric { .. } => 2,
        ColumnType::Real => 3,
        ColumnType::Double => 4,
        _ => return None,
    })
}

fn instant(ty: &ColumnType) -> Option<u8> {
    Some(match ty {
        ColumnType::Date => 0,
        ColumnType::Timestamp => 1,
        ColumnType::Timestamptz => 2,
        _ => return None,
    })
}

/// PostgreSQL's assignment casts, as far as the types exist here.
fn assigns(from: &ColumnType, to: &ColumnType) -> bool {
    let both = |kind: fn(&ColumnType) -> Option<u8>| kind(from).is_some() && kind(to).is_some();
    match (from, to) {
        (_, ColumnType::Text) => true,
        (ColumnType::Json, ColumnType::Jsonb) | (ColumnType::Jsonb, ColumnType::Json) => true,
        (ColumnType::Array(from), ColumnType::Array(to)) => from == to || assigns(from, to),
        _ => both(number) || both(instant),
    }
}
