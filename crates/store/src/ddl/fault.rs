//! What is wrong with a statement, and where.

use pando_model::error::Refusal;
use sqlparser::ast::{Expr, Ident, ObjectName, Spanned};
use sqlparser::tokenizer::{Location, Span};

/// A place in a file's text; lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// A statement that cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Place,
    /// Why.
    pub reason: String,
    /// How to mend it.
    pub hint: Option<String>,
}

/// An answer or what is wrong.
pub(super) type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    pub(super) fn new(at: Place, reason: impl Into<String>) -> Fault {
        Fault {
            at,
            reason: reason.into(),
            hint: None,
        }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }

    /// A refusal of the model's, at the place that caused it.
    pub(super) fn refused(at: Place, refusal: Refusal) -> Fault {
        let reason = match refusal.details {
            Some(details) => format!("{}: {details}", refusal.message),
            None => refusal.message,
        };
        Fault {
            at,
            reason,
            hint: refusal.hint,
        }
    }
}

impl From<Location> for Place {
    fn from(location: Location) -> Place {
        Place {
            line: location.line,
            column: location.column,
        }
    }
}

impl Place {
    /// This place, unless the parser did not keep a span: then `other`.
    pub(super) fn of_span(span: Span, other: Place) -> Place {
        if span.start.line == 0 {
            other
        } else {
            span.start.into()
        }
    }

    pub(super) fn of_ident(ident: &Ident, other: Place) -> Place {
        Place::of_span(ident.span, other)
    }

    pub(super) fn of_name(name: &ObjectName, other: Place) -> Place {
        Place::of_span(name.span(), other)
    }

    pub(super) fn of_expr(expr: &Expr, other: Place) -> Place {
        Place::of_span(expr.span(), other)
    }
}
