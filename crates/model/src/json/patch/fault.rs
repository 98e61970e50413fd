//! Why a patch is not applied, and what it may make; of both kinds of patch.

use crate::error::Refusal;
use crate::json::scan::Fault;
use std::fmt;

/// What a patch may make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchLimits {
    /// How long the answer's text may be, in bytes, and how much `copy` may copy on the way.
    pub bytes_max: usize,
    /// How many values `copy` may make on the way: a value of a byte takes some sixty of memory.
    pub values_max: usize,
}

impl Default for PatchLimits {
    /// As much as a body's default limit, and as many values as a document may have.
    fn default() -> PatchLimits {
        PatchLimits {
            bytes_max: 16 << 20,
            values_max: 500_000,
        }
    }
}

/// Why a patch was not applied; nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PatchError {
    kind: PatchErrorKind,
    /// Which operation, from 0, and what it would do: `replace /a/b`.
    operation: Option<(usize, String)>,
    message: String,
}

/// What kind of fault a patch has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchErrorKind {
    /// It is no patch, whatever the document is.
    Malformed,
    /// It does not fit this document: a path leads nowhere.
    Inapplicable,
    /// A `test` found something else.
    TestFailed,
    /// The answer, or the way to it, would be too large or too deep.
    TooLarge,
}

impl PatchError {
    /// What kind of fault it is.
    pub fn kind(&self) -> PatchErrorKind {
        self.kind
    }

    /// Which operation of the patch is at fault, from 0.
    pub fn operation(&self) -> Option<usize> {
        self.operation.as_ref().map(|(index, _)| *index)
    }

    /// The fault of a patch that is not JSON.
    pub(in super::super) fn not_json(fault: Fault) -> PatchError {
        PatchError::json("the patch", PatchErrorKind::Malformed, fault)
    }

    /// The fault of a document that is not JSON; none that was stored is.
    pub(in super::super) fn target(fault: Fault) -> PatchError {
        PatchError::json("the document", PatchErrorKind::Inapplicable, fault)
    }

    fn json(what: &str, kind: PatchErrorKind, fault: Fault) -> PatchError {
        let refusal = Refusal::from(fault);
        let message = match refusal.details.or(refusal.hint) {
            Some(details) => format!("{what} is not JSON: {}. {details}", refusal.message),
            None => format!("{what} is not JSON: {}", refusal.message),
        };
        PatchError::new(kind, message)
    }

    pub(in super::super) fn new(kind: PatchErrorKind, message: impl Into<String>) -> PatchError {
        PatchError {
            kind,
            operation: None,
            message: message.into(),
        }
    }

    pub(super) fn at(mut self, index: usize, what: impl fmt::Display) -> PatchError {
        self.operation = Some((index, what.to_string()));
        self
    }
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.operation {
            Some((index, what)) => write!(f, "operation {index} ({what}): {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl PatchLimits {
    pub(in super::super) fn check_result(&self, text: String) -> Result<String, PatchError> {
        if text.len() <= self.bytes_max {
            return Ok(text);
        }
        let message = format!(
            "the patched document would be {} bytes long; {} are allowed",
            text.len(),
            self.bytes_max
        );
        Err(PatchError::new(PatchErrorKind::TooLarge, message))
    }
}
