//! Why migrations were not applied, and how to mend them.

use crate::ddl::Fault;
use crate::error::StoreError;
use pando_model::error::Refusal;
use std::fmt;

/// Why migrations were not applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A file is wrong, or its rules cannot be kept.
    #[error(transparent)]
    Refused(#[from] Box<Diagnostic>),
    /// The files cannot be read.
    #[error("cannot read {path}: {source}")]
    Folder {
        /// The file or folder.
        path: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// The store's word.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with a migration, where, and how to mend it.
///
/// Displayed with the line and a caret below the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file's name.
    pub file: String,
    /// Where in it, as far as it is one place.
    pub place: Option<SourcePlace>,
    /// What is wrong.
    pub reason: String,
    /// How to mend it.
    pub hint: Option<String>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePlace {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1, in characters.
    pub column: u64,
    /// The line's text.
    pub text: String,
}

/// Columns of a line that are shown; of a longer one the part around the place.
const SHOWN_MAX: usize = 120;

impl Diagnostic {
    pub(super) fn new(file: &str, reason: impl Into<String>) -> Diagnostic {
        Diagnostic {
            file: file.to_owned(),
            place: None,
            reason: reason.into(),
            hint: None,
        }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn of_fault(file: &str, sql: &str, fault: Fault) -> Diagnostic {
        let line = usize::try_from(fault.at.line.saturating_sub(1)).unwrap_or(usize::MAX);
        Diagnostic {
            file: file.to_owned(),
            place: Some(SourcePlace {
                line: fault.at.line,
                column: fault.at.column,
                text: sql.lines().nth(line).unwrap_or_default().to_owned(),
            }),
            reason: fault.reason,
            hint: fault.hint,
        }
    }

    /// What a table is to be warmed by cannot be.
    pub(super) fn of_warm(file: &str, table: &str, refusal: Refusal) -> Diagnostic {
        let details = refusal.details.map(|details| format!(": {details}"));
        let (message, details) = (refusal.message, details.unwrap_or_default());
        Diagnostic {
            hint: refusal.hint,
            ..Diagnostic::new(
                file,
                format!("the table {table} cannot be warmed by its query: {message}{details}"),
            )
        }
    }

    /// Rows that are there, or that the file inserts, break a rule.
    pub(super) fn of_refusal(file: &str, refusal: Refusal) -> Diagnostic {
        let reason = match refusal.details {
            Some(details) => format!("{}: {details}", refusal.message),
            None => refusal.message,
        };
        // What is no value's and no constraint's is the table's own, such as who owns it.
        let (reason, mend) = match refusal.code.get(..2) {
            Some("22" | "23") => (
                format!("the rows do not keep its rules: {reason}"),
                "nothing of this file was applied; mend the rows, then migrate again",
            ),
            _ => (reason, "nothing of this file was applied"),
        };
        Diagnostic {
            file: file.to_owned(),
            place: None,
            reason,
            hint: Some(refusal.hint.unwrap_or_else(|| mend.to_owned())),
        }
    }
}

impl From<Diagnostic> for MigrationError {
    fn from(diagnostic: Diagnostic) -> MigrationError {
        MigrationError::Refused(Box::new(diagnostic))
    }
}

impl std::error::Error for Diagnostic {}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            None => write!(f, "{}: {}", self.file, self.reason)?,
            Some(place) => {
                let (line, column) = (place.line, place.column);
                write!(f, "{}:{line}:{column}: {}", self.file, self.reason)?;
                let (text, caret) = place.shown();
                let margin = " ".repeat(line.to_string().len());
                write!(f, "\n {margin} |\n {line} | {text}\n {margin} | {caret}^")?;
            }
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl SourcePlace {
    /// The line as it is shown, and the space before the caret.
    fn shown(&self) -> (String, String) {
        let column = usize::try_from(self.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let skipped = column.saturating_sub(SHOWN_MAX / 2);
        // A tab would move the caret; what else is invisible would mislead.
        let visible = |c: char| if c.is_control() { ' ' } else { c };
        let text: String = self
            .text
            .chars()
            .skip(skipped)
            .take(SHOWN_MAX)
            .map(visible)
            .collect();
        let caret = " ".repeat((column - skipped.min(column)).min(SHOWN_MAX));
        (text.trim_end().to_owned(), caret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ddl::Place;

    #[test]
    fn a_diagnostic_shows_the_line_and_a_caret_below_the_place() {
        let at = Place { line: 2, column: 6 };
        let fault = Fault {
            at,
            reason: "the type mony does not exist here".into(),
            hint: Some("write numeric".into()),
        };
        let shown = Diagnostic::of_fault("0001_a.sql", "create table t (\n\tsum mony);", fault);
        let expected = "0001_a.sql:2:6: the type mony does not exist here\n   |\n 2 |  sum mony);\n   |      ^\nhint: write numeric";
        assert_eq!(shown.to_string(), expected);
    }
}
