//! The layer of the environment: `PANDO__SECTION__KEY`.

use super::super::Problem;
use super::super::keys::{self, Form};
use super::{Origin, Setting, no_such_key};
use serde_json::Value;

/// What names of environment variables that are settings begin with.
const PREFIX: &str = "PANDO__";

/// The settings among the variables; a variable of that form that is none is a problem.
pub(super) fn settings_of(
    env: &[(String, String)],
    settings: &mut Vec<Setting>,
    problems: &mut Vec<Problem>,
) {
    for (name, text) in env {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let path: Vec<String> = rest.split("__").map(str::to_lowercase).collect();
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        match keys::form(&names) {
            Ok(Form::Table) => problems.push(Problem {
                place: name.clone(),
                message: "is the name of a table of settings".to_owned(),
                hint: Some(format!("add the setting: {name}__KEY")),
            }),
            Ok(form) => settings.push(Setting {
                value: value_of_text(form, text),
                path,
                origin: Origin::Env(name.clone()),
            }),
            Err(error) => problems.push(no_such_key(name.clone(), &names, error)),
        }
    }
}

/// Reads bare text as the form wants it; what does not fit stays text, and is
/// refused with its place when the document is read.
fn value_of_text(form: Form, text: &str) -> Value {
    let list = |text: &str| {
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(Value::from)
            .collect()
    };
    match form {
        Form::Integer => text
            .trim()
            .parse::<i64>()
            .map_or_else(|_| text.into(), Value::from),
        Form::Boolean => text
            .trim()
            .parse::<bool>()
            .map_or_else(|_| text.into(), Value::from),
        Form::List => list(text),
        Form::TextOrList if text.contains(',') => list(text),
        Form::Text | Form::TextOrList | Form::Table => text.into(),
    }
}
