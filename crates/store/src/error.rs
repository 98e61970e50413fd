//! What the store can answer besides a result.

use pando_model::error::{EngineError, Refusal};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The request cannot be carried out; codes are PostgREST's and PostgreSQL's.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The engine's word.
    #[error(transparent)]
    Engine(EngineError),
    /// The catalog does not fit this version of Pando.
    #[error("the catalog is not usable: {0}")]
    Catalog(String),
}

impl From<EngineError> for StoreError {
    fn from(error: EngineError) -> StoreError {
        match error {
            EngineError::Refused(refusal) => StoreError::Refused(refusal),
            other => StoreError::Engine(other),
        }
    }
}
