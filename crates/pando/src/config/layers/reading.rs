//! Reading the document of all layers, and what is said of a value of the wrong kind.

use super::document::{put, remove};
use super::{Origin, Problem};
use crate::config::Config;
use serde_json::Value;
use std::collections::BTreeMap;

/// Of a value so much is repeated.
const SHOWN_CHARS: usize = 80;
/// What a setting may look like, where people miss its kind.
const EXAMPLES: [(&str, &str); 3] = [
    ("command", "[\"python3\", \"mail.py\"]"),
    ("cron", "\"0 9 * * mon-fri\""),
    ("on", "[\"rest/orders:insert\", \"docs/*\"]"),
];

/// Reads the document; each fault is told, with the path of its setting, and replaced by its default,
/// until it reads.
pub(super) fn read_document(
    document: &mut Value,
    origins: &BTreeMap<String, Origin>,
    mut tell: impl FnMut(String, Problem),
) -> Config {
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    // Each round mends one setting, so there are at most as many as there are settings.
    for _ in 0..=origins.len() {
        let error = match serde_path_to_error::deserialize::<_, Config>(document.clone()) {
            Ok(config) => return config,
            Err(error) => error,
        };
        let at = error.path().to_string();
        let known = origins
            .iter()
            .find(|(path, _)| at == **path || at.starts_with(&format!("{path}[")))
            .or_else(|| origins.iter().find(|(path, _)| path.starts_with(&at)));
        let Some((path, origin)) = known else {
            let problem = Problem {
                place: at.clone(),
                message: error.inner().to_string(),
                hint: None,
            };
            tell(at, problem);
            break;
        };
        let said = error.inner().to_string();
        let (message, hint) = wording(path, said, document);
        let problem = Problem {
            place: format!("{origin} ({path})"),
            message,
            hint,
        };
        tell(path.clone(), problem);
        let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
        let default = parts
            .iter()
            .try_fold(&defaults, |value, key| value.get(key));
        match default {
            Some(default) => put(document, &parts, default.clone()),
            None => remove(document, &parts),
        }
    }
    Config::default()
}

/// What is wrong with a value, and how to mend it: a lone text where a list is wanted is the list's
/// one item, or a command's words.
fn wording(path: &str, said: String, document: &Value) -> (String, Option<String>) {
    let name = path.rsplit('.').next().unwrap_or(path);
    let found = path
        .split('.')
        .try_fold(document, |value, key| value.get(key));
    if let Some(Value::String(text)) = found
        && said.contains("expected a sequence")
    {
        let words: Vec<&str> = match name {
            "command" => words_of(text),
            _ => vec![text],
        };
        let shows = !words.is_empty() && text.chars().count() <= SHOWN_CHARS;
        let shown: String = text.chars().take(SHOWN_CHARS).collect();
        let list = Value::from(words.clone())
            .to_string()
            .replace("\",\"", "\", \"");
        let what = match name {
            "command" => "a list of words",
            _ => "a list",
        };
        let hint = shows.then(|| format!("write {name} = {list}"));
        let hint = hint.or_else(|| example_of(name));
        return (format!("is the text {shown:?}, and has to be {what}"), hint);
    }
    (said, example_of(name))
}

fn example_of(name: &str) -> Option<String> {
    let example = EXAMPLES.iter().find(|(known, _)| *known == name);
    example.map(|(name, example)| format!("write {name} = {example}, for instance"))
}

/// What a shell would read is left to a shell.
fn words_of(text: &str) -> Vec<&str> {
    let is_plain = |c: char| c.is_alphanumeric() || c.is_whitespace() || "-_./:=,@%+".contains(c);
    match text.chars().all(is_plain) {
        true => text.split_whitespace().collect(),
        false => vec!["sh", "-c", text],
    }
}
