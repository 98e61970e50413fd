//! Failures as people see them: what went wrong, the way out, the exit status.
//!
//! Inside the binary errors are `anyhow`; one that has a way out carries it as a
//! [`Failure`] in its chain. Everything that ends a command is printed here, once.

use crate::config::ConfigError;
use http::StatusCode;
use pando_client::ErrorKind;
use serde_json::json;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// Wrong usage or configuration.
const USAGE: u8 = 2;
/// It was tried and failed.
const FAILED: u8 = 1;

/// What went wrong, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
    status: u8,
}

/// A failure with a message.
pub fn fail(message: impl Into<String>) -> Failure {
    Failure {
        message: message.into(),
        hint: None,
        status: FAILED,
    }
}

impl Failure {
    /// The same failure, with its way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure, as one of usage: exit status 2.
    #[must_use]
    pub fn usage(mut self) -> Failure {
        self.status = USAGE;
        self
    }

    /// The failure as an error to return.
    pub fn err<T>(self) -> anyhow::Result<T> {
        Err(self.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Prints an error on standard error, and says how the process ends.
pub fn print(error: &anyhow::Error, json: bool) -> ExitCode {
    let failure = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Failure>());
    let is_config = error.chain().any(|cause| cause.is::<ConfigError>());
    let answered = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<pando_client::Error>());
    let is_usage = answered.is_some_and(|error| error.kind() == ErrorKind::Usage);
    let status = match failure {
        Some(failure) => failure.status,
        None if is_config || is_usage => USAGE,
        None => FAILED,
    };
    let hint = failure
        .and_then(|failure| failure.hint.as_deref())
        .or_else(|| answered.and_then(hint_of));
    let message = told(error);
    let text = if json {
        let code = if status == USAGE { "usage" } else { "failed" };
        json!({ "code": code, "message": message, "details": null, "hint": hint }).to_string()
    } else {
        let hint = hint.map_or_else(String::new, |hint| {
            format!("\n  → {}", hint.replace('\n', "\n    "))
        });
        format!("error: {message}{hint}")
    };
    // Where nobody reads it any more, the status still tells.
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::from(status)
}

/// The server's hint, or the command line's own where a key is missing.
fn hint_of(error: &pando_client::Error) -> Option<&str> {
    let no_key = error.status() == Some(StatusCode::UNAUTHORIZED);
    let hint = "give a key in PANDO_KEY, or run as the owner of root.key";
    error.hint().or(no_key.then_some(hint))
}

/// The chain in one line; a cause that its context repeats is told once.
fn told(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if message.ends_with(&cause) {
            continue;
        }
        if !message.is_empty() {
            message.push_str(": ");
        }
        message.push_str(&cause);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_hint_survives_the_context_around_it() {
        let error = fail("the port is in use")
            .hint("choose another")
            .err::<()>()
            .context("cannot listen")
            .unwrap_err();
        assert_eq!(told(&error), "cannot listen: the port is in use");
        let failure = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<Failure>());
        assert_eq!(
            failure.and_then(|f| f.hint.as_deref()),
            Some("choose another")
        );
    }
}
