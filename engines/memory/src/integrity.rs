//! Whether what must hold of the data does hold.

use crate::database::Database;
use crate::statement::check_row_references;
use pando_model::engine::Result;
use pando_model::error::EngineError;

/// What is wrong, one line each: indexes, keys, references.
pub(crate) fn verify(db: &Database) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for table in db.tables() {
        wrong.extend(table.verify());
        for row in table.rows() {
            match check_row_references(db, table.def(), row) {
                Err(EngineError::Refused(refusal)) => {
                    wrong.push(format!("{}: {refusal}", table.def().name));
                }
                other => other?,
            }
        }
    }
    Ok(wrong)
}
