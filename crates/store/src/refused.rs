//! What the models refuse, in words of their own. Tables have PostgreSQL's instead
//! (`tables/refusals.rs`).

use pando_model::error::Refusal;

/// Nothing there, where something has to be.
pub(crate) fn not_found(what: &str, name: &str) -> Refusal {
    Refusal::new("not_found", format!("there is no {what} {name:?}"))
}

/// The version is another than the caller takes it for.
pub(crate) fn precondition(header: &str, current: Option<i64>) -> Refusal {
    let found = match current {
        Some(version) => format!("its ETag is \"{version}\""),
        None => "there is nothing".to_owned(),
    };
    Refusal::new(
        "precondition_failed",
        format!("{header} does not hold: {found}"),
    )
    .hint("Read it again, and decide by what is there now.")
}

/// The same of what has no version.
pub(crate) fn presence(mut refusal: Refusal, header: &str, is_there: bool) -> Refusal {
    let found = if is_there {
        "it is there"
    } else {
        "there is nothing"
    };
    refusal.message = format!("{header} does not hold: {found}");
    refusal
}

/// A name, key or number that cannot be one.
pub(crate) fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::new("malformed", message)
}

/// What is there does not allow it.
pub(crate) fn conflict(message: impl Into<String>) -> Refusal {
    Refusal::new("conflict", message)
}

/// It can be read, and cannot be done.
pub(crate) fn unprocessable(message: impl Into<String>) -> Refusal {
    Refusal::new("unprocessable", message)
}

/// More than one may be.
pub(crate) fn too_large(message: impl Into<String>) -> Refusal {
    Refusal::new("document_too_large", message)
}
